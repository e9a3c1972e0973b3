"""Rules for labels, annotations and names that go onto objects (specification 2.3.4).

Layer: pure.
"""

import re
from collections.abc import Iterator, Mapping

from kdlib.errors import Problem
from kdlib.model import Cluster, ClusterRole
from kdlib.names import is_dns_subdomain

__all__ = [
    "MOST_ANNOTATION_BYTES",
    "annotation_bytes",
    "annotation_problems",
    "fitting_name",
    "is_label_key",
    "is_label_value",
    "label_problems",
    "valid_metadata",
]

_NAME_PART = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
MOST_ANNOTATION_BYTES = 256 * 1024
"""Most bytes of keys and values of all annotations of one object."""


def valid_metadata(role: ClusterRole, path: str) -> Iterator[Problem]:
    """CL-V-19: labels and annotations of a role obey the syntax of Kubernetes."""
    yield from label_problems(role.pod_labels or {}, f"{path}.podLabels", "CL-V-19")
    yield from label_problems(role.service_labels or {}, f"{path}.serviceLabels", "CL-V-19")
    yield from annotation_problems(role.pod_annotations or {}, f"{path}.podAnnotations", "CL-V-19")
    yield from annotation_problems(role.service_annotations or {}, f"{path}.serviceAnnotations", "CL-V-19")


def fitting_name(cluster: Cluster) -> Iterator[Problem]:
    """CL-X-04 (ours): the root's name fits into a label value, which every object of the cluster carries."""
    if len(cluster.name) > 63:
        what = f"{cluster.name!r} is longer than a label value may be"
        yield Problem("metadata.name", what, "use a name of at most 63 characters", "CL-X-04")


def label_problems(labels: Mapping[str, str], path: str, rule: str) -> Iterator[Problem]:
    """Yield what is wrong with a map of labels.

    See https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set.
    """
    for key, value in sorted(labels.items()):
        yield from _key_problems(key, path, rule)
        if not is_label_value(value):
            remedy = "use at most 63 letters, digits, '-', '_', '.', with a letter or digit at both ends"
            yield Problem(f"{path}[{key}]", f"{value!r} is not a label value", remedy, rule)


def annotation_problems(annotations: Mapping[str, str], path: str, rule: str) -> Iterator[Problem]:
    """Yield what is wrong with a map of annotations: their keys, and the size of all."""
    for key in sorted(annotations):
        yield from _key_problems(key.lower(), path, rule)
    size = annotation_bytes(annotations)
    if size > MOST_ANNOTATION_BYTES:
        yield Problem(path, f"has {size} bytes", f"use at most {MOST_ANNOTATION_BYTES} bytes in all", rule)


def annotation_bytes(annotations: Mapping[str, str]) -> int:
    """Return the size of annotations as an API server counts it."""
    return sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())


def is_label_value(text: str) -> bool:
    """Tell whether the text can be the value of a label; an empty one can."""
    return not text or _NAME_PART.fullmatch(text) is not None


def is_label_key(text: str) -> bool:
    """Tell whether the text can be the key of a label, with a domain before it or without."""
    prefix, slash, name = text.rpartition("/")
    return _NAME_PART.fullmatch(name) is not None and (not slash or is_dns_subdomain(prefix))


def _key_problems(key: str, path: str, rule: str) -> Iterator[Problem]:
    if not is_label_key(key):
        remedy = "write it as name or example.org/name"
        yield Problem(f"{path}[{key}]", f"{key!r} is not a key of labels or annotations", remedy, rule)
