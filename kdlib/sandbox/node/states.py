"""The status of a pod, from what is known of its containers.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/.

Layer: pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from kdlib.frozen import Json, dig
from kdlib.sandbox.node.times import timestamp

__all__ = ["ContainerStatus", "PodFacts", "initial_statuses", "pod_status"]

_WAITING: Json = {"waiting": {"reason": "ContainerCreating"}}
_OURS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")


@dataclass(frozen=True)
class ContainerStatus:
    """What is known of one container: `kind` is `init`, `sidecar` (an init container that goes on) or `main`."""

    name: str
    kind: str
    image: str
    state: Json = field(default_factory=lambda: _WAITING)
    last_state: Json = field(default_factory=dict)
    image_id: str = ""
    container_id: str = ""
    restart_count: int = 0
    started: bool = False
    ready: bool = False

    @property
    def exit_code(self) -> int | None:
        """Return the exit code, None while it has not ended."""
        code = dig(self.state, "terminated", "exitCode")
        return None if code is None else int(code)

    @property
    def is_over(self) -> bool:
        """Tell whether an init container has done its part: ended well, or, going on, started."""
        return self.started if self.kind == "sidecar" else self.exit_code == 0


@dataclass(frozen=True)
class PodFacts:
    """What is known of a pod besides its containers."""

    host_address: str
    address: str = ""
    start_time: str = ""
    ended: bool = False
    """True when no container will run again."""
    failure: tuple[str, str] | None = None
    """Reason and message where the node gave the pod up."""


def initial_statuses(pod: Json) -> list[ContainerStatus]:
    """Return the statuses of containers that were not started, in the order of the specification."""
    inits = pod["spec"].get("initContainers") or []
    first = {"waiting": {"reason": "PodInitializing"}} if inits else _WAITING
    statuses = [
        ContainerStatus(
            each["name"],
            "sidecar" if each.get("restartPolicy") == "Always" else "init",
            each.get("image") or "",
            state={"waiting": {"reason": "PodInitializing"}},
        )
        for each in inits
    ]
    mains = pod["spec"]["containers"]
    return statuses + [ContainerStatus(each["name"], "main", each.get("image") or "", state=first) for each in mains]


def pod_status(pod: Json, statuses: Sequence[ContainerStatus], facts: PodFacts, now: datetime) -> Json:
    """Return the pod's status; what others wrote to it is kept."""
    old = pod.get("status") or {}
    status = {key: value for key, value in old.items() if key not in ("reason", "message")}
    phase = _phase(pod, statuses, facts)
    status["phase"] = phase
    if facts.failure:
        status["reason"], status["message"] = facts.failure
    old_conditions = {each["type"]: each for each in old.get("conditions") or ()}
    wanted = _conditions(pod, statuses, facts, phase=phase)
    status["conditions"] = [_condition(name, wanted[name], old_conditions.get(name), timestamp(now)) for name in _OURS]
    status["conditions"] += [each for name, each in old_conditions.items() if name not in _OURS]
    status["hostIP"], status["hostIPs"] = facts.host_address, [{"ip": facts.host_address}]
    if facts.address:
        status["podIP"], status["podIPs"] = facts.address, [{"ip": facts.address}]
    if facts.start_time:
        status["startTime"] = facts.start_time
    for name, kinds in (("initContainerStatuses", ("init", "sidecar")), ("containerStatuses", ("main",))):
        entries = [_entry(each) for each in statuses if each.kind in kinds]
        if entries:
            status[name] = entries
    return status


def _entry(status: ContainerStatus) -> Json:
    entry: Json = {
        "name": status.name,
        "image": status.image,
        "imageID": status.image_id,
        "restartCount": status.restart_count,
        "ready": status.exit_code == 0 if status.kind == "init" else status.ready,
        "started": status.started,
        "state": status.state,
        "lastState": status.last_state,
    }
    if status.container_id:
        entry["containerID"] = status.container_id
    return entry


def _phase(pod: Json, statuses: Sequence[ContainerStatus], facts: PodFacts) -> str:
    policy = pod["spec"].get("restartPolicy") or "Always"
    inits = [each for each in statuses if each.kind != "main"]
    mains = [each for each in statuses if each.kind == "main"]
    if facts.failure:
        return "Failed"
    if policy == "Never" and any(each.kind == "init" and each.exit_code for each in inits):
        return "Failed"
    if any(not each.is_over for each in inits) and not any(each.container_id for each in mains):
        return "Failed" if facts.ended else "Pending"
    phase = _phase_of_mains(mains, policy, ended=facts.ended)
    # A pod has not ended before its sidecars have.
    still_runs = not facts.ended and any("running" in each.state for each in inits)
    return "Running" if still_runs and phase in ("Succeeded", "Failed") else phase


def _phase_of_mains(mains: Sequence[ContainerStatus], policy: str, *, ended: bool) -> str:
    stopped = [
        each for each in mains if "running" not in each.state and (each.exit_code is not None or each.last_state)
    ]
    running = [each for each in mains if "running" in each.state]
    if ended:
        return "Succeeded" if all(each.exit_code == 0 for each in mains) else "Failed"
    if len(stopped) + len(running) < len(mains):
        return "Pending"
    if running or policy == "Always":
        return "Running"
    if all(each.exit_code == 0 for each in mains):
        return "Succeeded"
    return "Failed" if policy == "Never" else "Running"


def _conditions(pod: Json, statuses: Sequence[ContainerStatus], facts: PodFacts, *, phase: str) -> dict[str, Json]:
    old = {each["type"]: each for each in dig(pod, "status", "conditions", default=[])}
    unready = [each.name for each in statuses if each.kind != "init" and not each.ready]
    is_initialised = any(each.container_id for each in statuses if each.kind == "main")
    incomplete = [each.name for each in statuses if each.kind != "main" and not each.is_over and not is_initialised]
    containers = _readiness(phase, unready)
    initialised: Json = {"status": "True"}
    if incomplete and phase != "Succeeded":
        message = f"containers with incomplete status: [{' '.join(incomplete)}]"
        initialised = {"status": "False", "reason": "ContainersNotInitialized", "message": message}
    return {
        "PodReadyToStartContainers": {"status": "True" if facts.address and not facts.ended else "False"},
        "Initialized": initialised,
        "Ready": _gated(pod, old, containers),
        "ContainersReady": containers,
        "PodScheduled": {"status": "True"},
    }


def _readiness(phase: str, unready: Iterable[str]) -> Json:
    if phase == "Succeeded":
        return {"status": "False", "reason": "PodCompleted"}
    if phase == "Failed":
        return {"status": "False", "reason": "PodFailed"}
    names = " ".join(unready)
    if not names:
        return {"status": "True"}
    message = f"containers with unready status: [{names}]"
    return {"status": "False", "reason": "ContainersNotReady", "message": message}


def _gated(pod: Json, conditions: dict[str, Json], containers: Json) -> Json:
    gates = [each["conditionType"] for each in pod["spec"].get("readinessGates") or ()]
    closed = [each for each in gates if dig(conditions, each, "status") != "True"]
    if not closed or containers["status"] != "True":
        return containers
    message = f'the status of pod readiness gate {closed[0]!r} is not "True", but False'.replace("'", '"')
    return {"status": "False", "reason": "ReadinessGatesNotReady", "message": message}


def _condition(name: str, wanted: Json, old: Json | None, now: str) -> Json:
    same = old is not None and old.get("status") == wanted["status"]
    since = (old or {}).get("lastTransitionTime") if same else None
    return {"type": name, **wanted, "lastProbeTime": None, "lastTransitionTime": since or now}
