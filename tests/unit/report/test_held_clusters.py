"""What is said of clusters that stand still: paused, upgraded no further, restored, or without a backup."""

from dataclasses import replace

import pytest

from kdlib import report
from kdlib.model import RestoreProgress, Seen
from kdlib.rules import Restore

HELD = "no object is written and nothing is started inside members"
RESUMED = "the cluster is paused: members get what the spec says when it is resumed"
BY_ITSELF = "it goes on by itself when they are brought back"
COMMAND = "kubectl label kdcluster db1 kubedirector.hpe.com/restoring- -n team"
APP = "KubeDirectorApp team/x"
REMEDY = "the cluster goes on without; mend what is wrong, or set backupClusterStatus of the configuration to false"


def said(status, kind):
    found = report.condition(status, kind)
    return tuple(found[key] for key in ("status", "reason", "message")) if found else None


def stored(kind, *words):
    named = dict(zip(("status", "reason", "message"), words, strict=True))
    return {"type": kind, **named, "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 3}


def after(desired, *, is_paused, rollout=None):
    """Return the status of a pass in which nothing is decided of a rollout that was begun."""
    roles = tuple(role.changed(rollout=rollout) for role in desired.life.status.roles)
    life = replace(desired.life, paused=is_paused, status=desired.life.status.changed(roles=roles))
    return report.status(desired.seen, replace(desired, life=life))


@pytest.mark.parametrize(
    ("spec", "remedy"),
    [({"paused": True}, "to go on: kdd resume db1 -n team"), ({}, "to go on, end the pause")],
)
def test_w42_a_paused_cluster_says_how_it_goes_on_by_who_paused_it(make, member, spec, remedy) -> None:
    desired = make({"a": [member("s-a-0")]}, stored={"state": "configured"}, **spec)
    assert said(after(desired, is_paused=True), "Paused") == ("True", "Paused", f"{HELD}; {remedy}")
    assert said(after(desired, is_paused=False), "Paused") is None


@pytest.mark.parametrize(
    ("before", "is_paused", "expected"),
    [
        (("True", "Upgrading", "1/2 done"), False, ("True", "Upgrading", "1/2 done")),
        (("False", "UpgradeStopped", "s-a-0 failed"), False, ("False", "UpgradeStopped", "s-a-0 failed")),
        (("True", "Upgrading", "1/2 done"), True, ("False", "Upgrading", RESUMED)),
        (("False", "UpgradeStopped", "s-a-0 failed"), True, ("False", "UpgradeStopped", RESUMED)),
    ],
)
def test_an_upgrade_that_nothing_is_decided_of_is_not_at_its_end(make, member, before, is_paused, expected) -> None:
    conditions = {"state": "updating", "conditions": [stored("Upgrading", *before)]}
    desired = make({"a": [member("s-a-0")]}, stored=conditions)
    assert said(after(desired, is_paused=is_paused, rollout=1), "Upgrading") == expected
    assert said(after(desired, is_paused=is_paused), "Upgrading") is None


@pytest.mark.parametrize(
    ("awaited", "error", "reconciling", "stalled", "words"),
    [
        ((), "", "True", ("False", "NotStalled", "nothing waits for a person"), "is being restored"),
        (
            (APP,),
            "",
            "True",
            ("False", "NotStalled", "nothing waits for a person"),
            f"is being restored; waits for {APP}; {BY_ITSELF}; to go on with what is there: {COMMAND}",
        ),
        (
            (APP,),
            "no app x",
            "False",
            (
                "True",
                "RestoreRefused",
                f"no app x; it is tried again; to go on with what is there: {COMMAND}",
            ),
            f"is being restored; waits for {APP}: no app x",
        ),
    ],
)
def test_op_01_a_restore_says_what_it_waits_for_and_who_has_to_act(
    root_of, make, awaited, error, reconciling, stalled, words
) -> None:
    seen = Seen(make({}).seen.now, root_of({"a": 1}))
    progress = RestoreProgress(awaiting_app=True, error=error)
    status = report.restoring(seen, Restore(progress, {"state": "updating", "members": "1/1"}, awaited))
    assert said(status, "Ready") == ("False", "Restoring", words)
    assert said(status, "Reconciling") == (reconciling, "Restoring", words)
    assert said(status, "Stalled") == stalled
    assert (status["state"], status["members"], status["restoreProgress"]) == ("updating", "1/1", progress.dumped())


def test_op_01_what_a_restore_waits_for_is_told_when_it_is_news(root_of, make) -> None:
    seen = Seen(make({}).seen.now, root_of({"a": 1}))
    before = report.restoring(seen, Restore(RestoreProgress(awaiting_app=True), {}, (APP,)))
    over = report.restoring(seen, Restore(RestoreProgress(), {}))
    assert report.restored_events(seen, before, before) == ()
    assert [(event["reason"], event["note"]) for event in report.restored_events(seen, before, over)] == [
        ("ClusterRestoring", "is being restored")
    ]
    assert len(report.restored_events(seen, None, before)) == 1
    resumed = report.resumed_event(seen)
    assert (resumed["reason"], resumed["note"]) == (
        "ClusterResumed",
        "all is there again; the cluster goes on from its backup",
    )


def test_op_01_a_status_is_expected_to_be_backed_up_as_the_stored_one_was(make, member, root_of) -> None:
    desired = make({"a": [member("s-a-0")]}, stored={"state": "configured"})
    status = report.status(desired.seen, desired)
    assert report.as_backed_up_before(desired.seen, status) == status
    denied = report.not_backed_up(desired.seen, status, "exceeded quota")
    expected = ("False", "BackupRefused", f"exceeded quota; {REMEDY}")
    assert said(denied, "BackedUp") == expected
    later = Seen(desired.seen.now, root_of({"a": 1}, denied))
    assert said(report.as_backed_up_before(later, status), "BackedUp") == expected
