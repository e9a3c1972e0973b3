"""Stability, after Anvil: whatever users, faults and the operator did, the right state is reached, and kept."""

import asyncio
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from knowing import Knowing
from likeness import differences, likeness, objects
from troubles import REFUSALS, Troubled
from world import KD_CLUSTER, app, world

from kdlib.errors import ApiError
from kdlib.names import ANNOTATION_PREFIX
from kdlib.report import condition
from kdlib.sandbox.store import LocalTransport
from kdlib.testing import VirtualTime
from kdlib.wire import PERSISTENT_VOLUME_CLAIM, POD, SERVICE, STATEFUL_SET, ExecRequest, Request

HERE, FRESH = "team-here", "team-fresh"
STORED = "store"
ROLES = ("head", "tail", "bare", STORED)
APPS = ("stable", "newer")
TYPES = ("ClusterIP", "NodePort", "LoadBalancer")
REQUESTS = ("retry", "restart", *(f"restart-role-{role}" for role in ROLES), "rotate-tokens")


@dataclass(frozen=True)
class Wanted:
    """What the cluster is asked for; `counts` are the members of each role."""

    counts: dict[str, int]
    service_type: str = "ClusterIP"
    connected: tuple[str, ...] = ()
    app: str = "stable"
    form: tuple[str, str, str] = ("16Mi", "", "")
    """Memory of each member, its image where it is not the app's, the value of a variable."""
    retained: tuple[str, ...] = ()
    paused: bool = False

    def spec(self):
        """Return the spec that asks for it."""
        made = {"app": self.app, "serviceType": self.service_type, "paused": self.paused}
        made["roles"] = [self._role(role, count) for role, count in self.counts.items()]
        made["persistentVolumeClaimRetentionPolicy"] = dict.fromkeys(self.retained, "Retain")
        return {**made, "connections": {"configmaps": list(self.connected)}}

    def _role(self, role, count):
        memory, image, level = self.form
        made = {"id": role, "members": count, "resources": {"limits": {"memory": memory, "cpu": "10m"}}}
        made |= {"imageRepoTag": image} if image else {}
        made |= {"env": [{"name": "LEVEL", "value": level}]} if level else {}
        return {**made, "storage": {"size": "1Gi"}} if role == STORED else made


FIRST = Wanted({"head": 1, "tail": 2})
"""What the cluster is asked for at first."""


def stable_app(namespace, name):
    """Return an app of four roles, any of which may be empty, one without a package, one with directories to keep."""
    made = app(name, package="file:///opt/test.tgz")
    roles = [{"id": role, "cardinality": "0+", **({"configPackage": None} if role == "bare" else {})} for role in ROLES]
    roles[ROLES.index(STORED)]["persistDirs"] = ["/data"]
    services = {"roleServices": [{"roleID": role, "serviceIDs": ["web"]} for role in ("head", "tail")]}
    changes = {"distroID": "test/stable", "roles": roles, "config": {"selectedRoles": list(ROLES), **services}}
    metadata = {**made["metadata"], "namespace": namespace}
    made = {**made, "metadata": metadata, "spec": {**made["spec"], **changes}}
    made["spec"]["services"][0]["endpoint"]["hasAuthToken"] = True
    return made


