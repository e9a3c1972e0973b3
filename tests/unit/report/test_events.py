"""Events: one for each cause, under a name that makes repeats meet."""

from datetime import timedelta
from pathlib import Path

from wording import hold

from kdlib import errors, report, wire
from kdlib.model import ClusterStatus, Decommission, Outcome, PendingNotify, Seen

WORDS = Path(__file__).parent / "golden" / "words.yaml"


def passed(make, members, stored=None, **options):
    """Return what was seen and the status after a pass."""
    desired = make(members, stored=stored, **options)
    return desired.seen, report.status(desired.seen, desired)


def reasons(found):
    """Return the reasons of events, and hold their words."""
    found = list(found)
    for event in found:
        hold(WORDS, event["reason"], event["note"])
    return sorted(event["reason"] for event in found)


def test_a_new_cluster_and_its_roles_are_told(make, member) -> None:
    seen, status = passed(make, {"a": [member("s-a-0", "create pending"), member("s-a-1", "create pending")]})

    found = report.events(seen, None, status)

    assert [(event["reason"], event["note"]) for event in sorted(found, key=lambda event: event["reason"])] == [
        ("ClusterCreating", "the cluster was seen for the first time"),
        ("RoleGrowing", "role 'a' grows from 0 to 2 members"),
    ]


def test_an_event_has_what_the_api_asks_for(make, member) -> None:
    seen, before = passed(make, {"a": [member("s-a-0", "create pending")]})
    seen, after = passed(make, {"a": [member("s-a-0", "creating", attempt=1)]}, before)

    (event,) = report.events(seen, before, after)

    assert event == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": event["metadata"]["name"], "namespace": "team"},
        "eventTime": "2026-01-02T03:04:05.000000Z",
        "reportingController": "kubedirector.hpe.com/operator",
        "reportingInstance": "kubedirector",
        "action": "Reconcile",
        "reason": "MemberSetUpStarted",
        "type": "Normal",
        "note": "set-up of member 's-a-0' of role 'a' starts, attempt 1",
        "regarding": {
            "apiVersion": "kubedirector.hpe.com/v1beta1",
            "kind": "KubeDirectorCluster",
            "name": "db1",
            "namespace": "team",
            "uid": "u1",
        },
        "related": {"apiVersion": "v1", "kind": "Pod", "name": "s-a-0", "namespace": "team"},
    }
    assert event["metadata"]["name"].startswith("db1.")


def test_settling_and_unsettling_are_told(make, member) -> None:
    seen, before = passed(make, {"a": [member("s-a-0", "creating")]}, {"state": "creating"})
    seen, configured = passed(make, {"a": [member("s-a-0")]}, before)
    seen, updating = passed(make, {"a": [member("s-a-0", "create pending")]}, configured)

    assert reasons(report.events(seen, before, configured)) == ["ClusterConfigured", "MemberConfigured"]
    assert reasons(report.events(seen, configured, updating)) == ["ClusterUpdating", "MemberRestarted"]


def test_a_failure_is_told_with_its_remedy(make, member) -> None:
    seen, before = passed(make, {"a": [member("s-a-0", "creating", attempt=2)]}, {"state": "creating"})
    failed = member("s-a-0", "config error", attempt=2, config_error_detail="package not found")
    seen, after = passed(make, {"a": [failed]}, before)

    found = {event["reason"]: event for event in report.events(seen, before, after)}

    assert found["MemberFailed"]["type"] == "Warning"
    assert found["MemberFailed"]["note"] == (
        "member 's-a-0' of role 'a' failed: package not found; "
        "correct what failed (spec.roles[a].configPackage of app 'x'), then kdd retry db1 s-a-0 -n team"
    )


def test_nothing_new_is_nothing_told(make, member) -> None:
    seen, status = passed(make, {"a": [member("s-a-0")]}, {"state": "configured"})
    assert report.events(seen, status, status) == ()


def test_the_same_cause_has_the_same_name_at_any_time_and_another_attempt_another(make, member) -> None:
    seen, before = passed(make, {"a": [member("s-a-0", "creating", attempt=1)]}, {"state": "creating"})
    names = []
    for attempt, hours in ((1, 0), (1, 5), (2, 0)):
        failed = member("s-a-0", "config error", attempt=attempt, config_error_detail="no")
        later, after = passed(make, {"a": [failed]}, before, now=seen.now + timedelta(hours=hours))
        names.append({event["metadata"]["name"] for event in report.events(later, before, after)})

    assert names[0] == names[1]
    assert not names[0] & names[2]


def test_a_refusal_is_told_once_for_each_wording_and_so_is_its_end(make, member, root_of) -> None:
    seen, fine = passed(make, {"a": [member("s-a-0")]}, {"state": "configured"})
    refusal = errors.RefusedError("x", [errors.Problem("spec.app", "is wrong", "correct it")])
    refused = report.refused(Seen(seen.now, root_of({"a": 1}, fine)), refusal)

    (event,) = report.events(seen, fine, refused)

    assert (event["reason"], event["note"]) == ("ClusterRefused", "spec.app: is wrong; correct it")
    assert report.events(seen, refused, refused) == ()
    assert reasons(report.events(seen, refused, fine)) == ["ClusterAccepted"]


