"""All that bears on one member in one pass, gathered for the table.

Layer: pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from kdlib.frozen import dig, short_digest
from kdlib.lifecycle.forms import set_up_form
from kdlib.lifecycle.outdated import is_older
from kdlib.lifecycle.sightings import Sighting, Surroundings, ordinal
from kdlib.model import (
    AppSpec,
    ClusterStatus,
    Finished,
    GuestFact,
    MemberStatus,
    PendingNotify,
    Resolved,
    ResolvedRole,
    Stalled,
    UnderWay,
)
from kdlib.wire import POD, STATEFUL_SET

__all__ = ["Circumstances", "Facts", "change_name", "circumstances_of", "has_package", "has_work", "subscribed"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known from inside of containers, by pod, container and operation."""

    results: Mapping[tuple[str, str, str], Finished | Stalled | UnderWay]
    stalled: frozenset[tuple[str, str]]
    """Pod and container of those that did not answer a notification in time."""

    @classmethod
    def of(cls, facts: tuple[GuestFact, ...]) -> "Facts":
        """Index the facts."""
        results = {(fact.pod, fact.container, fact.operation): fact.result for fact in facts}
        stalled = frozenset(
            (pod, container)
            for (pod, container, operation), result in results.items()
            if not isinstance(result, Finished) and operation.startswith("notify-")
        )
        return cls(results, stalled)

    def finished(self, pod: str, container: str | None, operation: str) -> Finished | None:
        """Return how the operation ended, None while it has not."""
        result = self.results.get((pod, container or "", operation))
        return result if isinstance(result, Finished) else None

    def stall(self, pod: str, container: str | None, operation: str) -> str:
        """Return why the operation does not end, empty where nothing is known."""
        result = self.results.get((pod, container or "", operation))
        return result.message if isinstance(result, Stalled) else ""

    def under_way(self, pod: str, container: str | None, operation: str) -> UnderWay | None:
        """Return what was last heard of an operation that goes on."""
        result = self.results.get((pod, container or "", operation))
        return result if isinstance(result, UnderWay) else None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What one pass knows about a role's members besides their status."""

    resolved: Resolved
    role: ResolvedRole
    surroundings: Surroundings
    facts: Facts
    generation: int
    """Spec generation of this pass, with the membership changes of this pass counted."""
    stored: Mapping[str, MemberStatus]
    """Members as recorded, by pod."""
    awaited: str = ""
    """Role that has to be configured before this one is set up for the first time; empty for none."""

    @property
    def annotations(self) -> Mapping[str, str]:
        """Return the annotations of the root."""
        found: Mapping[str, str] = dig(self.resolved.seen.root, "metadata", "annotations", default={})
        return found

    def sighting(self, member: MemberStatus) -> Sighting:
        """Tell what is to be seen of the member."""
        return self.surroundings.sighting(member.pod)

    def wanted(self, member: MemberStatus) -> bool:
        """Tell whether the spec asks for the member: the highest ordinals go first; one that was told to go goes."""
        return ordinal(member) < self.role.wanted and member.state_detail.decommission is None

    @property
    def form(self) -> str:
        """Return the digest of what members of the role are set up from."""
        return set_up_form(self.role.image, self.role.app)

    def pod_uid(self, member: MemberStatus) -> str:
        """Return the UID of the member's pod; empty where there is none."""
        pod = self.surroundings.children.get((POD.name, member.pod), {})
        return str(dig(pod, "metadata", "uid", default=""))

    def pod_ends(self, member: MemberStatus) -> bool:
        """Tell whether the member's pod was deleted, and is still there."""
        return (
            dig(self.surroundings.children.get((POD.name, member.pod), {}), "metadata", "deletionTimestamp") is not None
        )

    def is_older(self, member: MemberStatus) -> bool:
        """Tell whether the member's pod comes from an older template than its StatefulSet has."""
        children = self.surroundings.children
        owner = children.get((STATEFUL_SET.name, self.role.stateful_set))
        return is_older(children.get((POD.name, member.pod)), owner)

    def is_otherwise(self, member: MemberStatus) -> bool:
        """Tell whether the member was set up from another image or package than it is to have."""
        return member.state_detail.set_up_from not in (None, self.form)

    def waits_for_pod(self, member: MemberStatus) -> bool:
        """Tell whether the member's pod is on its way out: no new package is tried in an old image."""
        return self.is_otherwise(member) and self.is_older(member)

    def finished_set_up(self, member: MemberStatus) -> Finished | None:
        """Return how the member's present set-up attempt ended."""
        detail = member.state_detail
        return self.facts.finished(member.pod, detail.configuring_container, f"setup-{detail.attempt}")

    def finished_notify(self, member: MemberStatus, change: str) -> Finished | None:
        """Return how the member took the change."""
        return self.facts.finished(member.pod, member.state_detail.last_configured_container, f"notify-{change}")

    def reachable(self, member: MemberStatus) -> bool:
        """Tell whether the configured container runs and answers."""
        sighting = self.sighting(member)
        known = sighting.container == member.state_detail.last_configured_container
        return sighting.runs and known and (member.pod, sighting.container) not in self.facts.stalled


def circumstances_of(resolved: Resolved, status: ClusterStatus, surroundings: Surroundings) -> dict[str, Circumstances]:
    """Gather the circumstances of each role; `status` is that of this pass."""
    stored = {member.pod: member for role in resolved.status.roles for member in role.members}
    facts, generation = Facts.of(resolved.seen.facts), status.spec_generation_to_process or 0
    return {role.id: Circumstances(resolved, role, surroundings, facts, generation, stored) for role in resolved.roles}


def has_package(role: ResolvedRole) -> bool:
    """Tell whether members of the role run a setup package."""
    return role.app.config_package is not None


def has_work(role: ResolvedRole) -> bool:
    """Tell whether anything is to be done inside a new member of the role (RC-27)."""
    return has_package(role) or bool(role.spec and role.spec.file_injections)


def subscribed(role: ResolvedRole, event: str) -> bool:
    """Tell whether the role's start script is to be called for the event; without a list, for all."""
    return has_package(role) and (role.app.event_list is None or event in role.app.event_list)


def reconnects(role: ResolvedRole, app: AppSpec) -> bool:
    """Tell whether the role's start script is called for changes of connections.

    Apps that list events were written when no list could name this one (W-17), and it was sent to all. So a list
    without it excludes a role only where a role of the same app names it.
    """
    named = any("reconnect" in (item.event_list or ()) for item in app.roles)
    return subscribed(role, "reconnect") if named else has_package(role)


def change_name(entry: PendingNotify) -> str:
    """Return the name of the change in guards; a further try has one of its own."""
    name = entry.change or short_digest(*entry.arguments, length=10)
    return f"{name}-{entry.attempt}" if entry.attempt else name
