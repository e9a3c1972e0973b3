"""What is wrong with an object before any rule of its kind: its version, its metadata, fields that its kind lacks.

Layer: pure.
"""

import difflib
from collections.abc import Iterator
from functools import cache

from kdlib.errors import Problem
from kdlib.frozen import Json
from kdlib.model import CONFIG_NAME, api_path, crd
from kdlib.names import GROUP, is_dns_label, is_dns_subdomain
from kdlib.offline.subjects import LEGACY_GROUP, OUR_KINDS, Subject
from kdlib.wire import KD_APP, KD_CONFIG

__all__ = ["file_mode_problems", "metadata_problems", "unknown_fields", "version_problems"]

_METADATA = (
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
)
"""Fields of an object's metadata, those included that only exported objects have."""

_USUAL_MODES = {"400", "440", "444", "500", "550", "555", "600", "640", "644", "660", "664", "666", "700", "711"}
_USUAL_MODES |= {"740", "744", "750", "754", "755", "770", "775", "777", "4755", "1777"}
_MOST_UNKNOWN = 50
_LONGEST_APP_NAME = 63


def version_problems(subject: Subject) -> Iterator[Problem]:
    """CK-S-01 and CK-S-06: kind and API version are there and belong together; older dialects are not checked."""
    version, kind = subject.value.get("apiVersion"), subject.value.get("kind")
    expected = f"{GROUP}/v1beta1"
    if subject.group == LEGACY_GROUP:
        remedy = f"write it as {expected} to have it checked"
        yield Problem("apiVersion", f"{version!r} is an older dialect, which is not checked", remedy, "CK-S-06")
    elif not version:
        yield Problem("apiVersion", "is required", f"add apiVersion: {expected}", "CK-S-01")
    elif version != expected:
        yield Problem("apiVersion", f"{version!r} is not known", f"write {expected}", "CK-S-01")
    if subject.group != LEGACY_GROUP and subject.kind not in OUR_KINDS:
        close = difflib.get_close_matches(str(kind), OUR_KINDS, n=1)
        listed = close[0] if close else "one of " + ", ".join(OUR_KINDS)
        yield Problem("kind", f"{kind!r} is not known" if kind else "is required", f"write {listed}", "CK-S-01")


def metadata_problems(subject: Subject) -> Iterator[Problem]:
    """CK-S-02: name, namespace and the maps of the metadata are what an API server takes."""
    metadata = subject.value.get("metadata")
    if not isinstance(metadata, dict):
        yield Problem("metadata", "must be an object" if metadata else "is required", "add metadata.name", "CK-S-02")
        return
    yield from _name_problems(metadata, subject.kind)
    namespace = metadata.get("namespace")
    if namespace is not None and not (isinstance(namespace, str) and (not namespace or is_dns_label(namespace))):
        remedy = "use at most 63 lower case letters, digits and inner hyphens"
        yield Problem("metadata.namespace", f"{namespace!r} is no name of a namespace", remedy, "CK-S-02")
    for key in ("labels", "annotations"):
        yield from _map_problems(metadata.get(key), f"metadata.{key}")


def _name_problems(metadata: Json, kind: str) -> Iterator[Problem]:
    name, path = metadata.get("name"), "metadata.name"
    if name is None or name == "":
        if not metadata.get("generateName"):
            yield Problem(path, "is required", "give the object a name", "CK-S-02")
    elif not isinstance(name, str):
        yield Problem(path, "must be a string", "put quotes around the value", "CK-S-02")
    elif not is_dns_subdomain(name):
        remedy = "use at most 253 lower case letters, digits, inner '-' and '.'"
        yield Problem(path, f"{name!r} is not a valid name", remedy, "CK-S-02")
    elif kind == KD_APP.name and len(name) > _LONGEST_APP_NAME:
        remedy = f"use at most {_LONGEST_APP_NAME} characters"
        yield Problem(path, f"{name!r} is too long for an app", remedy, "CK-S-02")
    elif kind == KD_CONFIG.name and name != CONFIG_NAME:
        what = f"{name!r} is not the name of the global configuration"
        yield Problem(path, what, f"name it {CONFIG_NAME!r}", "CK-S-02")


def _map_problems(value: object, path: str) -> Iterator[Problem]:
    if value is None:
        return
    if not isinstance(value, dict):
        yield Problem(path, "must be an object", "write key: value pairs", "CK-S-02")
        return
    for key, item in value.items():
        if not isinstance(item, str):
            yield Problem(
                api_path((*path.split("."), key)), "must be a string", "put quotes around the value", "CK-S-02"
            )


def unknown_fields(subject: Subject) -> Iterator[Problem]:
    """CK-S-04: every field is one that the kind has; an API server drops others, or kubectl refuses them."""
    found = 0
    todo: list[tuple[tuple[str | int, ...], object, Json]] = [((), subject.value, _schema(subject.kind))]
    while todo and found < _MOST_UNKNOWN:
        steps, value, schema = todo.pop()
        if isinstance(value, list) and "items" in schema:
            todo += [((*steps, index), item, schema["items"]) for index, item in enumerate(value)]
        elif isinstance(value, dict) and "properties" in schema:
            for problem in _unknown_keys(steps, value, schema):
                found += 1
                yield problem
            known = schema["properties"]
            todo += [((*steps, key), item, known[key]) for key, item in value.items() if key in known]


def _unknown_keys(steps: tuple[str | int, ...], value: Json, schema: Json) -> Iterator[Problem]:
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return
    for key in value:
        if key not in schema["properties"]:
            close = difflib.get_close_matches(key[:100], schema["properties"], n=1)
            remedy = f"write {close[0]}" if close else "remove it, or correct its name or indentation"
            yield Problem(api_path((*steps, key)), "is no field of this kind, and is dropped", remedy, "CK-S-04")


@cache
def _schema(kind: str) -> Json:
    schema: Json = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    properties = {**schema["properties"], "metadata": {"properties": {key: {} for key in _METADATA}}}
    return {**schema, "properties": {**properties, "status": {}}}


def file_mode_problems(subject: Subject) -> Iterator[Problem]:
    """CK-S-05: a file mode is the decimal form of the octal number meant: 0644 is 420, and 644 is something else."""
    for steps, value in _modes(subject):
        if not isinstance(value, bool) and isinstance(value, int) and str(value) in _USUAL_MODES:
            meant = int(str(value), 8)
            what = f"{value} is a decimal number, the mode {oct(value).replace('0o', '0')}"
            yield Problem(api_path(steps), what, f"write {meant} for 0{value}", "CK-S-05")


def _modes(subject: Subject) -> Iterator[tuple[tuple[str | int, ...], object]]:
    todo: list[tuple[tuple[str | int, ...], object]] = [(("spec",), subject.value.get("spec"))]
    while todo:
        steps, value = todo.pop()
        if steps[-1] in ("fileMode", "defaultMode"):
            yield steps, value
        elif isinstance(value, dict):
            todo += [((*steps, key), item) for key, item in value.items()]
        elif isinstance(value, list):
            todo += [((*steps, index), item) for index, item in enumerate(value)]
