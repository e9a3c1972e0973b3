"""The status document: state, conditions, and what happens when the spec or the world says no."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from wording import hold

from kdlib import errors, model, report, wire
from kdlib.model import ClusterStatus, Decommission, Outcome, PendingNotify, Seen

WORDS = Path(__file__).parent / "golden" / "words.yaml"
SERVICE = wire.Ref(wire.SERVICE, "team", "s-x")
FAILED = Outcome(failures=((SERVICE, "exceeded quota"),))
REFUSED = errors.RefusedError(
    "KubeDirectorCluster team/db1",
    [
        errors.Problem("spec.roles[0].members", "0 is outside the cardinality '1'", "ask for exactly 1 member"),
        errors.Problem("spec.app", "app 'x' does not exist in namespace 'team'", "create it, or correct the name"),
    ],
)
DEAF = (PendingNotify(arguments=("--addnodes", "--nodegroup 1"), change="c1", exit_code=3),)


def make_now():
    return datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def said(status):
    as_written(status)
    return {item["type"]: (item["status"], item["reason"]) for item in status["conditions"]}


def as_written(status):
    """Hold the words of every condition."""
    for item in status["conditions"]:
        hold(WORDS, item["reason"], item["message"])


def message(status, kind):
    as_written(status)
    return report.condition(status, kind)["message"]


def test_a_settled_cluster_is_configured_and_ready(make, member) -> None:
    desired = make({"a": [member("s-a-0"), member("s-a-1")], "b": [member("s-b-0")]}, stored={"state": "creating"})

    status = report.status(desired.seen, desired, Outcome())

    assert (status["state"], status["members"], status["observedGeneration"]) == ("configured", "3/3", 4)
    assert said(status) == {
        "Ready": ("True", "Configured"),
        "Reconciling": ("False", "Settled"),
        "Stalled": ("False", "NotStalled"),
    }
    assert [item["observedGeneration"] for item in status["conditions"]] == [4, 4, 4]
    assert status["memberStateRollup"] == dict.fromkeys(status["memberStateRollup"], False)
    assert ClusterStatus.model_validate(status).roles == desired.life.status.roles


@pytest.mark.parametrize(
    ("stored", "state", "expected"),
    [
        ("", "creating", "creating"),
        ("creating", "creating", "creating"),
        ("configured", "creating", "updating"),
        ("updating", "create pending", "updating"),
        ("updating", "deleting", "updating"),
        ("spec modified", "creating", "updating"),
        ("creating", "configured", "configured"),
        ("updating", "config error", "configured"),
        ("", "config error", "configured"),
    ],
)
def test_creating_lasts_until_all_members_are_settled_once(make, member, stored, state, expected) -> None:
    desired = make({"a": [member("s-a-0"), member("s-a-1", state)]}, stored={"state": stored} if stored else None)
    assert report.status(desired.seen, desired)["state"] == expected


def test_a_member_that_has_to_catch_up_keeps_the_cluster_updating(make, member) -> None:
    late = member("s-a-0", last_setup_generation=1, progress="runs addnodes")
    desired = make({"a": [late]}, stored={"state": "configured"})

    status = report.status(desired.seen, desired)

    assert status["state"] == "updating"
    assert said(status)["Reconciling"] == ("True", "MembersChanging")
    assert message(status, "Ready") == "1/1 members are ready; s-a-0: runs addnodes"


def test_a_reservation_is_recorded_as_work_to_do(make, member) -> None:
    desired = make({"a": [member("s-a-0")]}, stored={"state": "configured"}, pending=True)
    status = report.status(desired.seen, desired)
    assert (status["state"], said(status)["Ready"]) == ("updating", ("False", "MembersChanging"))


def test_members_that_are_wanted_and_not_there_yet_are_work_to_do(make, member) -> None:
    desired = make({"a": [member("s-a-0")]}, wanted={"a": 2}, stored={"state": "configured"})
    status = report.status(desired.seen, desired)
    assert (status["members"], said(status)["Ready"]) == ("1/2", ("False", "MembersChanging"))


def test_w37_a_failed_member_makes_the_cluster_not_ready_and_stalled_though_configured(make, member) -> None:
    failed = member("s-a-1", "config error", config_error_detail="configure ended with exit status 3")
    desired = make({"a": [member("s-a-0"), failed]}, stored={"state": "creating"})

    status = report.status(desired.seen, desired)

    assert status["state"] == "configured"
    assert said(status) == {
        "Ready": ("False", "MembersFailed"),
        "Reconciling": ("False", "Settled"),
        "Stalled": ("True", "MembersFailed"),
    }
    assert message(status, "Ready") == (
        "1 of 2 members failed: s-a-1: configure ended with exit status 3; "
        "correct what failed (spec.roles[a].configPackage of app 'x'), then kdd retry db1 -n team"
    )


def test_while_others_are_under_way_a_failed_member_does_not_stall_the_cluster(make, member) -> None:
    desired = make({"a": [member("s-a-0", "creating", progress="set-up under way"), member("s-a-1", "config error")]})
    assert said(report.status(desired.seen, desired)) == {
        "Ready": ("False", "MembersFailed"),
        "Reconciling": ("True", "MembersChanging"),
        "Stalled": ("False", "NotStalled"),
    }


def test_a_start_script_that_refuses_a_change_stalls_the_cluster(make, member) -> None:
    desired = make({"a": [member("s-a-0", pending_notify_cmds=DEAF)]}, stored={"state": "configured"})

    status = report.status(desired.seen, desired)

    assert status["state"] == "updating"
    assert said(status)["Stalled"] == ("True", "NotifyFailed")
    assert message(status, "Stalled").startswith("s-a-0: the start script's addnodes ended with exit status 3; ")


def test_a_member_that_is_down_makes_the_cluster_not_ready(make, member) -> None:
    desired = make({"a": [member("s-a-0", last_known_container_state="terminated")]}, stored={"state": "configured"})
    status = report.status(desired.seen, desired)
    assert (status["state"], said(status)["Ready"]) == ("configured", ("False", "MembersDown"))


def test_an_object_that_fails_is_told_and_leaves_a_settled_state_as_it_is(make, member) -> None:
    members = {"a": [member("s-a-0")]}
    new, old = make(members), make(members, stored={"state": "configured"})

    status = report.status(new.seen, new, FAILED)

    assert status["state"] == "creating"
    assert report.status(old.seen, old, FAILED)["state"] == "configured"
    assert said(status) == {
        "Ready": ("False", "ObjectsFailed"),
        "Reconciling": ("True", "ObjectsFailed"),
        "Stalled": ("False", "NotStalled"),
    }
    assert message(status, "Ready") == "will be tried again: Service team/s-x: exceeded quota"


def test_long_lists_are_cut(make, member) -> None:
    members = [member(f"s-a-{n}", "create pending", progress="waiting for its pod") for n in range(9)]
    failures = Outcome(failures=tuple((wire.Ref(wire.SERVICE, "team", f"s{n}"), "no") for n in range(5)))
    desired = make({"a": members})

    assert message(report.status(desired.seen, desired), "Ready").endswith("s-a-2: waiting for its pod; and 6 more")
    assert message(report.status(desired.seen, desired, failures), "Ready").endswith("Service team/s2: no; and 2 more")


def test_the_time_of_a_condition_changes_with_its_status_only(make, member) -> None:
    members = {"a": [member("s-a-0")]}
    first = make(members, stored={"state": "creating"})
    before = report.status(first.seen, first)
    later = make(members, stored=before, now=first.seen.now + timedelta(hours=1))
    stuck = make({"a": [member("s-a-0", "config error")]}, stored=before, now=first.seen.now + timedelta(hours=1))

    assert report.status(later.seen, later) == before
    times = {item["type"]: item["lastTransitionTime"] for item in report.status(stuck.seen, stuck)["conditions"]}
    assert times == {
        "Ready": "2026-01-02T04:04:05Z",
        "Reconciling": "2026-01-02T03:04:05Z",
        "Stalled": "2026-01-02T04:04:05Z",
    }


def test_what_nobody_holds_has_a_condition_while_there_is_any(make, member) -> None:
    members = {"a": [member("s-a-0")]}
    used = make(members)
    alone = replace(used, resolved=replace(used.resolved, unheld=("x: y",)))

    status = report.status(alone.seen, alone)

    assert message(status, "NotEnforced") == "x: y"
    assert said(status)["NotEnforced"] == ("True", "NoWebhook")
    assert set(said(report.status(used.seen, used))) == {"Ready", "Reconciling", "Stalled"}


def test_the_generation_uid_changes_with_the_content_and_not_with_time(make, member) -> None:
    one = make({"a": [member("s-a-0")]})
    later = make({"a": [member("s-a-0")]}, now=one.seen.now + timedelta(hours=1))
    other = make({"a": [member("s-a-0", "creating")]})

    uids = [report.status(item.seen, item)["generationUID"] for item in (one, later, other)]

    assert uids[0] == uids[1] != uids[2]
    assert len(uids[0]) == 36


def test_a_refused_spec_leaves_members_and_state_alone_and_lists_every_problem(make, member, root_of) -> None:
    desired = make({"a": [member("s-a-0")]}, stored={"state": "configured"})
    stored = report.status(desired.seen, desired)
    seen = Seen(desired.seen.now, root_of({"a": 0}, stored))

    status = report.refused(seen, REFUSED)

    assert {key: status[key] for key in ("state", "roles", "members")} == {
        key: stored[key] for key in ("state", "roles", "members")
    }
    assert said(status) == {
        "Ready": ("False", "Refused"),
        "Reconciling": ("False", "Refused"),
        "Stalled": ("True", "Refused"),
    }
    assert message(status, "Stalled") == (
        "spec.app: app 'x' does not exist in namespace 'team'; create it, or correct the name; "
        "spec.roles[0].members: 0 is outside the cardinality '1'; ask for exactly 1 member"
    )
    assert report.refused(Seen(seen.now + timedelta(1), {**seen.root, "status": status}), REFUSED) == status


def test_a_new_cluster_that_is_refused_is_creating(root_of) -> None:
    root = root_of({"a": 1})
    status = report.refused(Seen(make_now(), root), REFUSED)

    assert (status["state"], status["observedGeneration"]) == ("creating", 4)
    assert report.condition(status, "Ready")["lastTransitionTime"] == "2026-03-04T05:06:07Z"
    assert "roles" not in status


def test_very_many_problems_are_cut(root_of) -> None:
    problems = [errors.Problem(f"spec.roles[{n:02}]", "is wrong") for n in range(30)]
    status = report.refused(Seen(make_now(), root_of({"a": 1})), errors.RefusedError("x", problems))
    assert message(status, "Stalled").endswith("spec.roles[19]: is wrong; and 10 more")


def test_a_cluster_that_waits_for_its_namesakes_objects_names_them_and_the_way_out(root_of) -> None:
    seen = Seen(make_now(), root_of({"a": 1}))
    status = report.behind_namesake(seen, [wire.Ref(wire.STATEFUL_SET, "default", f"kdss-{n}") for n in range(5)])

    assert said(status)["Ready"] == ("False", "NamesakeLeaving")
    assert said(status)["Reconciling"] == ("True", "NamesakeLeaving")
    assert said(status)["Stalled"] == ("False", "NotStalled")
    assert "kdss-0" in message(status, "Ready")
    assert "and 2 more" in message(status, "Ready")


def test_every_reason_is_described() -> None:
    assert set(report.REASONS) == set(report.Reason)
    assert set(report.EVENT_REASONS) == set(report.EventReason)
    assert {kind for kind, _ in report.EVENT_REASONS.values()} == {"Normal", "Warning"}


def test_the_status_survives_its_schema(make, member) -> None:
    desired = make({"a": [member("s-a-0", "creating", attempt=1, configuring_container="c://1")]})
    status = report.status(desired.seen, desired)
    assert model.ClusterStatus.model_validate(status).dumped() == status


def related(desired, **spec):
    """Return the pass with the app as it is stored."""
    app = {"spec": {"roles": [{"id": "a"}, {"id": "b", "configPackage": {}}], **spec}}
    seen = replace(desired.seen, related=((wire.Ref(wire.KD_APP, "team", "x"), app),))
    return replace(desired, resolved=replace(desired.resolved, seen=seen))


def test_the_remedy_names_the_field_in_which_the_app_says_how_members_are_set_up(make, member) -> None:
    members = {role: [member(f"s-{role}-0", "config error")] for role in "ab"}
    desired = related(make(members), defaultConfigPackage={})
    words = message(report.status(desired.seen, desired), "Stalled")
    assert "(spec.defaultConfigPackage and spec.roles[b].configPackage of app 'x')" in words


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (
            "image not pulled",
            "make the image available, or correct spec.defaultImageRepoTag of app 'x', and it goes on",
        ),
        (
            "container not made",
            "make what it lacks, or correct what names it in spec.roles[0], and it goes on by itself",
        ),
        ("container ends", "kubectl logs s-a-0 -n team --previous"),
        ("claim unbound", "see kubectl describe pvc p-s-a-0 -n team; make a volume, or set spec.roles[0].members to 0"),
        ("unschedulable", "make room, or correct its resources in spec.roles[0], and it goes on by itself"),
    ],
)
def test_a_pod_that_cannot_run_stalls_the_cluster_until_it_does(make, member, trouble, words) -> None:
    stuck = member("s-a-0", "create pending", trouble=trouble, progress="it is so").changed(pvc="p-s-a-0")
    desired = related(make({"a": [stuck]}), defaultImageRepoTag="y")

    status = report.status(desired.seen, desired)

    assert said(status) == {
        "Ready": ("False", "MembersStuck"),
        "Reconciling": ("False", "Settled"),
        "Stalled": ("True", "MembersStuck"),
    }
    assert message(status, "Stalled").startswith("s-a-0: it is so; ")
    assert words in message(status, "Stalled")


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (
            "image not pulled",
            "make the image available, or name another one in spec.roles[0].imageRepoTag, and it goes on by itself",
        ),
        ("container not made", "make what it lacks, and it goes on by itself; or set spec.roles[0].members to 0"),
        ("unschedulable", "make room, or correct its resources in spec.roles[0], and it goes on by itself"),
    ],
)
def test_the_remedy_is_what_can_change_once_a_role_ran(make, member, trouble, words) -> None:
    stuck = member("s-a-1", "create pending", trouble=trouble, progress="it is so")
    desired = related(make({"a": [member("s-a-0"), stuck]}), defaultImageRepoTag="y")
    assert message(report.status(desired.seen, desired), "Stalled").startswith(f"s-a-1: it is so; {words}")


def test_a_configured_member_whose_container_crashes_makes_the_cluster_not_ready(make, member) -> None:
    crashed = member("s-a-0", last_known_container_state="waiting", trouble="container ends", progress="ends")
    waits = member("s-a-0", last_known_container_state="waiting")
    for found, reason in ((crashed, "MembersStuck"), (waits, "MembersDown")):
        desired = make({"a": [found]}, stored={"state": "configured"})
        assert said(report.status(desired.seen, desired))["Ready"] == ("False", reason)


def test_all_that_waits_for_a_person_is_told_together(make, member) -> None:
    members = [
        member("s-a-0", "config error", config_error_detail="no"),
        member("s-a-1", "create pending", trouble="unschedulable", progress="no room"),
        member("s-a-2", pending_notify_cmds=DEAF),
    ]
    desired = make({"a": members})
    words = message(report.status(desired.seen, desired), "Stalled")
    assert [
        part in words for part in ("s-a-0: no;", "s-a-1: no room;", "s-a-2: the start script's addnodes ended")
    ] == [True] * 3


def with_pods(desired, wanted="new", observed=1, **revisions):
    """Return the pass with pods of these revisions, and their set's."""
    pods = [
        {"kind": "Pod", "metadata": {"name": name.replace("_", "-"), "labels": {"controller-revision-hash": revision}}}
        for name, revision in revisions.items()
    ]
    status = {"updateRevision": wanted, "observedGeneration": observed}
    owner = {"kind": "StatefulSet", "metadata": {"name": "s-a", "generation": 1}, "status": status}
    seen = replace(desired.seen, children=(owner, *pods))
    return replace(desired, resolved=replace(desired.resolved, seen=seen))


