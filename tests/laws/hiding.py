"""A world with a cluster whose app hides the auth tokens of its members.

Tests get its fixtures from the conftest beside them.
"""

import asyncio
import base64
import itertools
import json

import pytest

from kdlib.wire import KD_CLUSTER, KD_CONFIG, SECRET, SERVICE

PACKAGE = "file:///opt/test/shell.tgz"
PLACE = "kdtokens-c1"
ANNOTATION = "kubedirector.hpe.com/kd-auth-token"
SERVICES = [{"id": "web", "label": {"name": "Web"}, "endpoint": {"port": 80, "hasAuthToken": True}}]
ROLES = [{"id": "head", "cardinality": "1+"}, {"id": "tail", "cardinality": "0+"}]
CONFIG = {
    "apiVersion": KD_CONFIG.api_version,
    "kind": KD_CONFIG.name,
    "metadata": {"name": "kd-global-config", "namespace": "kd"},
    "spec": {"backupClusterStatus": True},
}


@pytest.fixture
def app_of(made):
    """Return an app whose heads have tokens; two of them differ in name, and in whether they hide the tokens."""

    def make(name="shell", *, hides=True):
        app = made.app(name, PACKAGE)
        app["spec"] |= {"services": SERVICES, "roles": ROLES, "hideAuthTokens": hides, "distroID": "test/shell"}
        app["spec"]["defaultImageRepoTag"] = "test/shell:1"
        return app

    return make


@pytest.fixture
def cluster_of(made):
    def make(name="c1", **spec):
        cluster = made.cluster(name, app=spec.pop("app", "shell"), tails=1)
        cluster["spec"]["roles"][0]["members"] = 2
        cluster["spec"] |= spec
        return cluster

    return make


@pytest.fixture
def play_hidden(play, members, app_of, cluster_of):
    """Play a scenario with an app that hides the tokens of its two heads, one that does not, and a cluster."""

    def played(scenario, *before, app="shell", configured=True):
        async def run(world):
            numbers = itertools.count(1)
            world.entropy = lambda: f"{next(numbers):064x}"
            async with world.operating() as transport:
                world.create(app_of(), app_of("open", hides=False), *before, cluster_of(app=app))
                if configured:
                    await world.until(world.configured(head=2, tail=1))
                return await scenario(world, transport)

        return play(run, members)

    return played


def heads(world, name="c1"):
    return world.status(name)["roles"][0]["members"]


def secret(world):
    return world.registry.get(SECRET, "default", PLACE)


def secrets(world):
    return {obj["metadata"]["name"]: obj for obj in world.registry.list(SECRET, "default")}


def hidden(world):
    """Return the tokens of the Secret by pod."""
    return {pod: base64.b64decode(text).decode() for pod, text in secret(world)["data"].items()}


def on_services(world):
    services = [world.registry.get(SERVICE, "default", member["service"]) for member in heads(world)]
    return [service["metadata"]["annotations"].get(ANNOTATION) for service in services]


def read(members, pod, role="head"):
    return members.configmeta(pod)["nodegroups"]["1"]["roles"][role]["services"]["web"]["authToken"]


def held(world, members):
    """Return the tokens that the heads have in their own configmeta."""
    return {member["pod"]: read(members, member["pod"]) for member in heads(world)}


def annotate(world, name, value):
    annotations = {f"kubedirector.hpe.com/{name}": value}
    world.registry.patch(KD_CLUSTER, "default", "c1", {"metadata": {"annotations": annotations}})


async def rotate_all_and_one(world, transport, members, tokens):
    """Ask for new tokens of all, then of one: each is told by one exec, and no start script runs (5.5).

    `tokens(world)` returns the tokens by pod, once those who hold them agree.
    """
    first, runs = tokens(world), list(members.runs)
    generation, execs = world.status()["specGenerationToProcess"], len(transport.execs)
    annotate(world, "rotate-tokens", "1")
    await asyncio.sleep(30)
    second = tokens(world)
    assert not set(first.values()) & set(second.values())
    assert world.status()["specGenerationToProcess"] == generation + 1
    assert len(transport.execs) == execs + 3
    pod, other = second
    annotate(world, f"rotate-tokens-{pod}", "x")
    await asyncio.sleep(30)
    third = tokens(world)
    assert (third[pod] != second[pod], third[other]) == (True, second[other])
    assert members.runs == runs
    assert world.configured(head=2, tail=1)()


def everything_else(world):
    """Return all that is stored but Secrets, as text."""
    kinds = [resource.kind for resource in world.registry.resources if resource.kind.name != SECRET.name]
    return json.dumps([world.registry.list(kind) for kind in kinds])


def refusal(world):
    found = next(item for item in world.status()["conditions"] if item["type"] == "Stalled")
    return found["message"] if found["status"] == "True" else ""


def put(world, pod, token):
    data = {pod: base64.b64encode(token.encode()).decode()}
    world.registry.patch(SECRET, "default", PLACE, {"data": data})
