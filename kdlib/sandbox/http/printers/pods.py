"""The columns of a Pod. Its status is a story told in one word, which is most of this file.

Layer: pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from kdlib.frozen import Json, dig
from kdlib.sandbox.http.printers.ages import age
from kdlib.sandbox.http.printers.column import AGE, NAME, Column, at

__all__ = ["POD", "pod_row_conditions"]


@dataclass(frozen=True, slots=True)
class _Story:
    """What the container statuses tell: the word, ready and all containers, restarts and the time of the last."""

    word: str
    ready: int
    total: int
    restarts: int
    last_restart: str


@dataclass(slots=True)
class _Restarts:
    count: int = 0
    last: str = ""

    def add(self, status: Json) -> None:
        """Count the restarts of one container in."""
        self.count += int(status.get("restartCount") or 0)
        self.last = max(self.last, dig(status, "lastState", "terminated", "finishedAt", default=""))


def _sidecars(pod: Json) -> frozenset[str]:
    inits = dig(pod, "spec", "initContainers", default=[])
    return frozenset(init["name"] for init in inits if init.get("restartPolicy") == "Always")


def _has_condition(pod: Json, wanted: str) -> bool:
    conditions = dig(pod, "status", "conditions", default=[])
    return any(each.get("type") == wanted and each.get("status") == "True" for each in conditions)


def _ended(terminated: Json, prefix: str = "") -> str:
    if terminated.get("reason"):
        return prefix + str(terminated["reason"])
    if terminated.get("signal"):
        return f"{prefix}Signal:{terminated['signal']}"
    return f"{prefix}ExitCode:{terminated.get('exitCode', 0)}"


def _init_word(pod: Json, index: int, status: Json, *, sidecar: bool) -> str | None:
    """Return what an init container that is not done says; None for one that holds nobody up."""
    terminated = dig(status, "state", "terminated")
    if terminated is not None and not terminated.get("exitCode"):
        return None
    if sidecar and status.get("started"):
        return None
    if terminated is not None:
        return _ended(terminated, "Init:")
    waiting = dig(status, "state", "waiting", "reason", default="")
    if waiting and waiting != "PodInitializing":
        return f"Init:{waiting}"
    return f"Init:{index}/{len(pod['spec']['initContainers'])}"


def _initial_word(pod: Json) -> str:
    conditions = dig(pod, "status", "conditions", default=[])
    if any(each.get("type") == "PodScheduled" and each.get("reason") == "SchedulingGated" for each in conditions):
        return "SchedulingGated"
    return str(dig(pod, "status", "reason") or dig(pod, "status", "phase", default=""))


def _container_words(word: str, statuses: Iterable[Json], *, pod_is_ready: bool) -> tuple[str, int]:
    running, failed = 0, ""
    for status in statuses:
        state = status.get("state") or {}
        if dig(state, "waiting", "reason"):
            word = state["waiting"]["reason"]
        elif state.get("terminated") is not None:
            word = _ended(state["terminated"])
            failed = word if state["terminated"].get("exitCode") else failed
        elif status.get("ready") and state.get("running") is not None:
            running += 1
    if word == "Completed":
        word = _completed_word(running, failed, pod_is_ready=pod_is_ready)
    return word, running


def _completed_word(running: int, failed: str, *, pod_is_ready: bool) -> str:
    """Return what a pod says of which a container is done, by what its other containers do."""
    if running and pod_is_ready:
        return "Running"
    return failed or ("NotReady" if running else "Completed")


def _story(pod: Json) -> _Story:
    sidecars = _sidecars(pod)
    word, ready = _initial_word(pod), 0
    every, sidecar_restarts = _Restarts(), _Restarts()
    initializing = False
    for index, status in enumerate(dig(pod, "status", "initContainerStatuses", default=[])):
        is_sidecar = status["name"] in sidecars
        every.add(status)
        if is_sidecar:
            sidecar_restarts.add(status)
        said = _init_word(pod, index, status, sidecar=is_sidecar)
        if said is not None:
            word, initializing = said, True
            break
        ready += is_sidecar and bool(status.get("ready")) and dig(status, "state", "terminated") is None
    restarts = every
    if not initializing or _has_condition(pod, "Initialized"):
        statuses = list(reversed(dig(pod, "status", "containerStatuses", default=[])))
        restarts = sidecar_restarts
        for status in statuses:
            restarts.add(status)
        word, running = _container_words(word, statuses, pod_is_ready=_has_condition(pod, "Ready"))
        ready += running
    total = len(pod["spec"]["containers"]) + len(sidecars)
    return _Story(_deleted_word(pod, word), ready, total, restarts.count, restarts.last)


def _deleted_word(pod: Json, word: str) -> str:
    if not dig(pod, "metadata", "deletionTimestamp"):
        return word
    if dig(pod, "status", "reason") == "NodeLost":
        return "Unknown"
    return word if dig(pod, "status", "phase") in ("Succeeded", "Failed") else "Terminating"


def _ready(pod: Json, _now: datetime) -> str:
    story = _story(pod)
    return f"{story.ready}/{story.total}"


def _restarts(pod: Json, now: datetime) -> str:
    story = _story(pod)
    if story.restarts and story.last_restart:
        return f"{story.restarts} ({age(story.last_restart, now)} ago)"
    return str(story.restarts)


def _gates(pod: Json, _now: datetime) -> str:
    gates = dig(pod, "spec", "readinessGates", default=[])
    if not gates:
        return "<none>"
    return f"{sum(_has_condition(pod, gate['conditionType']) for gate in gates)}/{len(gates)}"


def pod_row_conditions(pod: Json) -> list[Json]:
    """Return the row conditions of a pod: kubectl greys out what has completed."""
    match dig(pod, "status", "phase"):
        case "Succeeded":
            message = "The pod has completed successfully."
        case "Failed":
            message = "The pod failed."
        case _:
            return []
    return [{"type": "Completed", "status": "True", "reason": pod["status"]["phase"], "message": message}]


POD = (
    NAME,
    Column("Ready", _ready),
    Column("Status", lambda pod, _now: _story(pod).word),
    Column("Restarts", _restarts),
    AGE,
    Column("IP", at("status", "podIPs", 0, "ip", default="<none>"), priority=1),
    Column("Node", at("spec", "nodeName", default="<none>"), priority=1),
    Column("Nominated Node", at("status", "nominatedNodeName", default="<none>"), priority=1),
    Column("Readiness Gates", _gates, priority=1),
)