def test_members_with_an_older_template_are_told_until_they_are_renewed(make, member) -> None:
    desired = make({"a": [member("s-a-0"), member("s-a-1")]}, stored={"state": "configured"})
    mixed = with_pods(desired, s_a_0="old", s_a_1="new")

    status = report.status(mixed.seen, mixed)

    assert said(status)["Ready"] == ("True", "Configured")
    assert message(status, "MembersOutdated") == (
        "members run with what the spec said before: s-a-0; renew one after the other: kubectl delete pod s-a-0 -n team"
    )
    events = {event["reason"] for event in report.events(mixed.seen, {**status, "conditions": []}, status)}
    assert events == {"MembersOutdated"}
    for renewed in (with_pods(desired, s_a_0="new"), with_pods(desired, observed=0, s_a_0="old"), desired):
        assert "MembersOutdated" not in said(report.status(renewed.seen, renewed))


def test_a_role_that_needs_members_is_corrected_in_a_new_cluster(make, member) -> None:
    stuck = member("s-a-1", "create pending", trouble="container not made", progress="no key")
    desired = related(make({"a": [member("s-a-0"), stuck]}), roles=[{"id": "a", "cardinality": "1+"}])
    words = message(report.status(desired.seen, desired), "Stalled")
    assert words.endswith("or delete the cluster, and make it anew with what names it in spec.roles[0] corrected")


