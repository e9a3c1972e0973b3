"""What a user's kubeconfig says, checked before it is used: each mistake by its file, its field and what to do.

kubernetes-asyncio reads the same files afterwards; it takes them to be well-formed.
See https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/.

Layer: shell.
"""

import base64
import binascii
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509

from kdlib.errors import Problem, RefusedError
from kdlib.frozen import Json

__all__ = ["check_kubeconfig"]

_SECTIONS = {"contexts": "context", "clusters": "cluster", "users": "user"}
_MARK = b"-----BEGIN "
_TIME = "%Y-%m-%d at %H:%M"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One named entry of a section, and the file that it stands in."""

    file: Path
    value: Mapping[str, Any]


@dataclass(slots=True)
class _Merged:
    """The files of one kubeconfig, merged as kubectl does: what is said first counts."""

    paths: str
    current: str = ""
    entries: dict[str, dict[str, _Entry]] = field(default_factory=lambda: {section: {} for section in _SECTIONS})


def check_kubeconfig(paths: str, context: str | None, now: datetime) -> str:
    """Return the name of the context to use: the one given, else the current one.

    `paths` are files, joined as in KUBECONFIG. Raises RefusedError for what keeps the context from being used; a
    client certificate must be valid at `now`.
    """
    files = [Path(path).expanduser() for path in paths.split(os.pathsep) if path]
    there = [file for file in files if file.exists()]
    if not there:
        remedy = "name a file by --kubeconfig or KUBECONFIG"
        raise RefusedError(_subject(paths), [Problem("(the file)", "is not there", remedy)])
    merged = _Merged(paths)
    for file in there:
        _merge(merged, file)
    name = _chosen(merged, context)
    used = merged.entries["contexts"][name]
    cluster = _used(merged, name, used, "cluster")
    problems = list(_cluster_problems(str(used.value["cluster"]), cluster))
    _refuse(cluster.file, problems)
    if used.value.get("user"):
        user = _used(merged, name, used, "user")
        _refuse(user.file, list(_user_problems(str(used.value["user"]), user, now)))
    return name


def _subject(path: object) -> str:
    return f'kubeconfig "{path}"'


def _refuse(file: Path | str, problems: list[Problem]) -> None:
    if problems:
        raise RefusedError(_subject(file), problems)


def _merge(merged: _Merged, file: Path) -> None:
    document = _read(file)
    merged.current = merged.current or str(document.get("current-context") or "")
    for section, key in _SECTIONS.items():
        items = document.get(section) or []
        if not isinstance(items, list):
            _refuse(file, [Problem(section, "is no list", "write one entry with a name for each")])
        for index, item in enumerate(items):
            name = item.get("name") if isinstance(item, dict) else None
            value = (item.get(key) or {}) if isinstance(item, dict) else None
            if not isinstance(name, str) or not isinstance(value, dict):
                _refuse(file, [Problem(f"{section}[{index}]", f"is no entry with name and {key}", "correct it")])
            else:
                merged.entries[section].setdefault(name, _Entry(file, value))


def _read(file: Path) -> Json:
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        raise RefusedError(
            _subject(file), [Problem("(the file)", what, "check the path and its permissions")]
        ) from None
    except UnicodeDecodeError:
        problem = Problem("(the file)", "is not YAML: it holds bytes that are no text", "name a kubeconfig")
        raise RefusedError(_subject(file), [problem]) from None
    except yaml.YAMLError as error:
        problem = Problem("(the file)", f"is not YAML: {_yaml_words(error)}", "correct it, or name another file")
        raise RefusedError(_subject(file), [problem]) from None
    match document:
        case None:
            raise RefusedError(_subject(file), [Problem("(the file)", "is empty", "fill it, or name another file")])
        case dict():
            return document
        case _:
            raise RefusedError(_subject(file), [Problem("(the file)", "is no kubeconfig", "name another file")])


def _yaml_words(error: yaml.YAMLError) -> str:
    mark, words = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    return f"line {mark.line + 1}: {words}" if mark and words else "it holds characters that YAML does not allow"


def _chosen(merged: _Merged, context: str | None) -> str:
    known = ", ".join(map(repr, sorted(merged.entries["contexts"])))
    listed = f"its contexts are {known}" if known else "it has no contexts"
    name = context or merged.current
    if not name:
        remedy = f"name one by --context, or run kubectl config use-context ({listed})"
        _refuse(merged.paths, [Problem("current-context", "is not set", remedy)])
    if name not in merged.entries["contexts"]:
        where = "contexts" if context else "current-context"
        _refuse(merged.paths, [Problem(where, f"there is no context {name!r}", listed)])
    return name


def _used(merged: _Merged, name: str, used: _Entry, key: str) -> _Entry:
    """Return the cluster or the user that a context names."""
    wanted, section = used.value.get(key), f"{key}s"
    found = merged.entries[section].get(str(wanted or ""))
    if found is None:
        what = f"there is no {key} {wanted!r}" if wanted else f"names no {key}"
        known = ", ".join(map(repr, sorted(merged.entries[section]))) or "none"
        raise RefusedError(
            _subject(used.file), [Problem(f"contexts[{name}].{key}", what, f"the {section} there are: {known}")]
        )
    return found


def _cluster_problems(name: str, cluster: _Entry) -> Iterator[Problem]:
    path, server = f"clusters[{name}]", cluster.value.get("server")
    if not server:
        yield Problem(f"{path}.server", "is missing", "write the API server's address: https://HOST:PORT")
    elif not str(server).startswith(("https://", "http://")):
        yield Problem(f"{path}.server", f"{server!r} is no address", "write https://HOST:PORT")
    yield from _pem_problems(path, cluster, "certificate-authority")


def _user_problems(name: str, user: _Entry, now: datetime) -> Iterator[Problem]:
    path = f"users[{name}]"
    problems = [*_pem_problems(path, user, "client-certificate"), *_pem_problems(path, user, "client-key")]
    yield from problems
    if not problems and _content(user, "client-certificate") is not None:
        yield from _expiry(path, user, now)


def _expiry(path: str, user: _Entry, now: datetime) -> Iterator[Problem]:
    where = f"{path}.{_key(user, 'client-certificate')}"
    try:
        found = x509.load_pem_x509_certificate(_content(user, "client-certificate") or b"")
    except ValueError:
        yield Problem(where, "holds no certificate that can be read", "write a PEM certificate")
        return
    begin, end = found.not_valid_before_utc, found.not_valid_after_utc
    if end < now:
        what = f"the client certificate expired on {end:{_TIME}} UTC"
        yield Problem(where, what, "get new credentials from whoever gave you the kubeconfig")
    if begin > now:
        what = f"the client certificate is valid only from {begin:{_TIME}} UTC on, and here it is {now:{_TIME}}"
        yield Problem(where, what, "set the clock of this machine")


def _pem_problems(path: str, entry: _Entry, name: str) -> Iterator[Problem]:
    where, kind = f"{path}.{_key(entry, name)}", "a PEM key" if name == "client-key" else "a PEM certificate"
    try:
        content = _content(entry, name)
    except (binascii.Error, ValueError):
        yield Problem(where, "is not base64", f"write {kind}, encoded by base64 -w0")
        return
    except OSError as error:
        what = f"file {str(_file(entry, name))!r} cannot be read: {error.strerror}"
        yield Problem(where, what, "correct the path, or the file's permissions")
        return
    if content is not None and _MARK not in content:
        yield Problem(where, f"holds no {kind.removeprefix('a ')}", f"write {kind}")


def _key(entry: _Entry, name: str) -> str:
    return f"{name}-data" if entry.value.get(f"{name}-data") else name


def _content(entry: _Entry, name: str) -> bytes | None:
    """Return the bytes that an entry holds or points at; None where it says nothing."""
    data = entry.value.get(f"{name}-data")
    if data:
        return base64.b64decode("".join(str(data).split()), validate=True)
    return _file(entry, name).read_bytes() if entry.value.get(name) else None


def _file(entry: _Entry, name: str) -> Path:
    return entry.file.parent / Path(str(entry.value[name])).expanduser()
