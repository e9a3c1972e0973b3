"""Stability, after Anvil: whatever users, faults and the operator did, the right state is reached, and kept."""

import asyncio
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from likeness import differences, likeness, objects
from troubles import REFUSALS, Troubled
from world import KD_CLUSTER, SMALL, Members, app, world

from kdlib.errors import ApiError
from kdlib.guest import EmulatedRun
from kdlib.report import condition
from kdlib.sandbox.store import LocalTransport
from kdlib.testing import VirtualTime
from kdlib.wire import POD, SERVICE, STATEFUL_SET, Request

HERE, FRESH = "team-here", "team-fresh"
ROLES = ("head", "tail", "bare")
TYPES = ("ClusterIP", "NodePort", "LoadBalancer")


class Knowing(Members):
    """Members that remember whom they know of, and hold every call of their start scripts to the law."""

    def __init__(self):
        super().__init__()
        self.broken = []
        self.failing = set()
        self.knows = {}
        self.tries = Counter()
        self.failed = set()

    def _script(self, request, arguments):
        life = (request.pod, self._life(request))
        self.runs.append((*life, " ".join(arguments)))
        fails = request.pod in self.failing
        call = (*life, arguments)
        again = call in self.failed or arguments[0] in ("--configure", "--reconnect")
        self._law(again or call not in self.tries, f"told twice: {call}")
        self.tries[call] += 1
        (self.failed.add if fails else self.failed.discard)(call)
        if not fails:
            self._learn(request, life, arguments)
        return EmulatedRun(1 if fails else 0, b"out", b"err")

    def _learn(self, request, life, arguments):
        if arguments == ("--configure",):
            roles = self.configmeta(request.pod, request.namespace)["nodegroups"]["1"]["roles"]
            self.knows[life] = {name for role in roles.values() for name in role["fqdns"]}
            return
        self._law(life in self.knows, f"told of a change before it was set up: {life} {arguments}")
        names, known = set(arguments[-1].split(",")), self.knows.setdefault(life, set())
        match arguments[0]:
            case "--addnodes":
                self._law(not names & known, f"told of members that it knew: {life} {arguments}")
                known |= names
            case "--delnodes":
                self._law(names <= known, f"told of the end of members that it did not know: {life} {arguments}")
                known -= names

    def _law(self, holds, words):
        """Remember what broke the law: an error raised here would be the member's, and not the test's."""
        if not holds:
            self.broken.append(words)


def spec(counts, service_type, connected):
    roles = [{"id": role, "members": count, "resources": SMALL} for role, count in counts.items()]
    connections = {"connections": {"configmaps": list(connected)}} if connected else {}
    return {"app": "stable", "serviceType": service_type, "roles": roles, **connections}


FIRST = ({"head": 1, "tail": 2}, "ClusterIP", ())
"""What the cluster is asked for at first: members, type of Services, ConfigMaps that it is connected to."""


def stable_app(namespace):
    """Return an app of three roles, any of which may be empty, one of them without a package."""
    made = app("stable", package="file:///opt/test.tgz")
    roles = [{"id": role, "cardinality": "0+", **({"configPackage": None} if role == "bare" else {})} for role in ROLES]
    services = {"roleServices": [{"roleID": role, "serviceIDs": ["web"]} for role in ("head", "tail")]}
    changes = {"roles": roles, "config": {"selectedRoles": list(ROLES), **services}}
    metadata = {**made["metadata"], "namespace": namespace}
    return {**made, "metadata": metadata, "spec": {**made["spec"], **changes}}


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
        self.retries = 0
        self.wanted = None
        self.go(self.begin())

    async def begin(self):
        spaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in (HERE, FRESH)]
        self.world.create(*spaces, stable_app(HERE), stable_app(FRESH))
        self.start_operator()
        self.write_notes("first")
        await self.put(FIRST)

    # --- what users do

    async def put(self, wanted, namespace=HERE):
        """Create the cluster, or replace its spec; return whether that was taken."""
        given = spec(*wanted)
        found = self.world.registry.find(KD_CLUSTER, namespace, "c1")
        metadata = found["metadata"] if found else {"namespace": namespace, "name": "c1"}
        root = {"apiVersion": KD_CLUSTER.api_version, "kind": KD_CLUSTER.name, "metadata": metadata, "spec": given}
        method, path = ("PUT", KD_CLUSTER.path(namespace, "c1")) if found else ("POST", KD_CLUSTER.path(namespace))
        try:
            await self.world.user().request(Request(method, path, {}, root))
        except ApiError:
            return False
        if namespace == HERE:
            self.wanted = wanted
        return True

    @rule(
        counts=st.fixed_dictionaries({}, optional=dict.fromkeys(ROLES, st.integers(0, 3))),
        kind=st.sampled_from(TYPES),
        connected=st.sampled_from([(), ("notes",), ("notes", "nowhere")]),
    )
    def ask(self, counts, kind, connected):
        """Create, resize, add and remove roles, change the type of Services, connect."""
        self.go(self.put((counts, kind, connected)))

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

    @rule()
    def ask_for_a_retry(self):
        self.retries += 1
        if self.world.registry.find(KD_CLUSTER, HERE, "c1"):
            annotations = {"kubedirector.hpe.com/retry": str(self.retries)}
            self.world.registry.patch(KD_CLUSTER, HERE, "c1", {"metadata": {"annotations": annotations}})

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
            assert objects(self.world, HERE) == []
            await self.put(FIRST)
            await self.quiet()
        await self.as_told()
        assert await self.put(self.wanted, FRESH)
        await self.quiet()
        found = differences(likeness(self.world, HERE), likeness(self.world, FRESH))
        assert not found, "differs from a fresh cluster:\n" + "\n".join(found)
        self.check_knowledge()
        assert self.members.broken == []

    async def as_told(self):
        """Do what the conditions tell people to do: ask for a retry, renew members that run what was said before."""
        for _ in range(20):
            status = self.world.registry.get(KD_CLUSTER, HERE, "c1")["status"]
            outdated = condition(status, "MembersOutdated")
            if outdated:
                pod = outdated["message"].split("kubectl delete pod ")[1].split()[0]
                self.world.registry.delete(POD, HERE, pod)
            elif condition(status, "Stalled").get("status") == "True":
                self.ask_for_a_retry()
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
        for (pod, life), names in self.members.knows.items():
            if pod in pods and self.members.life_of(HERE, pod) == life:
                assert sorted(name.partition(".")[0] for name in names) == sorted(pods)

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
