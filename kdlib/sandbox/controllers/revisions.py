"""Revisions of a StatefulSet: what is recorded of it, under which name, and which one is due.

Names equal those of a real controller manager for equal templates, since the same bytes are hashed in the same way.
Source: https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#controllerrevision.

Layer: pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from kdlib.frozen import Json, canonical
from kdlib.sandbox.controllers.objects import controller_reference

__all__ = [
    "Due",
    "due_revision",
    "new_revision",
    "obsolete",
    "recorded",
    "revision_hash",
    "safe_encoded",
    "template_of",
]

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_LONGEST_PREFIX = 223


@dataclass(frozen=True, slots=True)
class Due:
    """The revision that the set's template belongs to: `known` as it is, or to be moved up to `number`, or new."""

    known: Json | None
    number: int


def recorded(template: Json) -> Json:
    """Return the patch that brings a set back to this pod template; a revision's data."""
    return {"spec": {"template": {**template, "$patch": "replace"}}}


def template_of(revision: Json) -> Json:
    """Return the pod template that a revision recorded."""
    return {key: value for key, value in revision["data"]["spec"]["template"].items() if key != "$patch"}


def due_revision(template: Json, revisions: Sequence[Json]) -> Due:
    """Find the revision for a template among those known, which are sorted by number.

    An older equal one is to be used again under a new number, as after a roll-back.
    """
    data = recorded(template)
    newest = revisions[-1]["revision"] if revisions else 0
    equal = next((each for each in reversed(revisions) if each["data"] == data), None)
    is_newest = equal is not None and equal["revision"] == newest
    return Due(equal, newest if is_newest else newest + 1)


def new_revision(owner: Json, number: int, collision_count: int) -> Json:
    """Make the ControllerRevision of the owner's present template."""
    template, metadata = owner["spec"]["template"], owner["metadata"]
    data = recorded(template)
    labels = dict((template.get("metadata") or {}).get("labels") or {})
    letters = labels["controller.kubernetes.io/hash"] = revision_hash(data, collision_count)
    made: Json = {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": f"{metadata['name'][:_LONGEST_PREFIX]}-{letters}",
            "namespace": metadata["namespace"],
            "labels": labels,
            "ownerReferences": [controller_reference(owner)],
        },
        "data": data,
        "revision": number,
    }
    if metadata.get("annotations"):
        made["metadata"]["annotations"] = dict(metadata["annotations"])
    return made


def obsolete(revisions: Sequence[Json], in_use: set[str], limit: int) -> list[Json]:
    """Return the oldest revisions beyond the limit that neither the set nor a pod uses."""
    unused = [each for each in revisions if each["metadata"]["name"] not in in_use]
    return unused[: max(0, len(unused) - limit)] if limit >= 0 else []


def revision_hash(data: Json, collision_count: int) -> str:
    """Hash a revision's data as Kubernetes does: 32-bit FNV-1 of its JSON and the count, in letters of names."""
    number = 0x811C9DC5
    for byte in _go_json(data) + str(collision_count).encode():
        number = (number * 0x01000193) & 0xFFFFFFFF ^ byte
    return safe_encoded(str(number))


def safe_encoded(text: str) -> str:
    """Write digits with letters from which no words arise."""
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in text.encode())


def _go_json(value: Json) -> bytes:
    """Encode as Go's encoding/json does: keys sorted, no blanks, and what HTML would read escaped."""
    text = canonical(value).decode()
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text.encode()
