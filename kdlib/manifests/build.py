"""build(): every object of a cluster, computed from its answers and from where its members stand. Cannot fail.

Layer: pure.
"""

from collections.abc import Iterator
from dataclasses import replace

from kdlib import lifecycle
from kdlib.frozen import Json, dig
from kdlib.graph import INTENT, ObjectGraph, contained, owned, ref_of
from kdlib.manifests.app_copy import app_copy
from kdlib.manifests.claim import Claims, claims_of
from kdlib.manifests.connections import connection_versions
from kdlib.manifests.desired import Desired
from kdlib.manifests.headless_service import headless_service
from kdlib.manifests.member_service import NO_SERVICE, member_service
from kdlib.manifests.pod_disruption_budget import pod_disruption_budget
from kdlib.manifests.stateful_set import kept_fields, stateful_set
from kdlib.model import Life, MemberState, MemberStatus, Resolved, ResolvedRole
from kdlib.wire import (
    CONTROLLER_REVISION,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    POD_DISRUPTION_BUDGET,
    SERVICE,
    STATEFUL_SET,
    Kind,
    Ref,
)

__all__ = ["MANAGED", "build", "graph_of"]

MANAGED = (CONTROLLER_REVISION, PERSISTENT_VOLUME_CLAIM, POD_DISRUPTION_BUDGET, SERVICE, STATEFUL_SET)
"""The kinds of which a cluster's objects are deleted when the graph wants them no more."""


def build(resolved: Resolved) -> Desired:
    """Advance the members and compute every object of the cluster.

    Of a paused cluster all that is there is kept, and nothing is made.
    While `life.reservation_pending`, nothing of the graph may be applied: a name in it is not recorded yet.
    """
    if resolved.spec.paused:
        there = tuple(map(ref_of, resolved.seen.children))
        return Desired(ObjectGraph((), kept=there), lifecycle.resting(resolved), resolved)
    life = lifecycle.advance(resolved, connection_versions(resolved))
    graph = graph_of(resolved, life)
    life = lifecycle.roll_out(resolved, life, frozenset(_current_roles(resolved, graph)))
    pods = (Ref(POD, resolved.root.namespace, pod) for pod in life.renewals)
    kept = tuple(_kept_fields(resolved, graph))
    return Desired(replace(graph, renewed=(*graph.renewed, *pods)), life, resolved, kept)


def _kept_fields(resolved: Resolved, graph: ObjectGraph) -> Iterator[tuple[Ref, tuple[str, ...]]]:
    """Yield each StatefulSet that keeps fields which nobody can change, with their names."""
    live = {ref_of(child): child for child in resolved.seen.children}
    for role in resolved.roles:
        ref = Ref(STATEFUL_SET, resolved.root.namespace, role.stateful_set)
        fields = kept_fields(resolved, role, live.get(ref)) if ref in graph else ()
        if fields:
            yield ref, fields


def _current_roles(resolved: Resolved, graph: ObjectGraph) -> Iterator[str]:
    """Yield the roles whose StatefulSets make pods as the graph wants them, or that need none."""
    live = {ref_of(child): child for child in resolved.seen.children}
    for role in resolved.roles:
        ref = Ref(STATEFUL_SET, resolved.root.namespace, role.stateful_set)
        wanted = graph.get(ref)
        if wanted is None or _is_current(live.get(ref), wanted):
            yield role.id


def _is_current(live: Json | None, wanted: Json) -> bool:
    if live is None or dig(live, "metadata", "annotations", INTENT) != wanted["metadata"]["annotations"][INTENT]:
        return False
    return contained(wanted, live) and _is_acted_upon(live)


def _is_acted_upon(live: Json) -> bool:
    """Tell whether the object's own controller has seen its present spec."""
    seen: int = dig(live, "status", "observedGeneration", default=0)
    return seen >= int(dig(live, "metadata", "generation", default=0))


