"""A sample of the laws on a real API server with a hollow node: faults strike between it and the operator.

Each case lives in a namespace of its own, which the operator sees as if it were all of them.
"""

import asyncio
import json
import logging
import os
from base64 import b64encode
from contextlib import asynccontextmanager
from functools import partial
from types import SimpleNamespace

import pytest
from likeness import differences, likeness
from world import Recording

from kdd.operator import controller
from kdd.settings import Settings
from kdd.stage import install_crds
from kdlib import kube
from kdlib.frozen import dig
from kdlib.names import ANNOTATION_PREFIX, LABEL_CLUSTER
from kdlib.testing import (
    ControlPlaneError,
    KubeCluster,
    a_cluster,
    a_secret,
    an_app,
    control_plane_folder,
    held_configmeta,
)
from kdlib.testing.backends import on_control_plane
from kdlib.testing.kubeconfigs import write_for
from kdlib.wire import (
    CONTROLLER_REVISION,
    EVENT,
    KD_CLUSTER,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    SERVICE,
    STATEFUL_SET,
    Ref,
)

pytestmark = pytest.mark.control_plane

KINDS = (KD_CLUSTER, STATEFUL_SET, SERVICE, POD, PERSISTENT_VOLUME_CLAIM, CONTROLLER_REVISION, EVENT)
QUIET_SECONDS = 2.0
REST_SECONDS = 40.0
CASE_SECONDS = 90.0
FAULTS = {
    "a write is lost": ("write", "lost", "statefulsets"),
    "the answer of a write is lost": ("write", "answer-lost", "services"),
    "a write conflicts": ("write", "conflict", "status"),
    "a write is answered 500": ("write", "broken", "statefulsets"),
    "a write is answered 503": ("write", "unavailable", "services"),
    "a watch is cut": ("watch", "cut", "MODIFIED Pod"),
    "a watch is answered 410": ("watch", "gone", "MODIFIED StatefulSet"),
    "the answer of an exec is lost": ("exec", "answer-lost", ""),
    "killed before a write": ("write", "killed-before", "statefulsets"),
    "killed after a write": ("write", "killed-after", "status"),
    "killed after an exec": ("exec", "killed-after", ""),
}
ALL = {"nothing": (), **FAULTS}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Serve a real control plane with a hollow node and our kinds."""
    scratch = tmp_path_factory.mktemp("plane")
    opening = on_control_plane(control_plane_folder(os.environ), scratch)
    try:
        opened = opening.__enter__()
    except ControlPlaneError as error:
        pytest.skip(str(error))  # no binaries on this machine: the error says which; .ci/run builds them
    asyncio.run(_install(opened, scratch / "admin.kubeconfig"))
    yield opened
    opening.__exit__(None, None, None)


async def _install(server, kubeconfig):
    write_for(server.kubeconfig, "default", kubeconfig)
    async with kube.connect(kubeconfig=kubeconfig) as api:
        await install_crds(api)


@pytest.fixture
def open_place(server, tmp_path):
    """Return how to open a namespace of a name, with an app in it."""

    @asynccontextmanager
    async def opened(name, *, with_app=True):
        making = server.namespaces.made(name)
        namespace = await asyncio.to_thread(making.__enter__)
        kubeconfig = tmp_path / name
        write_for(server.kubeconfig, namespace, kubeconfig)
        async with kube.connect(kubeconfig=kubeconfig) as api:
            place = KubeCluster(
                api, namespace, backend=server.backend, kubeconfig=kubeconfig, environment={}, patience_seconds=60.0
            )
            if with_app:
                await place.apply(app())
            yield place
        await asyncio.to_thread(making.__exit__, None, None, None)

    return opened


def app():
    made = an_app("shell", {"head": "1", "tail": "0+"}, defaultConfigPackage={"packageURL": "file:///opt/test/s.tgz"})
    made["spec"]["services"] = [{"id": "web", "label": {"name": "Web"}, "endpoint": {"port": 80, "hasAuthToken": True}}]
    made["spec"]["config"] = {
        "selectedRoles": ["head", "tail"],
        "roleServices": [{"roleID": "head", "serviceIDs": ["web"]}],
    }
    return made


def cluster(tails, **spec):
    return a_cluster("c1", "shell", {"head": 1, "tail": tails}, **spec)


class Operating:
    """The daemon's own controller of clusters, with what it sent since it was begun last."""

    def __init__(self, folder):
        self._settings = Settings(cache=folder)
        self.sent = None

    async def __call__(self, api):
        self.sent = Recording(api.transport)
        await controller(kube.Api(self.sent, name="here"), self._settings).run()

    @property
    def count(self):
        return len(self.sent.requests) + len(self.sent.execs)

    async def rest(self):
        """Wait until nothing was sent for a while; raises TimeoutError where that never comes."""
        async with asyncio.timeout(REST_SECONDS):
            before = None
            while before != self.count:
                before = self.count
                # It is the law itself that nothing happens in this time.
                await asyncio.sleep(QUIET_SECONDS)


def is_configured(found, members):
    states = [member["state"] for role in dig(found, "status", "roles", default=()) for member in role["members"]]
    is_current = dig(found, "status", "observedGeneration") == found["metadata"]["generation"]
    return found["status"]["state"] == "configured" and is_current and states == ["configured"] * members


async def configured(place, members):
    root = Ref(KD_CLUSTER, place.namespace, "c1")
    return await place.eventually(root, partial(is_configured, members=members))


async def look(place):
    """Return everything in the namespace, by kind."""
    found = {}
    for kind in KINDS:
        items = (await place.api.list(kube.Selection(kind, place.namespace))).items
        found[kind.name] = [{"apiVersion": kind.api_version, "kind": kind.name, **item} for item in items]
    return found


