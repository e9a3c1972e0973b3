"""The scenarios: what users and the world do, step by step, and what is to come of it.

A scenario is a row of `SCENARIOS`: a prologue in which no fault strikes, then steps. Each step is an act and the end
that the operator has to bring about.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from faults.stage import Stage
from world import app, cluster

from kdlib.wire import KD_CLUSTER, POD, SERVICE

__all__ = ["SCENARIOS", "Scenario", "Step"]

PACKAGE = "file:///opt/test/shell.tgz"


@dataclass(frozen=True)
class Step:
    """`act` is done by somebody else than the operator; then the world has to come to fulfil `end`."""

    act: Callable[[Stage], Any]
    end: Callable[[Stage], Any]


@dataclass(frozen=True)
class Scenario:
    """`prologue` happens without faults; `attempts` tells how often a set-up is made in one container life."""

    steps: tuple[Step, ...]
    prologue: tuple[Step, ...] = ()
    attempts: int = 1


def made(tails: int = 2, *, storage: bool = False, spec: dict | None = None, **app_spec):
    """Return the step in which a user makes an app and a cluster of it."""

    def act(stage):
        of_app, of_cluster = app("shell", PACKAGE), cluster(app="shell", tails=tails)
        of_app["spec"].update(app_spec)
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


def gone(stage):
    """Tell whether nothing is left of the cluster."""
    return not stage.world.left()


DELETED = Step(lambda stage: stage.world.registry.delete(KD_CLUSTER, "default", "c1"), gone)

SCENARIOS: dict[str, Scenario] = {
    "create": Scenario((made(2),)),
    "storage": Scenario((made(1, storage=True),)),
    "grow": Scenario((scaled({"head": 1, "tail": 3}, tail=3),), prologue=(made(1),)),
    "shrink": Scenario((scaled({"head": 1, "tail": 1}, tail=1),), prologue=(made(3, storage=True),)),
    "grow-shrink": Scenario(
        (scaled({"head": 1, "tail": 2}, tail=2), scaled({"head": 1, "tail": 1}, tail=1)), prologue=(made(1),)
    ),
    "remove-role": Scenario((with_roles("head", head=1),), prologue=(made(2),)),
    "add-role": Scenario((with_roles("head", "tail", head=1, tail=2),), prologue=(made(2), with_roles("head", head=1))),
    "restart": Scenario((restarted("-1", configured(head=1, tail=2)),), prologue=(made(2),)),
    "restart-storage": Scenario((restarted("-1", configured(head=1, tail=2)),), prologue=(made(2, storage=True),)),
    "lost-pod": Scenario((lost("-1", configured(head=1, tail=2)),), prologue=(made(2),)),
    "config-error": Scenario(
        (
            failing("-1", made(2), with_states(head=["configured"], tail=["configured", "config error"])),
            retried(configured(head=1, tail=2)),
        ),
        attempts=2,
    ),
    "service-type": Scenario((patched({"serviceType": "NodePort"}, service_type("NodePort")),), prologue=(made(1),)),
    "delete": Scenario((DELETED,), prologue=(made(1, storage=True),)),
}
