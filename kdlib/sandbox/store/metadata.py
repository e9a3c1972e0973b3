"""Checks of metadata that hold for every kind.

See https://kubernetes.io/docs/concepts/overview/working-with-objects/names/.

Layer: pure.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from kdlib.frozen import Json
from kdlib.sandbox.store.faults import FieldError, forbidden_field, invalid_value, required
from kdlib.wire import Kind, label_key_problems, label_value_problems

__all__ = [
    "dns_label_problems",
    "dns_subdomain_problems",
    "finalizer_warnings",
    "is_standard_finalizer",
    "label_errors",
    "metadata_errors",
    "update_errors",
]

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and"
    " end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with"
    " an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_MOST_ANNOTATION_BYTES = 256 * 1024
_LABEL_NAMED = frozenset({"Namespace", "Service", "StatefulSet"})
_PATH_NAMED = frozenset({"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"})


@lru_cache(maxsize=4096)
def dns_subdomain_problems(name: str) -> tuple[str, ...]:
    """Return what keeps a name from being a DNS subdomain."""
    problems = ("must be no more than 253 bytes",) if len(name) > 253 else ()
    return problems if _SUBDOMAIN.fullmatch(name) else (*problems, _SUBDOMAIN_RULE)


@lru_cache(maxsize=4096)
def dns_label_problems(name: str) -> tuple[str, ...]:
    """Return what keeps a name from being a DNS label."""
    problems = ("must be no more than 63 bytes",) if len(name) > 63 else ()
    if _LABEL.fullmatch(name):
        return problems
    return (*problems, "must not contain dots" if _SUBDOMAIN.fullmatch(name) else _LABEL_RULE)


def _path_problems(name: str) -> tuple[str, ...]:
    if name in {".", ".."}:
        return (f"may not be '{name}'",)
    return tuple(f"may not contain '{letter}'" for letter in "/%" if letter in name)


def _name_rule(kind: Kind) -> Callable[[str], tuple[str, ...]]:
    if kind.name in _LABEL_NAMED:
        return dns_label_problems
    return _path_problems if kind.name in _PATH_NAMED else dns_subdomain_problems


def metadata_errors(kind: Kind, metadata: Json, *, is_custom: bool = False) -> Iterator[FieldError]:
    """Yield what is wrong with an object's metadata; custom kinds take finalizers of any qualified name."""
    yield from _name_errors(kind, metadata)
    if kind.namespaced and not metadata.get("namespace"):
        yield required("metadata.namespace")
    yield from label_errors(metadata.get("labels") or {}, "metadata.labels")
    yield from _annotation_errors(metadata.get("annotations") or {})
    yield from _owner_errors(metadata.get("ownerReferences") or [])
    for index, finalizer in enumerate(metadata.get("finalizers") or []):
        yield from _finalizer_errors(finalizer, f"metadata.finalizers[{index}]", is_custom=is_custom)


def _name_errors(kind: Kind, metadata: Json) -> Iterator[FieldError]:
    name, base = metadata.get("name", ""), metadata.get("generateName", "")
    rule = _name_rule(kind)
    if base:
        for problem in rule(base.rstrip("-.") + "a" if base else base):
            yield invalid_value("metadata.generateName", base, problem)
    if not name:
        yield required("metadata.name", "name or generateName is required")
        return
    for problem in rule(name):
        yield invalid_value("metadata.name", name, problem)


def label_errors(labels: Mapping[str, Any], path: str) -> Iterator[FieldError]:
    """Yield what is wrong with labels."""
    for key, value in sorted(labels.items()):
        for problem in label_key_problems(key):
            yield invalid_value(path, key, problem)
        for problem in label_value_problems(value):
            yield invalid_value(path, value, problem)


def _annotation_errors(annotations: Mapping[str, str]) -> Iterator[FieldError]:
    size = 0
    for key, value in sorted(annotations.items()):
        size += len(key.encode()) + len(value.encode())
        for problem in label_key_problems(key.lower()):
            yield invalid_value("metadata.annotations", key, problem)
    if size > _MOST_ANNOTATION_BYTES:
        detail = f"may not be more than {_MOST_ANNOTATION_BYTES} bytes"
        yield FieldError("metadata.annotations", "FieldValueTooLong", detail)


def _owner_errors(owners: list[Json]) -> Iterator[FieldError]:
    controllers = [owner for owner in owners if owner.get("controller")]
    for owner in owners:
        path = "metadata.ownerReferences"
        for field in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(field):
                what = "version must not be empty" if field == "apiVersion" else "must not be empty"
                yield invalid_value(f"{path}.{field}", "", what)
    if len(controllers) > 1:
        first, second = controllers[0], controllers[1]
        detail = (
            "Only one reference can have Controller set to true. Found "
            f'"true" in references for {first["kind"]}/{first["name"]} and {second["kind"]}/{second["name"]}'
        )
        yield invalid_value("metadata.ownerReferences", owners, detail)


_FREE_FINALIZERS = frozenset({"orphan", "foregroundDeletion", "kubernetes"})


def is_standard_finalizer(finalizer: str) -> bool:
    """Tell whether a finalizer's name is qualified by a domain, or one that Kubernetes itself uses."""
    return "/" in finalizer or finalizer in _FREE_FINALIZERS


def _finalizer_errors(finalizer: str, path: str, *, is_custom: bool) -> Iterator[FieldError]:
    problems = label_key_problems(finalizer)
    for problem in problems:
        yield invalid_value(path, finalizer, problem)
    if not problems and not is_custom and not is_standard_finalizer(finalizer):
        yield invalid_value(path, finalizer, "name is neither a standard finalizer name nor is it fully qualified")


def finalizer_warnings(metadata: Json) -> list[str]:
    """Return a warning for each finalizer that others might use by chance, too."""
    advice = "prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers"
    return [
        f'metadata.finalizers: "{finalizer}": {advice}'
        for finalizer in metadata.get("finalizers") or ()
        if not is_standard_finalizer(finalizer)
    ]


def update_errors(kind: Kind, new: Json, old: Json, *, is_custom: bool, is_checked_again: bool) -> list[FieldError]:
    """Return what is wrong with the metadata of an update, each as often as the reference server says it."""
    own = list(metadata_errors(kind, new, is_custom=is_custom))
    changes = list(metadata_update_errors(new, old))
    if not own and not changes:
        return []
    repeated = [error for error in own if error.path in {"metadata.labels", "metadata.annotations"}]
    more = own if is_checked_again else []
    return [*own, *changes, *repeated, *changes, *repeated, *more]


def metadata_update_errors(new: Json, old: Json) -> Iterator[FieldError]:
    """Yield what an update may not change in metadata."""
    for field in ("name", "namespace", "uid", "creationTimestamp"):
        if new.get(field) != old.get(field):
            yield invalid_value(f"metadata.{field}", new.get(field), "field is immutable")
    if old.get("deletionTimestamp"):
        kept = old.get("finalizers") or []
        added = [finalizer for finalizer in new.get("finalizers") or [] if finalizer not in kept]
        if added:
            shown = ", ".join(f'"{finalizer}"' for finalizer in added)
            what = "no new finalizers can be added if the object is being deleted, found new finalizers"
            yield forbidden_field("metadata.finalizers", f"{what} []string{{{shown}}}")