def described(found, server, namespace):
    """Return what is there as one cluster is compared with another, of a different name and namespace."""

    def held(namespace, pod):
        return json.loads(held_configmeta(server.hollow[1].containers, namespace, pod) or b"null")

    registry = SimpleNamespace(
        resources=[SimpleNamespace(kind=kind) for kind in KINDS],
        list=lambda kind, _: found[kind.name],
        get=lambda kind, _, name: next(obj for obj in found[kind.name] if obj["metadata"]["name"] == name),
    )
    return likeness(SimpleNamespace(registry=registry, held=held), namespace)


async def lived(place):
    """Have a cluster made and grown."""
    await place.apply(cluster(1))
    await configured(place, 2)
    await place.apply(cluster(2))
    await configured(place, 3)


async def revived(operator):
    """Begin an operator anew once it was killed."""
    await operator.killed()
    await operator.begin()


async def struck(open_place, server, folder, fault):
    """Live with one fault, or none; return what is there in the end."""
    name = "-".join(fault[:2]) if fault else "calm"
    async with open_place(f"{name}-{len(fault[2]) if fault else 0}") as place:
        operating = Operating(folder)
        async with place.operator(operating) as operator, asyncio.TaskGroup() as group:
            if fault:
                operator.orders.add(*fault)
            if fault and fault[1].startswith("killed"):
                group.create_task(revived(operator))
            await lived(place)
            await operating.rest()
            assert not operator.orders.open, fault
        return described(await look(place), server, place.namespace)


async def test_law_2_one_fault_of_any_kind_leaves_the_same_end(open_place, server, tmp_path):
    async with asyncio.timeout(CASE_SECONDS), asyncio.TaskGroup() as group:
        living = {name: group.create_task(struck(open_place, server, tmp_path, fault)) for name, fault in ALL.items()}
    calm = living.pop("nothing").result()
    assert len(calm["configmeta"]) == 3
    assert {"StatefulSet", "Service", "Pod", "ControllerRevision"} <= {
        name.partition(" ")[0] for name in calm["objects"]
    }
    differing = {name: differences(lives.result(), calm) for name, lives in living.items()}
    assert {name: found for name, found in differing.items() if found} == {}


def versions(found):
    """Return the versions of all objects but Events, and the whole status: equal only if nobody wrote anything."""
    objects = [obj for kind, items in found.items() if kind != EVENT.name for obj in items]
    statuses = [obj["status"] for obj in found[KD_CLUSTER.name]]
    return {obj["metadata"]["uid"]: obj["metadata"]["resourceVersion"] for obj in objects}, json.dumps(statuses)


async def test_laws_1_5_and_6_at_rest_nothing_is_sent_and_a_fresh_operator_finds_nothing_to_do(open_place, tmp_path):
    async with asyncio.timeout(CASE_SECONDS), open_place("rest") as place:
        operating = Operating(tmp_path)
        async with place.operator(operating) as operator:
            await lived(place)
            await operating.rest()
            before = versions(await look(place))
            await operator.begin()
            await operating.rest()
        assert (operating.sent.writes, operating.sent.execs) == ([], [])
        assert operating.sent.requests
        assert versions(await look(place)) == before


async def test_law_3_a_cluster_that_is_refused_stops_only_itself(open_place, tmp_path):
    async with asyncio.timeout(CASE_SECONDS), open_place("refused") as place:
        async with place.operator(Operating(tmp_path)):
            (bad,) = await place.apply(a_cluster("bad", "shell", {"head": 2}))
            await place.eventually(bad, lambda found: "Refused" in json.dumps(found["status"]["conditions"]))
            await place.apply(cluster(1))
            await configured(place, 2)
        sets = (await place.api.list(kube.Selection(STATEFUL_SET, place.namespace))).items
        assert {obj["metadata"]["labels"][LABEL_CLUSTER] for obj in sets} == {"c1"}


async def test_law_4_the_order_in_which_things_come_leaves_no_trace(open_place, server, tmp_path):
    found = []
    async with asyncio.timeout(CASE_SECONDS):
        for number, documents in enumerate([(app(), cluster(1)), (cluster(1), app())]):
            async with open_place(f"order-{number}", with_app=False) as place:
                operating = Operating(tmp_path)
                async with place.operator(operating):
                    for document in documents:
                        await place.apply(document)
                    await configured(place, 2)
                    await operating.rest()
                found.append(described(await look(place), server, place.namespace))
    assert differences(*found) == []


async def test_law_7_a_secret_reaches_members_and_nothing_else(open_place, server, tmp_path, caplog):
    caplog.set_level(logging.DEBUG, logger="kdlib")
    value, label = "0123456789abcdef" * 3, {f"{ANNOTATION_PREFIX}secretType": "test"}
    async with asyncio.timeout(CASE_SECONDS), open_place("secret") as place:
        operating = Operating(tmp_path)
        async with place.operator(operating):
            secret = a_secret("login", password=value)
            await place.apply({**secret, "metadata": {**secret["metadata"], "labels": label}})
            await place.apply(cluster(1, connections={"secrets": ["login"]}))
            root = await configured(place, 2)
            await operating.rest()
        found = await look(place)
        members = [member for role in root["status"]["roles"] for member in role["members"]]
        tokens = [member.pop("authToken") for member in members if "authToken" in member]
        meta = [held_configmeta(server.hollow[1].containers, place.namespace, member["pod"]) for member in members]
    assert tokens
    assert all(b64encode(value.encode()) in document or value.encode() in document for document in meta)
    everywhere = json.dumps(found) + caplog.text
    assert value not in everywhere
    assert b64encode(value.encode()).decode() not in everywhere
    told = json.dumps([found[EVENT.name], root["status"]]) + caplog.text
    assert [token for token in tokens if token in told] == []
    assert "configured" in told