def graph_of(resolved: Resolved, life: Life) -> ObjectGraph:
    """Compute the objects of a cluster whose members stand as `life` says.

    The headless Service and the app's copy come first. A member's Service and claims stay until its pod is gone for
    good; they are left as they are once the role left the spec, for then nobody knows what was asked of them.
    """
    assembly = _Assembly(resolved, life)
    base = (
        headless_service(resolved),
        app_copy(resolved, assembly.live(CONTROLLER_REVISION, resolved.reserved.app_copy)),
    )
    claims = assembly.claims()
    objects = owned(
        (*base, *assembly.stateful_sets(), *assembly.budgets(), *assembly.services(), *claims.owned), resolved.seen.root
    )
    return ObjectGraph(
        objects,
        first=tuple(map(ref_of, base)),
        kept=(*assembly.kept_services(), *claims.kept),
        renewed=tuple(assembly.renewed_pods()),
        forced=tuple(assembly.lost_pods()),
        released=claims.released,
    )


class _Assembly:
    """The parts of one cluster's graph, computed from an index of what was seen."""

    def __init__(self, resolved: Resolved, life: Life) -> None:
        self._resolved = resolved
        self._life = life
        self._replicas = dict(life.replicas)
        self._members = {role.id: role.members for role in life.status.roles}
        self._live = {ref_of(child): child for child in resolved.seen.children}

    def live(self, kind: Kind, name: str) -> Json | None:
        """Return the object of this name as it was seen, or None."""
        return self._live.get(Ref(kind, self._resolved.root.namespace, name))

    def stateful_sets(self) -> Iterator[Json]:
        """Yield the set of each role that has, or still needs, one (RC-22)."""
        for role in self._resolved.roles:
            if role.id in self._replicas:
                live = self.live(STATEFUL_SET, role.stateful_set)
                made = stateful_set(self._resolved, role, self._replicas[role.id], live)
                if made is not None:
                    yield made

    def budgets(self) -> Iterator[Json]:
        """Yield the disruption budget of each role that asks for one and has a set."""
        for role in self._resolved.roles:
            budget = role.spec.pod_disruption_budget if role.spec else None
            if budget and role.id in self._replicas:
                yield pod_disruption_budget(self._resolved, role, budget)

    def services(self) -> Iterator[Json]:
        """Yield the Services of members of roles that the spec knows."""
        for role, member in self._with_service():
            if role.spec is not None:
                yield member_service(self._resolved, role, member)

    def kept_services(self) -> Iterator[Ref]:
        """Yield the names of Services of members of roles that left the spec."""
        for role, member in self._with_service():
            if role.spec is None:
                yield Ref(SERVICE, self._resolved.root.namespace, member.service)

    def renewed_pods(self) -> Iterator[Ref]:
        """Yield the pods that are made anew at once, since nothing runs in them that anybody waits for."""
        for member in lifecycle.renewable_members(self._resolved, self._life.status):
            yield Ref(POD, self._resolved.root.namespace, member.pod)

    def lost_pods(self) -> Iterator[Ref]:
        """Yield the pods on dead nodes that are ended by force, as the cluster's policy says."""
        for name in lifecycle.lost_pods(self._resolved, self._life.status):
            yield Ref(POD, self._resolved.root.namespace, name)

    def claims(self) -> Claims:
        """Return what is to become of the claims that are there."""
        resolved = self._resolved
        pods = {member.pod for members in self._members.values() for member in members}
        staying = {member.pod for _, member in self._staying()}
        return claims_of(
            resolved.seen.root,
            self._live,
            resolved.spec.claim_retention,
            sets={role.stateful_set for role in resolved.roles},
            leaves=(pods - staying).__contains__,
        )

    def _with_service(self) -> Iterator[tuple[ResolvedRole, MemberStatus]]:
        return ((role, member) for role, member in self._staying() if member.service not in ("", NO_SERVICE))

    def _staying(self) -> Iterator[tuple[ResolvedRole, MemberStatus]]:
        """Yield the members whose objects are still wanted."""
        for role in self._resolved.roles:
            for member in self._members.get(role.id, ()):
                if member.state is not MemberState.DELETING or not self._ended(role, member):
                    yield role, member

    def _ended(self, role: ResolvedRole, member: MemberStatus) -> bool:
        """Tell whether the pod is gone and its set does not make it again."""
        if self.live(POD, member.pod) is not None:
            return False
        live = self.live(STATEFUL_SET, role.stateful_set)
        if live is None:
            return True
        is_last = dig(live, "spec", "replicas", default=1) <= int(member.pod.rpartition("-")[2])
        return bool(_is_acted_upon(live) and is_last)