class Walk(RuleBasedStateMachine):
    """One world: a cluster, its users, an operator that comes and goes, and what goes wrong."""

    def __init__(self):
        super().__init__()
        self.members = Knowing()
        time = VirtualTime()
        self.loop = time.piecewise()
        self.go = self.loop.__enter__()
        self.context = world(time, self.members)
        self.world = self.go(self.context.__aenter__())
        self.transport = Troubled(LocalTransport(self.world.registry, exec_hook=self.world.node.containers.exec))
        self.operator = None
        self.requests = 0
        self.wanted = FIRST
        self.members.lives_in(self.world.registry)
        self.go(self.begin())

    async def begin(self):
        spaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in (HERE, FRESH)]
        self.world.create(*spaces, *(stable_app(space, name) for space in (HERE, FRESH) for name in APPS))
        self.start_operator()
        self.write_notes("first")
        await self.put(FIRST)

    # --- what users do

    async def put(self, wanted, namespace=HERE):
        """Create the cluster, or replace its spec; return whether that was taken."""
        found = self.world.registry.find(KD_CLUSTER, namespace, "c1")
        metadata = found["metadata"] if found else {"namespace": namespace, "name": "c1"}
        root = {
            "apiVersion": KD_CLUSTER.api_version,
            "kind": KD_CLUSTER.name,
            "metadata": metadata,
            "spec": wanted.spec(),
        }
        method, path = ("PUT", KD_CLUSTER.path(namespace, "c1")) if found else ("POST", KD_CLUSTER.path(namespace))
        try:
            await self.world.user().request(Request(method, path, {}, root))
        except ApiError:
            return False
        if namespace == HERE:
            self.wanted = wanted
        return True

    def change(self, **changes):
        """Create the cluster, or change something of what it is asked for."""
        self.go(self.put(replace(self.wanted, **changes)))

    @rule(
        counts=st.fixed_dictionaries({}, optional=dict.fromkeys(ROLES, st.integers(0, 3))),
        kind=st.sampled_from(TYPES),
        connected=st.sampled_from([(), ("notes",), ("notes", "nowhere")]),
    )
    def ask(self, counts, kind, connected):
        """Create, resize, add and remove roles, change the type of Services, connect."""
        self.change(counts=counts, service_type=kind, connected=connected)

    @rule(app=st.sampled_from(APPS))
    def move_to_an_app(self, app):
        self.change(app=app)

    @rule(
        memory=st.sampled_from(["16Mi", "32Mi"]),
        image=st.sampled_from(["", "test/other:1"]),
        level=st.sampled_from(["", "debug"]),
    )
    def change_the_form(self, memory, image, level):
        """Change what members get one by one: resources, image, env."""
        self.change(form=(memory, image, level))

    @rule(paused=st.booleans())
    def pause_or_resume(self, paused):
        self.change(paused=paused)

    @rule(retained=st.sampled_from([(), ("whenScaled",), ("whenDeleted",), ("whenScaled", "whenDeleted")]))
    def retain_claims(self, retained):
        """Change whether claims outlive members and cluster."""
        self.change(retained=retained)

    @rule(text=st.sampled_from(["one", "two", "three"]))
    def write_notes(self, text):
        """Change what the cluster may be connected to."""
        for namespace in (HERE, FRESH):
            metadata = {"namespace": namespace, "name": "notes"}
            notes = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"text": text}}
            self.world.registry.apply(notes, manager="ann")

    @rule()
    def delete_cluster(self):
        if self.world.registry.find(KD_CLUSTER, HERE, "c1"):
            self.world.registry.delete(KD_CLUSTER, HERE, "c1")

    @rule(request=st.sampled_from(REQUESTS))
    def request(self, request):
        """Ask by an annotation for further tries, restarts, or new tokens of all that are concerned."""
        self.requests += 1
        if self.world.registry.find(KD_CLUSTER, HERE, "c1"):
            annotations = {f"{ANNOTATION_PREFIX}{request}": str(self.requests)}
            self.world.registry.patch(KD_CLUSTER, HERE, "c1", {"metadata": {"annotations": annotations}})

    @rule(data=st.data(), request=st.sampled_from(["retry", "restart", "rotate-tokens"]))
    def request_of_a_member(self, data, request):
        pod = self.any_of(POD, data)
        if pod:
            self.request(f"{request}-{pod['metadata']['name']}")

    # --- what goes wrong

    def any_of(self, kind, data):
        """Draw one of the cluster's objects of a kind; None where there is none."""
        found = [obj for obj in objects(self.world, HERE) if obj["kind"] == kind.name]
        return data.draw(st.sampled_from(found)) if found else None

    @rule(data=st.data())
    def kill_a_container(self, data):
        pod = self.any_of(POD, data)
        if pod and self.world.node.containers.lives(HERE, pod["metadata"]["name"]):
            self.go(self.world.node.restart(HERE, pod["metadata"]["name"]))

    @rule(data=st.data(), kind=st.sampled_from([POD, STATEFUL_SET, SERVICE]))
    def delete_an_object(self, data, kind):
        found = self.any_of(kind, data)
        if found:
            self.world.registry.delete(kind, HERE, found["metadata"]["name"])

    @rule(data=st.data(), what=st.sampled_from(["replicas", "labels", "owners", "ports", "type", "template"]))
    def edit_an_object(self, data, what):
        kind = STATEFUL_SET if what in ("replicas", "template") else SERVICE
        found = self.any_of(kind, data)
        if not found or (what in ("ports", "type") and found["spec"].get("clusterIP") == "None"):
            return
        ports = [{"name": "odd", "port": 9, "protocol": "TCP"}]
        label = {"metadata": {"labels": {"kubedirector.hpe.com/kdcluster": "nobody"}}}
        patch = {
            "replicas": {"spec": {"replicas": data.draw(st.integers(0, 4))}},
            "labels": label,
            "owners": {"metadata": {"ownerReferences": None}},
            "ports": {"spec": {"ports": ports}},
            "type": {"spec": {"type": data.draw(st.sampled_from(TYPES))}},
            "template": {"spec": {"template": {"metadata": {"annotations": {"odd": "1"}}}}},
        }[what]
        self.world.registry.patch(kind, HERE, found["metadata"]["name"], patch)

    @rule(name=st.sampled_from(sorted(REFUSALS)), answers_lost=st.booleans())
    def trouble_the_api(self, name, answers_lost):
        self.transport.api, self.transport.answers_lost = name, answers_lost

    @rule(name=st.sampled_from(sorted(REFUSALS)))
    def trouble_execs(self, name):
        self.transport.exec_refusal = name

    @rule(seconds=st.sampled_from([0.05, 1.0, 20.0]))
    def let_watches_lag(self, seconds):
        self.transport.lag_seconds = seconds

    @rule(forget=st.booleans())
    def cut_watches(self, forget):
        self.transport.cut()
        if forget:
            self.world.registry.compact()

    @rule()
    def mend_the_world(self):
        self.transport.mend()

    @rule(data=st.data())
    def let_start_scripts_fail(self, data):
        pod = self.any_of(POD, data)
        if pod:
            self.members.failing.add(pod["metadata"]["name"])

    @rule()
    def mend_start_scripts(self):
        self.members.failing.clear()

    # --- the operator, and time

    def start_operator(self):
        controller = self.world.controller(self.transport, grace_seconds=0.0)
        self.operator = asyncio.create_task(controller.run())

    async def stop_operator(self):
        self.operator.cancel()
        await asyncio.wait({self.operator})
        ended, self.operator = self.operator, None
        assert ended.cancelled() or ended.exception() is None, ended.exception()

    async def restart_operator(self):
        if self.operator:
            await self.stop_operator()
        self.start_operator()

    @rule()
    def kill_the_operator(self):
        if self.operator:
            self.go(self.stop_operator())

    @rule()
    def run_another_operator(self):
        self.go(self.restart_operator())

    @rule(seconds=st.sampled_from([0.001, 0.02, 0.1, 0.3, 1.0, 5.0, 40.0, 200.0]))
    def pass_time(self, seconds):
        self.go(asyncio.sleep(seconds))

    # --- the law

    def teardown(self):
        try:
            self.go(self.hold())
        finally:
            self.go(self.end())
            self.loop.__exit__(None, None, None)

    async def hold(self):
        self.transport.mend()
        self.members.failing.clear()
        if self.operator is None:
            self.start_operator()
        await self.quiet()
        assert self.members.broken == []
        if not self.world.registry.find(KD_CLUSTER, HERE, "c1"):
            assert {obj["kind"] for obj in objects(self.world, HERE)} <= {PERSISTENT_VOLUME_CLAIM.name}
            await self.put(FIRST)
        elif self.wanted.paused:
            await self.put(replace(self.wanted, paused=False))
        await self.quiet()
        await self.as_told()
        self.clear_claims()
        assert await self.put(self.wanted, FRESH)
        await self.quiet()
        found = differences(likeness(self.world, HERE), likeness(self.world, FRESH))
        assert not found, "differs from a fresh cluster:\n" + "\n".join(found)
        self.check_knowledge()
        assert self.members.broken == []

    def clear_claims(self):
        """Delete the claims that outlived their members."""
        status = self.world.registry.get(KD_CLUSTER, HERE, "c1")["status"]
        used = {member.get("pvc") for role in status["roles"] for member in role["members"]}
        for obj in objects(self.world, HERE):
            if obj["kind"] == PERSISTENT_VOLUME_CLAIM.name and obj["metadata"]["name"] not in used:
                self.world.registry.delete(PERSISTENT_VOLUME_CLAIM, HERE, obj["metadata"]["name"])

    async def as_told(self):
        """Do what the conditions tell people to do: ask for a retry, renew members that run what was said before."""
        for _ in range(20):
            status = self.world.registry.get(KD_CLUSTER, HERE, "c1")["status"]
            outdated = condition(status, "MembersOutdated")
            if outdated:
                pod = outdated["message"].split("kubectl delete pod ")[1].split()[0]
                self.world.registry.delete(POD, HERE, pod)
            elif condition(status, "Stalled").get("status") == "True":
                self.request("retry")
            else:
                break
            await self.quiet()
        assert status["state"] == "configured", status
        assert condition(status, "Ready")["status"] == "True", status

    async def quiet(self):
        """Let time pass until nothing was written, and nothing sent, in ten minutes."""
        await self.world.quiet(lambda: self.transport.sent)

    def check_knowledge(self):
        """Hold that each member that has a start script knows of all members, and of no others."""
        status = self.world.registry.get(KD_CLUSTER, HERE, "c1")["status"]
        pods = [member["pod"] for role in status["roles"] for member in role["members"]]
        for pod in pods:
            mind = self.members.mind(ExecRequest(HERE, pod, "app", ()))
            known = sorted(name.partition(".")[0] for name in self.members.knows.get(mind, pods))
            assert known == sorted(pods), pod

    async def end(self):
        if self.operator:
            await self.stop_operator()
        await self.context.__aexit__(None, None, None)


def walk(examples, steps):
    limits = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Walk, settings=limits)


def test_from_any_state_the_right_one_is_reached_and_kept():
    walk(8, 15)


@pytest.mark.long
def test_from_any_of_many_states_the_right_one_is_reached_and_kept():
    walk(150, 40)
