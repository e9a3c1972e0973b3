"""What an object refers to, by the field that names it, and whether the files have it.

What the files lack may well be on the cluster, so it is a note, never an error.

Layer: pure.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kdlib.errors import Problem
from kdlib.frozen import Json, dig
from kdlib.names import GROUP, LABEL_CONFIG_MAP_TYPE, LABEL_SECRET_TYPE
from kdlib.offline.subjects import Objects, Subject, text_at
from kdlib.wire import KD_APP, KD_CLUSTER, KD_CONFIG

__all__ = ["Reference", "duplicate_problems", "reference_problems", "references"]

_TYPE_LABELS = {"ConfigMap": LABEL_CONFIG_MAP_TYPE, "Secret": LABEL_SECRET_TYPE}


@dataclass(frozen=True, slots=True)
class Reference:
    """One field that names another object."""

    path: str
    group: str
    kind: str
    name: str
    is_connection: bool = False


def references(subject: Subject) -> Iterator[Reference]:
    """Yield what an object refers to; works on any object, however wrong."""
    spec = subject.value.get("spec")
    if not isinstance(spec, dict):
        return
    found: Iterable[Reference] = ()
    if subject.kind == KD_CLUSTER.name:
        found = _of_cluster(spec)
    elif subject.kind == KD_CONFIG.name:
        name = text_at(spec, "defaultStorageClassName")
        found = [Reference("spec.defaultStorageClassName", "storage.k8s.io", "StorageClass", name)]
    yield from (reference for reference in found if reference.name)


def _of_cluster(spec: Json) -> Iterator[Reference]:
    yield Reference("spec.app", GROUP, KD_APP.name, text_at(spec, "app"))
    yield Reference("spec.defaultSecret.name", "", "Secret", text_at(spec, "defaultSecret", "name"))
    for field, group, kind in (
        ("clusters", GROUP, KD_CLUSTER.name),
        ("configmaps", "", "ConfigMap"),
        ("secrets", "", "Secret"),
    ):
        for index, name in enumerate(_list_at(spec, "connections", field)):
            if isinstance(name, str):
                yield Reference(f"spec.connections.{field}[{index}]", group, kind, name, is_connection=True)
    for index, role in enumerate(_list_at(spec, "roles")):
        if isinstance(role, dict):
            yield from _of_role(role, f"spec.roles[{index}]")


def _of_role(role: Json, path: str) -> Iterator[Reference]:
    yield Reference(f"{path}.secret.name", "", "Secret", text_at(role, "secret", "name"))
    if text_at(role, "serviceAccountName") != "default":
        yield Reference(f"{path}.serviceAccountName", "", "ServiceAccount", text_at(role, "serviceAccountName"))
    for field in ("storage", "blockStorage"):
        name = text_at(role, field, "storageClassName")
        yield Reference(f"{path}.{field}.storageClassName", "storage.k8s.io", "StorageClass", name)
    for index, item in enumerate(_list_at(role, "volumeProjections")):
        if isinstance(item, dict):
            where = f"{path}.volumeProjections[{index}].pvcName"
            yield Reference(where, "", "PersistentVolumeClaim", text_at(item, "pvcName"))


def _list_at(value: Json, *steps: str | int) -> list[object]:
    found = dig(value, *steps)
    return found if isinstance(found, list) else []


def reference_problems(subject: Subject, objects: Objects) -> Iterator[Problem]:
    """CK-R-01 and CK-R-03: what the object refers to is among the files, and labelled where it must be."""
    for reference in references(subject):
        known = objects.near(reference.group, reference.kind, reference.name, subject.namespace)
        anywhere = objects.named(reference.group, reference.kind, reference.name)
        if reference.kind == KD_APP.name:
            yield from _app_problems(subject, reference, [item.namespace for item in anywhere], is_near=bool(known))
        elif known:
            yield from _label_problems(reference, known)
        elif not (reference.kind == "StorageClass" and anywhere):
            what = f"{reference.kind} {reference.name!r} is not among the files"
            yield Problem(reference.path, what, "make sure that it is on the cluster", "CK-R-01")


def _label_problems(reference: Reference, known: Subject) -> Iterator[Problem]:
    label = _TYPE_LABELS.get(reference.kind)
    if reference.is_connection and label and dig(known.value, "metadata", "labels", label) is None:
        what = f"{reference.kind} {reference.name!r} has no label {label!r}, so members are not told of it"
        yield Problem(reference.path, what, "add the label", "CK-R-03")


def _app_problems(subject: Subject, reference: Reference, places: list[str], *, is_near: bool) -> Iterator[Problem]:
    catalog = dig(subject.value, "spec", "appCatalog")
    if not places:
        what = f"app {reference.name!r} is not among the files, so the roles were not checked against it"
        yield Problem(reference.path, what, "name the app's file too", "CK-R-01")
    elif catalog == "local" and not is_near:
        listed = ", ".join(map(repr, places))
        what = f"app {reference.name!r} is in namespace {listed}, and not in the cluster's own"
        yield Problem(reference.path, what, "make sure that it is on the cluster", "CK-R-01")


def duplicate_problems(subjects: Iterable[Subject]) -> Iterator[tuple[Subject, Problem]]:
    """CK-R-02: no two objects of KubeDirector in the files have the same kind, namespace and name."""
    counts: Counter[tuple[str, str, str]] = Counter()
    first: dict[tuple[str, str, str], Subject] = {}
    for subject in subjects:
        key = (subject.kind, subject.namespace, subject.name)
        if not subject.name:
            continue
        counts[key] += 1
        other = first.setdefault(key, subject)
        if counts[key] > 1:
            what = f"is defined before, at {other.document.path}:{other.document.line}"
            yield subject, Problem("metadata.name", what, "keep one of them", "CK-R-02")
