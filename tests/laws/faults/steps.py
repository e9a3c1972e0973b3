"""The steps of the members' lives: creation, growth, restarts, failures, connections, the end."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from faults.stage import MARKER, Stage
from world import app, cluster

from kdlib.names import ANNOTATION_PREFIX
from kdlib.wire import KD_CLUSTER, POD, SERVICE

__all__ = [
    "DELETED",
    "EVENTS",
    "PACKAGE",
    "SECRET_VALUE",
    "Step",
    "configured",
    "connected",
    "failing",
    "lost",
    "made",
    "patched",
    "reconnected",
    "restarted",
    "retried",
    "scaled",
    "service_type",
    "with_roles",
    "with_states",
]

PACKAGE = "file:///opt/test/shell.tgz"
EVENTS = ("configure", "addnodes", "delnodes")
SECRET_VALUE = base64.b64encode(MARKER.encode()).decode()


@dataclass(frozen=True)
class Step:
    """`act` is done by somebody else than the operator; then the world has to come to fulfil `end`."""

    act: Callable[[Stage], Any]
    end: Callable[[Stage], Any]


def made(
    tails: int = 2,
    *,
    storage: bool = False,
    spec: dict | None = None,
    events: tuple[str, ...] = (),
    tokens: bool = False,
):
    """Return the step in which a user makes an app and a cluster of it."""

    def act(stage):
        of_app, of_cluster = app("shell", PACKAGE), cluster(app="shell", tails=tails)
        for role in of_app["spec"]["roles"] if events else ():
            role["eventList"] = list(events)
        of_app["spec"]["services"][0]["endpoint"]["hasAuthToken"] = tokens
        of_cluster["spec"].update(spec or {})
        for role in of_cluster["spec"]["roles"] if storage else ():
            role["storage"] = {"size": "1Gi"}
        stage.members.keeps = storage
        stage.world.create(of_app, of_cluster)

    return Step(act, configured(head=1, tail=tails))


def configured(**members):
    """Return the end in which the cluster is configured with just these members."""
    return lambda stage: stage.world.configured(**members)()


def scaled(end: dict[str, int], **members):
    """Return the step in which a user changes member counts."""
    return Step(lambda stage: stage.world.change(**members), configured(**end))


def with_roles(*roles: str, **end: int):
    """Return the step in which a user leaves just these roles in the cluster, and brings back what is missing."""

    def act(stage):
        known = {role["id"]: role for role in cluster(app="shell", tails=end.get("tail", 0))["spec"]["roles"]}
        stage.patch({"spec": {"roles": [known[role] for role in roles]}})

    return Step(act, configured(**end))


def patched(spec: dict, end):
    """Return the step in which a user patches the spec."""
    return Step(lambda stage: stage.patch({"spec": spec}), end)


def restarted(suffix: str, end):
    """Return the step in which the container of one pod restarts."""

    async def act(stage):
        name = stage.pod(suffix)
        await stage.world.node.restart("default", name)

    def set_up_again(stage):
        return end(stage) and stage.is_set_up(stage.pod(suffix))

    return Step(act, set_up_again)


def lost(suffix: str, end):
    """Return the step in which one pod is lost, as with its node; its StatefulSet makes another one."""

    def act(stage):
        stage.world.registry.delete(POD, "default", stage.pod(suffix))

    def set_up_again(stage):
        return end(stage) and stage.has_pod(suffix) and stage.is_set_up(stage.pod(suffix))

    return Step(act, set_up_again)


def failing(suffix: str, step: Step, end):
    """Return the step with start scripts that fail in pods of a name with this end."""

    def act(stage):
        stage.members.codes = FailingPods(suffix)
        return step.act(stage)

    return Step(act, end)


class FailingPods:
    """Tells by its name how a pod's start script ends."""

    def __init__(self, suffix: str) -> None:
        self._suffix = suffix

    def get(self, pod: str, otherwise: int) -> int:
        return 3 if pod.endswith(self._suffix) else otherwise


def retried(end):
    """Return the step in which the user mends what was wrong, and asks for another attempt."""

    def act(stage):
        stage.members.codes = {}
        stage.world.retry("1")

    return Step(act, end)


def with_states(**states):
    """Return the end in which members are in these states."""
    return lambda stage: stage.world.states() == states


def service_type(wanted: str):
    """Return the end in which the member Service is of a type."""

    def end(stage):
        services = stage.world.registry.list(SERVICE, "default")
        types = {item["spec"]["type"] for item in services if item["metadata"]["name"].startswith("s-")}
        return types == {wanted} and stage.world.status().get("state") == "configured"

    return end


def connected(tails: int = 1):
    """Return the step in which a user makes a ConfigMap, a Secret and a cluster that is connected to both."""
    cluster_made = made(
        tails, spec={"connections": {"configmaps": ["settings"], "secrets": ["login"]}}, events=(*EVENTS, "reconnect")
    )

    def act(stage):
        for kind, name, label in (("ConfigMap", "settings", "cmType"), ("Secret", "login", "secretType")):
            metadata = {"namespace": "default", "name": name, "labels": {f"{ANNOTATION_PREFIX}{label}": "test"}}
            stage.world.create({"apiVersion": "v1", "kind": kind, "metadata": metadata})
        cluster_made.act(stage)

    return Step(act, cluster_made.end)


def reconnected(kind, name: str, value: str):
    """Return the step in which a user writes a value into what a cluster is connected to."""

    def end(stage):
        pods = [member["pod"] for role in stage.world.status()["roles"] for member in role["members"]]
        told = all(value in json.dumps(stage.members.configmeta(pod)) for pod in pods)
        return told and stage.world.status()["state"] == "configured"

    data = {"data": {"key": value}}
    return Step(lambda stage: stage.world.registry.patch(kind, "default", name, data), end)


def gone(stage):
    """Tell whether nothing is left of the cluster."""
    return not stage.world.left()


DELETED = Step(lambda stage: stage.world.registry.delete(KD_CLUSTER, "default", "c1"), gone)
