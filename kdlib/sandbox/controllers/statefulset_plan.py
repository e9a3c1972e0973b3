"""What is to be done for a StatefulSet: the steps of one look at its pods, and its status.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/.

Layer: pure.
"""

import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from kdlib.frozen import Json, dig
from kdlib.sandbox.controllers.pods import available_in_seconds, has_ended, is_running_and_ready, is_terminating

__all__ = ["Create", "Delete", "Member", "Mend", "Order", "Plan", "Step", "member", "order_of", "ordinal_of", "plan"]

REVISION_LABEL = "controller-revision-hash"

_POD_NAME = re.compile(r"(.+)-([0-9]+)")


@dataclass(frozen=True, slots=True)
class Order:
    """What the set asks for."""

    start: int
    replicas: int
    parallel: bool
    on_delete: bool
    partition: int
    min_ready_seconds: int
    terminating: bool

    def wants(self, ordinal: int) -> bool:
        """Tell whether the set shall have a pod of this ordinal."""
        return self.start <= ordinal < self.start + self.replicas


@dataclass(frozen=True, slots=True)
class Member:
    """One pod of the set, as far as decisions depend on it."""

    pod: Json
    ordinal: int
    revision: str
    ended: bool
    pending: bool
    terminating: bool
    ready: bool
    available_in: float | None
    consistent: bool = True
    """False where labels, volumes or the owners of its claims are not what the set asks for."""

    @property
    def available(self) -> bool:
        """Tell whether the pod has been ready for long enough."""
        return self.available_in == 0

    @property
    def healthy(self) -> bool:
        """Tell whether the pod is available and stays."""
        return self.available and not self.terminating


@dataclass(frozen=True, slots=True)
class Create:
    """Create the pod of this ordinal, at the update revision or the current one."""

    ordinal: int
    updated: bool


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the pod."""

    pod: Json


@dataclass(frozen=True, slots=True)
class Mend:
    """Bring labels, volumes and claims of the pod to what the set asks for; create claims that are missing."""

    pod: Json


Step: TypeAlias = Create | Delete | Mend
Blocking: TypeAlias = Generator[Step, None, bool]
"""Steps, and then whether the order of pods forbids to go on."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps, in order, the counts for the status, and when to look again though nothing happens."""

    steps: tuple[Step, ...]
    counts: tuple[tuple[str, int], ...]
    again_seconds: float | None


def ordinal_of(pod_name: str) -> tuple[str, int]:
    """Split a pod's name into its set's name and its ordinal; ("", -1) for other names."""
    found = _POD_NAME.fullmatch(pod_name)
    return (found[1], int(found[2])) if found else ("", -1)


def order_of(stateful_set: Json) -> Order:
    """Read what the set asks for."""
    spec = stateful_set["spec"]
    replicas = spec.get("replicas")
    return Order(
        start=dig(spec, "ordinals", "start", default=0),
        replicas=1 if replicas is None else replicas,
        parallel=spec.get("podManagementPolicy") == "Parallel",
        on_delete=dig(spec, "updateStrategy", "type") == "OnDelete",
        partition=dig(spec, "updateStrategy", "rollingUpdate", "partition", default=0),
        min_ready_seconds=spec.get("minReadySeconds") or 0,
        terminating=is_terminating(stateful_set),
    )


def member(pod: Json, min_ready_seconds: int, now: datetime) -> Member:
    """Read what decisions need of a pod."""
    return Member(
        pod=pod,
        ordinal=ordinal_of(pod["metadata"]["name"])[1],
        revision=(pod["metadata"].get("labels") or {}).get(REVISION_LABEL, ""),
        ended=has_ended(pod),
        pending=dig(pod, "status", "phase", default="Pending") == "Pending",
        terminating=is_terminating(pod),
        ready=is_running_and_ready(pod),
        available_in=available_in_seconds(pod, min_ready_seconds, now),
    )


def plan(order: Order, members: Sequence[Member], *, current: str, update: str) -> Plan:
    """Decide what to do now for a set with these pods, whose current and update revision have these names."""
    waits = [each.available_in for each in members if each.available_in]
    return Plan(
        steps=() if order.terminating else tuple(_steps(order, members, update)),
        counts=_counts(members, current, update),
        again_seconds=min(waits, default=None),
    )


def _steps(order: Order, members: Sequence[Member], update: str) -> Iterator[Step]:
    wanted: list[Member | None] = [None] * order.replicas
    condemned = []
    for each in members:
        if order.wants(each.ordinal):
            wanted[each.ordinal - order.start] = each
        else:
            condemned.append(each)
    condemned.sort(key=lambda each: -each.ordinal)
    blocked = yield from _keep(order, wanted)
    if blocked:
        return
    for each in condemned:
        if not each.consistent:
            yield Mend(each.pod)
    blocked = yield from _shrink(order, wanted, condemned)
    if blocked or order.on_delete:
        return
    yield from _roll(order, wanted, update)


def _keep(order: Order, wanted: Sequence[Member | None]) -> Blocking:
    """Create what is missing, replace what ended, mend what differs, in the order of ordinals."""
    for index, each in enumerate(wanted):
        if each is None:
            ordinal = order.start + index
            yield Create(ordinal, updated=ordinal >= order.start + order.partition or order.on_delete)
        else:
            yield from _kept(each)
        if not order.parallel and not _is_settled(each):
            return True
    return False


def _kept(pod: Member) -> Iterator[Step]:
    if pod.ended:
        if not pod.terminating:
            yield Delete(pod.pod)
    elif not pod.consistent:
        yield Mend(pod.pod)


def _is_settled(pod: Member | None) -> bool:
    return pod is not None and not pod.ended and pod.ready and pod.healthy


def _shrink(order: Order, wanted: Sequence[Member | None], condemned: Sequence[Member]) -> Blocking:
    """Delete pods beyond the wanted ones, the highest ordinal first; one at a time where order matters."""
    unhealthy = next((each for each in (*wanted, *reversed(condemned)) if each is None or not each.healthy), None)
    for each in condemned:
        if order.parallel:
            if not each.terminating:
                yield Delete(each.pod)
            continue
        if not each.terminating and ((each.ready and each.available) or each is unhealthy):
            yield Delete(each.pod)
        return True
    return False


def _roll(order: Order, wanted: Sequence[Member | None], update: str) -> Iterator[Step]:
    """Replace the highest pod of another revision, once those above it are available again."""
    for each in reversed(wanted[order.partition :]):
        if each is None:
            return
        if each.revision != update and not each.terminating:
            yield Delete(each.pod)
            return
        if not each.healthy:
            return


def _counts(members: Sequence[Member], current: str, update: str) -> tuple[tuple[str, int], ...]:
    staying = [each for each in members if not each.terminating]
    return (
        ("replicas", len(members)),
        ("readyReplicas", sum(each.ready for each in members)),
        ("availableReplicas", sum(each.ready and each.available for each in members)),
        ("currentReplicas", sum(each.revision == current for each in staying)),
        ("updatedReplicas", sum(each.revision == update for each in staying)),
    )
