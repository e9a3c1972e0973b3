"""A small world for the members' state machine: sets, pods, containers and what happens in them, without waiting."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from kdlib import lifecycle
from kdlib.frozen import Json
from kdlib.model import (
    AppSpec,
    ClusterSpec,
    ClusterStatus,
    ConnectionStatus,
    Finished,
    GuestFact,
    Life,
    MemberState,
    MemberStatus,
    Notify,
    Reserved,
    Resolved,
    ResolvedRole,
    Seen,
    SetUp,
    Stalled,
    UnderWay,
    WatchCopy,
)
from kdlib.wire import KD_CLUSTER, Ref

PACKAGE = {"packageURL": "file:///opt/app.tgz"}


@dataclass
class Container:
    """One life of a container, and what the start script did in it."""

    name: str
    events: list[tuple[str, ...]] = field(default_factory=list)
    operations: dict[str, Finished] = field(default_factory=dict)
    knows: set[str] = field(default_factory=set)
    connected: dict[str, str | None] = field(default_factory=dict)
    held: int = 0
    began: int = 0
    """When its set-up ran, counted over all containers of the world."""


class World:
    """A cluster as the API server, the kubelet and the containers have it."""

    def __init__(self, roles: dict[str, int], **options: object) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.wanted = dict(roles)
        self.options = options
        self.status = ClusterStatus()
        self.annotations: dict[str, str] = {}
        self.connected: dict[str, str | None] = {}
        self.described: dict[int, dict[str, str | None]] = {}
        self.sets: dict[str, int] = {}
        self.pods: dict[str, Container | None] = {}
        self.volumes: dict[str, str] = {}
        self.memory: dict[str, set[str]] = {}
        self.remembered: dict[str, dict[str, str | None]] = {}
        self.lives: list[Container] = []
        self.facts: list[GuestFact] = []
        self.tasks: list[SetUp | Notify | WatchCopy] = []
        self.life: Life | None = None
        self.exit_codes: dict[str, int] = {}
        self.unreachable: set[str] = set()
        self.slow: set[str] = set()
        self.filling: dict[str, str] = {}
        self.writes = 0
        self.numbers = itertools.count()
        self.known_roles = dict.fromkeys(roles)

    # --- what the operator sees

    def app(self) -> AppSpec:
        ports = self.options.get("ports", True)
        endpoint = {"port": 80, "urlScheme": "http", "hasAuthToken": bool(self.options.get("tokens"))}
        return AppSpec.model_validate(
            {
                "label": {"name": "App"},
                "distroID": "app",
                "version": "1",
                "configSchemaVersion": 8,
                "services": [{"id": "web", "endpoint": endpoint}] if ports else [],
                **({"startOrder": self.options["start_order"]} if "start_order" in self.options else {}),
                "roles": [self.app_role(role) for role in self.known_roles],
                "config": {
                    "selectedRoles": [],
                    "roleServices": [
                        {"roleID": role, "serviceIDs": ["web"] if ports else []} for role in self.known_roles
                    ],
                },
            }
        )

    def app_role(self, role: str) -> Json:
        found: Json = {"id": role, "cardinality": "0+", "maxLogSizeDump": 20}
        found["configPackage"] = None if role in self.options.get("bare", ()) else PACKAGE
        events = self.options.get("events", {}).get(role)
        found |= {"notifyRetries": self.options["retries"]} if "retries" in self.options else {}
        found |= {"timeLimits": self.options["limits"]} if "limits" in self.options else {}
        return {**found, "eventList": events} if events is not None else found

    def spec(self) -> ClusterSpec:
        resources = {"limits": {"cpu": "1", "memory": "1Gi"}}
        storage = {"storage": {"size": "1Gi"}} if self.options.get("storage") else {}
        roles = [{"id": role, "members": n, "resources": resources, **storage} for role, n in self.wanted.items()]
        return ClusterSpec.model_validate({"app": "app", "roles": roles})

    def seen(self) -> Seen:
        root = {"metadata": {"name": "c", "namespace": "ns", "uid": "u", "annotations": dict(self.annotations)}}
        return Seen(
            now=self.now,
            root=root,
            children=tuple(self.children()),
            facts=tuple(self.facts),
            entropy="e" * 32,
        )

    def children(self) -> list[Json]:
        found = [
            {
                "kind": "StatefulSet",
                "metadata": {"name": name, "generation": 1},
                "spec": {"replicas": replicas},
                "status": {"observedGeneration": 1},
            }
            for name, replicas in self.sets.items()
        ]
        found += [self.pod(name, container) for name, container in self.pods.items()]
        found += [{"kind": "PersistentVolumeClaim", "metadata": {"name": name}} for name in self.volumes]
        return found

    def pod(self, name: str, container: Container | None) -> Json:
        if container is None:
            return {"kind": "Pod", "metadata": {"name": name}, "status": self.pending(name)}
        return {
            "kind": "Pod",
            "metadata": {"name": name},
            "status": {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "app", "containerID": container.name, "state": {"running": {}}}],
            },
        }

    def pending(self, name: str) -> Json:
        """Return the status of a pod that waits; its init container may be filling the volume."""
        if name not in self.filling:
            return {"phase": "Pending"}
        return {
            "phase": "Pending",
            "initContainerStatuses": [{"name": "init", "containerID": self.filling[name], "state": {"running": {}}}],
            "containerStatuses": [{"name": "app", "state": {"waiting": {"reason": "PodInitializing"}}}],
        }

    def resolved(self) -> Resolved:
        app, spec = self.app(), self.spec()
        entries = {entry.id for entry in self.status.roles}
        roles = tuple(
            ResolvedRole(
                id=role.id,
                app=role,
                spec=spec.role(role.id),
                wanted=self.wanted.get(role.id, 0),
                stateful_set=f"set-{role.id}",
                has_ports=bool(self.options.get("ports", True)),
            )
            for role in app.roles
            if role.id in entries or self.wanted.get(role.id)
        )
        return Resolved(
            seen=self.seen(),
            root=Ref(KD_CLUSTER, "ns", "c"),
            uid="u",
            generation=1,
            app_name="app",
            app=app,
            spec=spec,
            reserved=self.status.reserved or Reserved(),
            cluster_service="kdhs-1",
            roles=roles,
            status=self.status,
        )

    # --- what may happen

    def operate(self, *, lose_write: bool = False) -> bool:
        """Run one pass of the operator; tell whether it changed anything."""
        versions = [ConnectionStatus(kind="Secret", name=name, version=it) for name, it in self.connected.items()]
        self.life = lifecycle.advance(self.resolved(), tuple(versions))
        self.described[self.life.status.spec_generation_to_process or 0] = dict(self.connected)
        changed = self.life.status.dumped() != self.status.dumped()
        if not self.life.reservation_pending:
            changed |= self.apply(self.life)
        if changed and not lose_write:
            self.writes += 1
            self.status = ClusterStatus.model_validate(self.life.status.dumped())
        return changed

    def apply(self, life: Life) -> bool:
        before = (dict(self.sets), dict(self.volumes), len(self.tasks))
        wanted = {f"set-{role}": count for role, count in life.replicas}
        self.sets = wanted
        for member in self.members():
            if member.state == MemberState.DELETING and self.gone(member):
                self.volumes.pop(f"p-{member.pod}", None)
        known = {(task.pod, task.container, task.key) for task in self.tasks}
        known |= {
            (fact.pod, fact.container, fact.operation) for fact in self.facts if isinstance(fact.result, Finished)
        }
        self.tasks += [item for item in life.actions if (item.pod, item.container, item.key) not in known]
        return before != (self.sets, self.volumes, len(self.tasks))

    def gone(self, member: MemberStatus) -> bool:
        name, _, number = member.pod.rpartition("-")
        return member.pod not in self.pods and self.sets.get(name, 0) <= int(number)

    def kubernetes(self) -> bool:
        """Let the sets make and end pods, and pending pods run."""
        wanted = {f"{name}-{number}" for name, count in self.sets.items() for number in range(count)}
        before = dict(self.pods)
        self.pods = {pod: container for pod, container in self.pods.items() if pod in wanted}
        for pod in wanted:
            if self.pods.setdefault(pod, None) is None and pod not in self.slow:
                self.start(pod)
        return before != self.pods

    def start(self, pod: str) -> None:
        container = Container(f"containerd://{next(self.numbers)}")
        if self.volumes.get(f"p-{pod}") == "done":
            container.knows = set(self.memory.get(pod, ()))
            container.connected = dict(self.remembered.get(pod, {}))
        self.lives.append(container)
        self.pods[pod] = container
        if self.options.get("storage"):
            self.volumes.setdefault(f"p-{pod}", "")

    def work(self, *, only: int | None = None) -> bool:
        """Let the containers do what was asked of them."""
        tasks = self.tasks if only is None else self.tasks[only : only + 1]
        for task in tasks:
            self.done(task)
        self.tasks = [task for task in self.tasks if task not in tasks]
        return bool(tasks)

    def done(self, task: SetUp | Notify | WatchCopy) -> None:
        if isinstance(task, WatchCopy):
            self.fact(task, UnderWay(words="7  42%"))
            return
        container = self.pods.get(task.pod)
        if container is None or container.name != task.container or task.pod in self.unreachable:
            self.fact(task, Stalled("cannot be reached"))
            return
        if isinstance(task, Notify):
            container.held = task.generation
        if task.key not in container.operations:
            container.operations[task.key] = self.run(container, task)
        self.fact(task, replace(container.operations[task.key], generation=container.held))

    def run(self, container: Container, task: SetUp | Notify) -> Finished:
        code = self.exit_codes.get(task.pod, 0)
        output = {"stdout_tail": "first line\nlast words", "stderr_tail": "oops\n"} if code else {}
        container.held = task.generation
        if isinstance(task, SetUp):
            if self.volumes.get(f"p-{task.pod}") == "done" and not task.from_scratch:
                return Finished(0, generation=task.generation, resumed=True)
            container.events.append(("--configure",))
            container.began = 1 + sum(1 for life in self.lives if life.began)
            container.knows = {member.pod for _, member in lifecycle.listed_members(self.life)}
            if f"p-{task.pod}" in self.volumes:
                self.volumes[f"p-{task.pod}"] = "" if code else "done"
        elif task.arguments[1:]:
            container.events.append(task.arguments)
            pods = {name.split(".")[0] for name in task.arguments[-1].split(",")}
            container.knows = container.knows | pods if task.arguments[0] == "--addnodes" else container.knows - pods
        elif task.arguments:
            container.events.append(task.arguments)
        if isinstance(task, SetUp) or task.arguments == ("--reconnect",):
            container.connected = self.described[task.generation]
        self.memory[task.pod], self.remembered[task.pod] = container.knows, container.connected
        return Finished(code, generation=container.held, **output)

    def fact(self, task: SetUp | Notify | WatchCopy, result: Finished | Stalled | UnderWay) -> None:
        self.facts = [
            f for f in self.facts if (f.pod, f.container, f.operation) != (task.pod, task.container, task.key)
        ]
        self.facts.append(GuestFact(task.pod, task.container, task.key, result))

    def crash(self) -> None:
        """Let the operator die: what its process knew is gone."""
        self.tasks, self.facts = [], []

    def turn(self) -> bool:
        """Let everyone act once; tell whether anything changed."""
        acted = [self.operate(), self.kubernetes(), self.work()]
        return any(acted)

    def settle(self, turns: int = 80) -> "World":
        """Let everyone act until nothing changes any more."""
        for _ in range(turns):
            if not self.turn():
                return self
        raise AssertionError("the cluster does not come to rest: " + str(self.status.dumped()))

    # --- what tests look at

    def members(self) -> list[MemberStatus]:
        return [member for role in self.status.roles for member in role.members]

    def member(self, pod: str) -> MemberStatus:
        return next(member for member in self.members() if member.pod == pod)

    def states(self) -> dict[str, str]:
        return {member.pod: member.state.value for member in self.members()}

    def events(self, pod: str) -> list[tuple[str, ...]]:
        container = self.pods[pod]
        assert container is not None
        return container.events


@pytest.fixture
def make_world() -> Callable[..., World]:
    return World
