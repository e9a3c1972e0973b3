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
    def is_running(self) -> bool:
        """Tell whether it runs."""
        return "running" in self.state

    @property
    def was_started(self) -> bool:
        """Tell whether it runs or ran."""
        return self.is_running or self.exit_code is not None or bool(self.last_state)

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
    status["phase"] = _phase(pod, statuses, facts)
    if facts.failure:
        status["reason"], status["message"] = facts.failure
    status["conditions"] = _with_times(_conditions(pod, statuses, facts, phase=status["phase"]), old, timestamp(now))
    status["hostIP"], status["hostIPs"] = facts.host_address, [{"ip": facts.host_address}]
    if facts.address:
        status["podIP"], status["podIPs"] = facts.address, [{"ip": facts.address}]
    if facts.start_time:
        status["startTime"] = facts.start_time
    inits = [_entry(each) for each in statuses if each.kind != "main"]
    if inits:
        status["initContainerStatuses"] = inits
    status["containerStatuses"] = [_entry(each) for each in statuses if each.kind == "main"]
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
    if facts.failure:
        return "Failed"
    if not _is_initialised(statuses):
        return "Failed" if facts.ended or _gave_up(statuses, policy) else "Pending"
    phase = _phase_of_mains([each for each in statuses if each.kind == "main"], policy, ended=facts.ended)
    # A pod has not ended before its sidecars have.
    still_runs = not facts.ended and _some_run(statuses)
    return "Running" if still_runs and phase in ("Succeeded", "Failed") else phase


def _some_run(statuses: Sequence[ContainerStatus]) -> bool:
    return any(each.is_running for each in statuses)


def _gave_up(statuses: Sequence[ContainerStatus], policy: str) -> bool:
    return policy == "Never" and any(each.kind == "init" and each.exit_code for each in statuses)


def _is_initialised(statuses: Sequence[ContainerStatus]) -> bool:
    if any(each.container_id for each in statuses if each.kind == "main"):
        return True
    return all(each.is_over for each in statuses if each.kind != "main")


def _phase_of_mains(mains: Sequence[ContainerStatus], policy: str, *, ended: bool) -> str:
    verdict = "Succeeded" if all(each.exit_code == 0 for each in mains) else "Failed"
    if ended:
        return verdict
    if not all(each.was_started for each in mains):
        return "Pending"
    if policy == "Always" or _some_run(mains):
        return "Running"
    return "Running" if verdict == "Failed" and policy == "OnFailure" else verdict


def _conditions(pod: Json, statuses: Sequence[ContainerStatus], facts: PodFacts, *, phase: str) -> dict[str, Json]:
    containers = _readiness(phase, [each.name for each in statuses if each.kind != "init" and not each.ready])
    return {
        "PodReadyToStartContainers": {"status": "True" if facts.address and not facts.ended else "False"},
        "Initialized": _initialisation(statuses),
        "Ready": _gated(pod, containers),
        "ContainersReady": containers,
        "PodScheduled": {"status": "True"},
    }


def _initialisation(statuses: Sequence[ContainerStatus]) -> Json:
    if _is_initialised(statuses):
        return {"status": "True"}
    incomplete = " ".join(each.name for each in statuses if each.kind != "main" and not each.is_over)
    message = f"containers with incomplete status: [{incomplete}]"
    return {"status": "False", "reason": "ContainersNotInitialized", "message": message}


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


def _gated(pod: Json, containers: Json) -> Json:
    conditions = _by_type(pod.get("status") or {})
    gates = [each["conditionType"] for each in pod["spec"].get("readinessGates") or ()]
    closed = [each for each in gates if dig(conditions, each, "status") != "True"]
    if not closed or containers["status"] != "True":
        return containers
    message = f'the status of pod readiness gate "{closed[0]}" is not "True", but False'
    return {"status": "False", "reason": "ReadinessGatesNotReady", "message": message}


def _with_times(wanted: dict[str, Json], old: Json, now: str) -> list[Json]:
    """Return the conditions as a list, those of others at the end; a time moves only when its status changes."""
    known, made = _by_type(old), []
    for name, condition in wanted.items():
        before = known.pop(name, {})
        same = before.get("status") == condition["status"]
        since = before.get("lastTransitionTime") if same else None
        made.append({"type": name, **condition, "lastProbeTime": None, "lastTransitionTime": since or now})
    return made + list(known.values())


def _by_type(status: Json) -> dict[str, Json]:
    return {each["type"]: each for each in status.get("conditions") or ()}