def test_objects_scheduling_and_refused_changes_are_told(make, member) -> None:
    seen, before = passed(make, {"a": [member("s-a-0"), member("s-a-1", "create pending")]}, {"state": "configured"})
    change = PendingNotify(arguments=("--delnodes",), change="c", exit_code=1)
    troubled = [
        member("s-a-0", pending_notify_cmds=(change,)),
        member("s-a-1", "create pending", scheduling_error_message="no room"),
    ]
    seen, after = passed(make, {"a": troubled}, before)
    outcome = Outcome(failures=((wire.Ref(wire.SERVICE, "team", "s"), "quota"),))

    notes = {event["reason"]: event["note"] for event in report.events(seen, before, after, outcome)}

    assert notes == {
        "MemberNotifyFailed": "member 's-a-0' of role 'a': the start script's delnodes ended with exit status 1; "
        "mend it, then kdd retry db1 s-a-0 -n team",
        "MemberUnschedulable": "member 's-a-1' of role 'a' cannot be scheduled: no room",
        "ObjectFailed": "Service team/s: quota",
    }


def test_a_shrinking_role_is_told_when_members_begin_to_leave(make, member) -> None:
    seen, before = passed(make, {"a": [member("s-a-0"), member("s-a-1")]}, {"state": "configured"})
    leaving = {"a": [member("s-a-0"), member("s-a-1", "delete pending")]}
    seen, after = passed(make, leaving, before, wanted={"a": 1})

    assert "role 'a' shrinks from 2 to 1 members" in {event["note"] for event in report.events(seen, before, after)}


def test_what_a_condition_hints_at_is_told_once(make, member) -> None:
    seen, before = passed(make, {"a": [member("s-a-0")]}, {"state": "configured"})
    after = {**before, "conditions": [*before["conditions"], {"type": "MembersOutdated", "message": "x"}]}
    assert reasons(report.events(seen, before, after)) == ["MembersOutdated"]
    assert report.events(seen, after, after) == ()


def test_a_long_note_is_cut_to_the_limit_of_the_api(make, member, root_of) -> None:
    seen, before = passed(make, {"a": [member("s-a-0")]}, {"state": "configured"})
    refusal = errors.RefusedError("x", [errors.Problem("spec.app", "ä" * 2000)])
    (event,) = report.events(seen, before, report.refused(Seen(seen.now, root_of({"a": 1}, before)), refusal))
    assert len(event["note"].encode()) <= 1024
    assert event["note"].endswith("...")


def test_deletion_is_told(make, member) -> None:
    desired = make({"a": [member("s-a-0")]})
    assert reasons(report.farewell(desired.seen)) == ["ClusterDeleting"]


def test_no_token_reaches_an_event(make, member) -> None:
    seen, before = passed(make, {"a": [member("s-a-0", "creating")]})
    secret = member("s-a-0", "config error", config_error_detail="no").changed(auth_token="t0ken")
    seen, after = passed(make, {"a": [secret]}, before)
    assert "t0ken" not in str(report.events(seen, before, after))
    assert ClusterStatus.model_validate(after).roles[0].members[0].auth_token == "t0ken"


def test_a_cluster_whose_members_failed_is_not_told_to_be_configured(make, member) -> None:
    seen, before = passed(make, {"a": [member("s-a-0", "creating")]}, {"state": "creating"})
    seen, after = passed(make, {"a": [member("s-a-0", "config error", config_error_detail="no")]}, before)

    found = {event["reason"]: event for event in report.events(seen, before, after)}

    assert after["state"] == "configured"
    assert "ClusterConfigured" not in found
    told = found["ClusterConfiguredInPart"]
    assert (told["type"], told["note"]) == ("Warning", "members ready: 0/1; set-up failed: s-a-0: no")


def test_a_pod_that_is_stuck_is_told_once_with_the_remedy(make, member) -> None:
    seen, before = passed(make, {"a": [member("s-a-0", "create pending")]}, {"state": "creating"})
    stuck = member("s-a-0", "create pending", trouble="image not pulled", progress="image 'x' cannot be pulled")
    seen, after = passed(make, {"a": [stuck]}, before)

    (event,) = report.events(seen, before, after)

    assert (event["reason"], event["type"]) == ("MemberStuck", "Warning")
    assert event["note"] == (
        "member 's-a-0' of role 'a': image 'x' cannot be pulled; make the image available, "
        "or correct spec.roles[a].imageRepoTag of app 'x', and it goes on by itself"
    )
    assert report.events(seen, after, after) == ()


def test_a_container_that_ends_again_and_again_is_one_event(make, member) -> None:
    names = set()
    for life in ("c://1", "c://2"):
        seen, before = passed(make, {"a": [member("s-a-0", "creating", configuring_container=life)]}, {"state": "new"})
        ends = member("s-a-0", "creating", configuring_container=life, trouble="container ends", progress="ends")
        seen, after = passed(make, {"a": [ends]}, before)
        names |= {event["metadata"]["name"] for event in report.events(seen, before, after)}
    assert len(names) == 1


def test_the_departure_of_a_member_is_told_once_for_each_end(make, member) -> None:
    def goes(**told):
        since = "2026-01-01T00:00:00Z"
        return {"a": [member("s-a-0", "delete pending", decommission=Decommission(since=since, **told))]}

    seen, asked = passed(make, goes(), {"state": "configured"})
    seen, failed = passed(make, goes(exit_code=3), asked)
    (event,) = [item for item in report.events(seen, asked, failed) if item["reason"] == "MemberDecommissionFailed"]
    assert event["note"].endswith("let it go as it is: kdd retry db1 s-a-0 -n team --give-up")
    for told, words in (({}, "let go of what it held, and goes"), ({"given_up": True}, "goes without having let go")):
        seen, over = passed(make, goes(over=True, **told), failed)
        (event,) = [item for item in report.events(seen, failed, over) if item["reason"] == "MemberDecommissioned"]
        assert event["note"] == f"member 's-a-0' of role 'a' {words}"
        assert report.events(seen, over, over) == ()
