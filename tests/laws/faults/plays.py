"""The scenarios: what users and the world do, step by step, and what is to come of it.

A scenario is a row of `SCENARIOS`: a prologue in which no fault strikes, then steps. Each step is an act and the end
that the operator has to bring about.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stage import Stage, runtime

from kdlib.wire import KD_CLUSTER

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
        app = runtime.app("shell", PACKAGE)
        app["spec"].update(app_spec)
        cluster = runtime.cluster(app="shell", tails=tails)
        cluster["spec"].update(spec or {})
        for role in cluster["spec"]["roles"] if storage else ():
            role["storage"] = {"size": "1Gi"}
        stage.world.create(app, cluster)

    return Step(act, configured(head=1, tail=tails))


def configured(**members):
    """Return the end in which the cluster is configured with just these members."""
    return lambda stage: stage.world.configured(**members)()


def scaled(end: dict[str, int], **members):
    return Step(lambda stage: stage.world.change(**members), configured(**end))


SCENARIOS: dict[str, Scenario] = {
    "create": Scenario((made(2),)),
    "grow": Scenario((scaled({"head": 1, "tail": 3}, tail=3),), prologue=(made(1),)),
    "shrink": Scenario((scaled({"head": 1, "tail": 1}, tail=1),), prologue=(made(3),)),
    "delete": Scenario(
        (Step(lambda stage: stage.world.registry.delete(KD_CLUSTER, "default", "c1"), lambda s: not s.world.left()),),
        prologue=(made(1, storage=True),),
    ),
}
