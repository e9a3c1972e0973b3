"""What the watch caches show of a member: its pod, its container, and what else belongs to it.

Layer: pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from kdlib.frozen import Json, dig
from kdlib.lifecycle.refusals import refusals
from kdlib.lifecycle.troubles import Trouble, trouble_of
from kdlib.model import ContainerState, MemberStatus, Seen
from kdlib.wire import PERSISTENT_VOLUME_CLAIM, POD, SERVICE, STATEFUL_SET, Kind

__all__ = ["Sighting", "Surroundings"]

CONTAINER = "app"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A member's pod as it was seen; all empty where there is none.

    `container` is the ID of the member's container, empty while it has none, and `runs` tells that a command can be
    executed in it. `state` follows specification 3.6, without regard to what the member has to catch up with.
    `copying` is the ID of the init container while it fills the member's volume.
    `waiting` is the runtime's reason and message for a container that does not run, `trouble` what keeps it from that.
    """

    there: bool = False
    container: str = ""
    runs: bool = False
    state: ContainerState = ContainerState.ABSENT
    scheduling_error: str = ""
    waiting: str = ""
    trouble: Trouble | None = None
    copying: str = ""


_NOTHING = Sighting()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The children of a cluster by kind and name, and what its pods show."""

    children: Mapping[tuple[str, str], Json]
    sightings: Mapping[str, Sighting]
    refused: Mapping[str, Trouble]
    """Troubles of pods that could not be made, by the pod's name or its StatefulSet's."""

    @classmethod
    def of(cls, seen: Seen) -> "Surroundings":
        """Index what was seen."""
        children = {(str(child["kind"]), str(child["metadata"]["name"])): child for child in seen.children}
        sightings = {name: _sighting(child) for (kind, name), child in children.items() if kind == POD.name}
        return cls(children, sightings, refusals(seen))

    def sighting(self, pod_name: str) -> Sighting:
        """Tell what is to be seen of the member with this pod."""
        found = self.sightings.get(pod_name)
        trouble = self.refused.get(pod_name) or self.refused.get(pod_name.rpartition("-")[0])
        return found or (Sighting(trouble=trouble) if trouble else _NOTHING)

    def ended(self, member: MemberStatus, stateful_set: str) -> bool:
        """Tell whether the member's pod is gone, and its StatefulSet will not make it again."""
        if (POD.name, member.pod) in self.children:
            return False
        owner = self.children.get((STATEFUL_SET.name, stateful_set))
        if owner is None:
            return True
        current = dig(owner, "status", "observedGeneration", default=0) >= dig(
            owner, "metadata", "generation", default=0
        )
        return bool(current and dig(owner, "spec", "replicas", default=1) <= ordinal(member))

    def cleaned(self, member: MemberStatus, *, claims_stay: bool) -> bool:
        """Tell whether nothing that belonged to the member alone is left: Service, file claim, block claims.

        Its claims count only where they do not outlive it (CL-X-46).
        """
        claims = [member.pvc] if member.pvc else []
        claims += [f"b{number}-{member.pod}" for number in range(len(member.block_device_paths or ()))]
        owned: list[tuple[Kind, str]] = [(PERSISTENT_VOLUME_CLAIM, name) for name in claims if not claims_stay]
        if has_service(member):
            owned.append((SERVICE, member.service))
        return not any((kind.name, name) in self.children for kind, name in owned)


def ordinal(member: MemberStatus) -> int:
    """Return the member's number within its StatefulSet."""
    return int(member.pod.rpartition("-")[2])


def has_service(member: MemberStatus) -> bool:
    """Tell whether the member has a Service of its own; `n/a` says that its role has no ports (W-02)."""
    return member.service not in ("", "n/a")


def _sighting(pod: Json) -> Sighting:
    status = dig(pod, "status", default={})
    container = next((item for item in status.get("containerStatuses") or () if item.get("name") == CONTAINER), None)
    trouble, copying = trouble_of(pod), _copying(status)
    if container is None:
        return Sighting(there=True, scheduling_error=_scheduling_error(status), trouble=trouble, copying=copying)
    state = dig(container, "state", default={})
    terminating = dig(pod, "metadata", "deletionTimestamp") is not None
    return Sighting(
        there=True,
        container=str(container.get("containerID") or ""),
        runs="running" in state and status.get("phase") == "Running" and not terminating,
        state=_container_state(status, state),
        waiting=_why_waiting(state),
        trouble=trouble,
        copying=copying,
    )


def _copying(status: Json) -> str:
    """Return the ID of the init container, while it runs."""
    containers = status.get("initContainerStatuses") or ()
    container: Json = next((item for item in containers if item.get("name") == "init"), {})
    return str(container.get("containerID") or "") if dig(container, "state", "running") is not None else ""


def _container_state(status: Json, state: Json) -> ContainerState:
    """Map the container's state to a word of the contract (specification 3.6)."""
    if "running" in state:
        return _readiness(status)
    if "waiting" in state:
        first = dig(status, "initContainerStatuses", 0)
        if first is not None and dig(first, "state", "terminated") is None:
            return ContainerState.INITIALIZING
        return ContainerState.WAITING
    return ContainerState.TERMINATED if "terminated" in state else ContainerState.UNKNOWN


def _readiness(status: Json) -> ContainerState:
    match _condition(status, "Ready").get("status"):
        case "True":
            return ContainerState.RUNNING
        case "False":
            return ContainerState.UNRESPONSIVE
        case _:
            return ContainerState.UNKNOWN


def _scheduling_error(status: Json) -> str:
    scheduled = _condition(status, "PodScheduled")
    return str(scheduled.get("message") or "") if scheduled.get("reason") == "Unschedulable" else ""


def _why_waiting(state: Json) -> str:
    found = state.get("waiting") or state.get("terminated") or {}
    return ": ".join(str(found[key]) for key in ("reason", "message") if found.get(key))


def _condition(status: Json, kind: str) -> Json:
    return next((item for item in status.get("conditions") or () if item.get("type") == kind), {})
