"""plan(): the difference between what is intended and what was observed, as waves of steps.

Layer: pure.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from kdlib.frozen import Json, dig
from kdlib.graph.containment import contained
from kdlib.graph.objects import INTENT, ObjectGraph
from kdlib.graph.references import Hold, Ownership, controller_of, owner_reference, ref_of
from kdlib.wire import Kind, Ref

__all__ = ["Adopt", "Apply", "Delete", "Plan", "Release", "Step", "Why", "plan"]


class Why(StrEnum):
    """Why an object is applied."""

    MISSING = "missing"
    """No such object was observed. Apply it without force: an object of somebody else then answers with a conflict."""
    CHANGED = "changed"
    """The intent differs from the one that was applied last."""
    DRIFTED = "drifted"
    """Somebody changed or removed what was applied."""


@dataclass(frozen=True, slots=True)
class Apply:
    """Apply the object by server-side apply; with force unless it is missing.

    `irreversible` is True where it lowers `spec.replicas` of what is there: members end.
    """

    ref: Ref
    target: Json
    why: Why
    irreversible: bool = False

    def __str__(self) -> str:
        return f"apply {self.ref} ({self.why})"


@dataclass(frozen=True, slots=True)
class Adopt:
    """Replace the owner references of an object whose owner was this root's former self (RC-41).

    Server-side apply cannot remove what others own, so `patch` is the body of a merge patch; the UID and the
    resource version in it make it fail on any other object or state.
    """

    ref: Ref
    patch: Json
    irreversible: bool = False

    def __str__(self) -> str:
        return f"adopt {self.ref}"


@dataclass(frozen=True, slots=True)
class Release:
    """Take this root, and its former self, from the owners of an object that outlives it; `patch` is as in `Adopt`."""

    ref: Ref
    patch: Json
    irreversible: bool = False

    def __str__(self) -> str:
        return f"release {self.ref}"


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the object of this UID in this resource version; its dependents go in the background.

    With `force` it is gone at once, whether or not somebody reports that what it stands for has ended.
    """

    ref: Ref
    uid: str
    resource_version: str
    force: bool = False
    irreversible: bool = True

    def __str__(self) -> str:
        return f"delete {self.ref}{' by force' if self.force else ''}"


Step: TypeAlias = Apply | Adopt | Release | Delete


@dataclass(frozen=True)
class Plan:
    """What is to be done, wave after wave; the steps of one wave do not wait for one another.

    `blocked` names intended objects that somebody else controls, with words; they are not touched.
    Where `irreversible` is True, read the root once more, from the storage, before the first step.
    """

    waves: tuple[tuple[Step, ...], ...] = ()
    blocked: tuple[tuple[Ref, str], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is to be done."""
        return not self.waves

    @property
    def irreversible(self) -> bool:
        """Tell whether a step cannot be undone."""
        return any(step.irreversible for step in self.steps)

    @property
    def creates(self) -> bool:
        """Tell whether a step makes what is not there."""
        return any(isinstance(step, Apply) and step.why is Why.MISSING for step in self.steps)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return all steps in order."""
        return tuple(step for wave in self.waves for step in wave)


def plan(graph: ObjectGraph, observed: Iterable[Json], *, root: Json, deletable: Collection[Kind] = ()) -> Plan:
    """Plan how what was observed becomes what is intended.

    First, objects of the root's former self are adopted, and those to be released let go of; then the graph's `first`
    objects are applied, then the others; last, objects of a `deletable` kind that the root controls and does not want
    are deleted, and those that are to be renewed. An object whose deletion is under way is left alone, unless it is to
    be forced. The order of `observed` does not matter.
    """
    ownership = Ownership(root)
    live = {ref_of(obj): obj for obj in observed}
    adopts, applies, blocked = [], [], []
    for ref, target in graph.by_ref.items():
        there = live.get(ref)
        if there is not None:
            hold = ownership.hold(there)
            if hold is Hold.FOREIGN:
                blocked.append((ref, _foreign_words(there)))
                continue
            if hold is Hold.FORMER and not _is_going(there):
                adopts.append(_adopt(ref, there, root))
        step = _apply(ref, target, there)
        if step is not None:
            applies.append(step)
    first = set(graph.first)
    waves: tuple[tuple[Step, ...], ...] = (
        (*adopts, *_releases(graph, live, ownership)),
        tuple(step for step in applies if step.ref in first),
        tuple(step for step in applies if step.ref not in first),
        tuple(_deletes(graph, live, ownership, frozenset(deletable))),
    )
    return Plan(tuple(filter(None, waves)), tuple(blocked))


def _apply(ref: Ref, target: Json, live: Json | None) -> Apply | None:
    """Return the step that makes the object true, or None where it is, or where it is on its way out."""
    if live is None:
        return Apply(ref, target, Why.MISSING)
    if _is_going(live):
        return None
    if _intent(live) != _intent(target):
        return Apply(ref, target, Why.CHANGED, irreversible=_shrinks(target, live))
    return None if contained(target, live) else Apply(ref, target, Why.DRIFTED, irreversible=_shrinks(target, live))


def _intent(obj: Json) -> str | None:
    found: str | None = (obj["metadata"].get("annotations") or {}).get(INTENT)
    return found


def _shrinks(target: Json, live: Json) -> bool:
    replicas = dig(target, "spec", "replicas")
    return isinstance(replicas, int) and replicas < dig(live, "spec", "replicas", default=0)


def _adopt(ref: Ref, live: Json, root: Json) -> Adopt:
    metadata = {
        "uid": dig(live, "metadata", "uid"),
        "resourceVersion": dig(live, "metadata", "resourceVersion"),
        "ownerReferences": [owner_reference(root)],
    }
    return Adopt(ref, {"metadata": metadata})


def _releases(graph: ObjectGraph, live: dict[Ref, Json], ownership: Ownership) -> Iterable[Release]:
    for ref in graph.released:
        obj = live.get(ref)
        if obj is not None and not _is_going(obj):
            step = _release(ref, obj, ownership)
            if step is not None:
                yield step


def _release(ref: Ref, live: Json, ownership: Ownership) -> Release | None:
    if ownership.hold(live) not in (Hold.OWN, Hold.FORMER):
        return None
    metadata = live["metadata"]
    others = [item for item in metadata["ownerReferences"] if item != controller_of(live)]
    names = {"uid": metadata.get("uid"), "resourceVersion": metadata.get("resourceVersion")}
    return Release(ref, {"metadata": {**names, "ownerReferences": others or None}})


def _deletes(
    graph: ObjectGraph, live: dict[Ref, Json], ownership: Ownership, deletable: frozenset[Kind]
) -> Iterable[Delete]:
    wanted = {*graph.by_ref, *graph.kept, *graph.released}
    for ref in sorted(set(live) - wanted):
        obj = live[ref]
        is_unwanted = ref.kind in deletable and ownership.holds(obj)
        is_forced = ref in graph.forced and _is_going(obj)
        if is_forced or ((is_unwanted or ref in graph.renewed) and not _is_going(obj)):
            metadata = obj["metadata"]
            yield Delete(ref, metadata.get("uid", ""), metadata.get("resourceVersion", ""), force=is_forced)


def _is_going(obj: Json) -> bool:
    return bool(obj["metadata"].get("deletionTimestamp"))


def _foreign_words(obj: Json) -> str:
    controller = controller_of(obj) or {}
    return f"is controlled by {controller.get('kind')} {controller.get('name')!r}"