def departing(member, **told):
    since = "2026-01-01T00:00:00Z"
    return member("s-a-1", "delete pending", decommission=Decommission(since=since, **told), progress="it goes")


def test_a_member_that_does_not_let_go_stalls_the_cluster_with_both_remedies(make, member) -> None:
    members = {"a": [member("s-a-0"), departing(member, exit_code=3)]}
    desired = make(members, stored={"state": "configured"}, wanted={"a": 1})
    status = report.status(desired.seen, desired)
    assert said(status)["Stalled"] == ("True", "DecommissionFailed")
    assert said(status)["Reconciling"] == ("False", "Settled")
    words = message(status, "Stalled")
    assert words.startswith("s-a-1: the start script's decommission ended with exit status 3; ")
    assert words.count("kdd retry") == 2
    assert words.endswith("--give-up")
    assert status["state"] == "updating"


def test_a_member_that_lets_go_is_under_way(make, member) -> None:
    desired = make({"a": [member("s-a-0"), departing(member)]}, stored={"state": "configured"})
    status = report.status(desired.seen, desired)
    assert said(status)["Stalled"] == ("False", "NotStalled")
    assert said(status)["Reconciling"] == ("True", "MembersChanging")


def test_a_change_that_is_tried_again_by_itself_is_told_and_waits_for_nobody(make, member) -> None:
    def pending(**more):
        change = PendingNotify(arguments=("--addnodes",), change="c", exit_code=3, **more)
        return make({"a": [member("s-a-0", pending_notify_cmds=(change,))]}, stored={"state": "configured"})

    desired = pending(retries=1, next_try="2026-01-01T00:00:20Z")
    status = report.status(desired.seen, desired)
    assert said(status)["NotifyFailed"] == ("True", "NotifyFailed")
    assert message(status, "NotifyFailed") == (
        "s-a-0: the start script's addnodes ended with exit status 3, after 1 further try; "
        "it is run again at 2026-01-01T00:00:20Z"
    )
    assert said(status)["Stalled"] == ("False", "NotStalled")
    assert said(status)["Reconciling"] == ("True", "MembersChanging")
    desired = pending(retries=2)
    status = report.status(desired.seen, desired)
    assert message(status, "NotifyFailed").endswith("after 2 further tries; it waits for a person")
    assert said(status)["Stalled"] == ("True", "NotifyFailed")
    desired = pending()
    assert "NotifyFailed" not in said(report.status(desired.seen, desired))


def test_whether_a_refused_cluster_is_backed_up_is_found_out_anew(make, member, root_of) -> None:
    """OP-01."""
    desired = make({"a": [member("s-a-0")]}, stored={"state": "configured"})
    status = report.not_backed_up(desired.seen, report.status(desired.seen, desired), "exceeded quota")
    assert "exceeded quota" in message(status, "BackedUp")
    later = Seen(desired.seen.now, root_of({"a": 0}, status))
    assert report.condition(report.refused(later, REFUSED), "BackedUp") == {}
