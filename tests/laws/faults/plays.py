"""The scenarios: what users and the world do, step by step, and what is to come of it.

A scenario is a row of `SCENARIOS`: a prologue in which no fault strikes, then steps. Each step is an act and the end
that the operator has to bring about.
"""

from dataclasses import dataclass

from faults.steps import (
    DELETED,
    EVENTS,
    SECRET_VALUE,
    Step,
    configured,
    connected,
    failing,
    lost,
    made,
    patched,
    reconnected,
    restarted,
    retried,
    scaled,
    service_type,
    with_roles,
    with_states,
)
from faults.upkeep import (
    BIGGER,
    DELETED_BUT_CLAIMS,
    LOST,
    PAUSED,
    asked_anew,
    backed_up,
    connected_clusters,
    hidden_tokens,
    in_the_dark,
    mended,
    moved,
    neighbour_grown,
    restored,
    resumed,
    rolled,
    rotated,
    stopped,
    tails,
    tokens,
    with_tokens,
)
from keeping import SAVED
from world import SMALL

from kdlib.wire import CONFIG_MAP, KD_APP, KD_CLUSTER, KD_STATUS_BACKUP, SECRET

__all__ = ["SCENARIOS", "Scenario", "Step"]


@dataclass(frozen=True)
class Scenario:
    """`steps` happen under faults, `prologue` without."""

    steps: tuple[Step, ...]
    prologue: tuple[Step, ...] = ()


WHOLE, BOTH = configured(head=1, tail=1), configured(head=1, tail=2)
RETENTION = "persistentVolumeClaimRetentionPolicy"

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
    ),
    "reconnect": Scenario(
        (
            reconnected(CONFIG_MAP, "settings", "another value"),
            reconnected(SECRET, "login", SECRET_VALUE),
        ),
        prologue=(connected(),),
    ),
    "decommission": Scenario(
        (scaled({"head": 1, "tail": 1}, tail=1),), prologue=(made(2, events=(*EVENTS, "decommission")),)
    ),
    "service-type": Scenario((patched({"serviceType": "NodePort"}, service_type("NodePort")),), prologue=(made(1),)),
    "hidden-tokens": Scenario((hidden_tokens(), rotated())),
    "tokens-moved": Scenario(
        (
            moved("shell2", with_tokens(WHOLE, hidden=True), tokens=True, hides=True),
            moved("shell", with_tokens(WHOLE, hidden=False)),
        ),
        prologue=(made(1, tokens=True),),
    ),
    "upgrade": Scenario((moved("shell2", WHOLE), moved("shell", WHOLE)), prologue=(made(1),)),
    "rollout": Scenario((rolled({"resources": BIGGER, "imageRepoTag": "test/tail:2"}, BOTH),), prologue=(made(2),)),
    "rollout-stopped": Scenario(
        (failing("-1", rolled({"resources": BIGGER}, BOTH), stopped), mended({"resources": SMALL}, BOTH)),
        prologue=(made(2),),
    ),
    "pause": Scenario((PAUSED, in_the_dark(tail=2), resumed(BOTH)), prologue=(made(1),)),
    "restart-asked": Scenario((asked_anew("restart-role-tail", tails, BOTH),), prologue=(made(2),)),
    "rotate-tokens": Scenario((asked_anew("rotate-tokens", tokens, WHOLE),), prologue=(made(1, tokens=True),)),
    "restore": Scenario(
        (restored((KD_CLUSTER,), (KD_APP, KD_STATUS_BACKUP), SAVED, end=WHOLE),),
        prologue=(backed_up(made(1, storage=True, events=("configure",))), LOST),
    ),
    "restore-bare": Scenario(
        (restored((*SAVED, KD_CLUSTER), end=WHOLE),), prologue=(made(1, storage=True, events=("configure",)), LOST)
    ),
    "reconnect-cluster": Scenario((neighbour_grown(WHOLE),), prologue=(connected_clusters((*EVENTS, "reconnect")),)),
    "retain": Scenario(
        (scaled({"head": 1, "tail": 0}, tail=0), scaled({"head": 1, "tail": 1}, tail=1)),
        prologue=(made(1, storage=True, spec={RETENTION: {"whenScaled": "Retain"}}),),
    ),
    "delete-retain": Scenario(
        (DELETED_BUT_CLAIMS,), prologue=(made(1, storage=True, spec={RETENTION: {"whenDeleted": "Retain"}}),)
    ),
    "delete": Scenario((DELETED,), prologue=(made(1, storage=True),)),
}
