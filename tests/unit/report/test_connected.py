"""What members are not told of stands in a condition, once in an Event, and keeps nobody from being configured."""

from dataclasses import replace

import pytest

from kdlib import report, wire
from kdlib.model import Connection, ConnectionStatus, Outcome

SECRET, CONFIG_MAP, CLUSTER = (
    wire.Ref(kind, "team", name)
    for kind, name in ((wire.SECRET, "login"), (wire.CONFIG_MAP, "settings"), (wire.KD_CLUSTER, "other"))
)
GONE = Connection(CLUSTER, problem="does not exist")
PLAIN = Connection(CONFIG_MAP, found={"metadata": {}}, problem="has no label 'x'")
SHUT = Connection(SECRET, problem="cannot be read: you may not", is_known=False)


@pytest.fixture
def connect(make, member):
    """Return a function that makes a settled pass with these connections."""

    def made(*connections, stored=None):
        desired = make({"a": [member("s-a-0")]}, stored=stored)
        return replace(desired, resolved=replace(desired.resolved, connections=connections))

    return made


def told(desired):
    return report.condition(report.status(desired.seen, desired, Outcome()), "ConnectionsMissing")


@pytest.mark.parametrize(
    ("connection", "reason", "message"),
    [
        (
            GONE,
            "NotThereYet",
            "KubeDirectorCluster 'other' does not exist; members are told of it as soon as it is there",
        ),
        (
            PLAIN,
            "NotLabelled",
            "ConfigMap 'settings' has no label 'x'; add the label, with the type under which members look for it",
        ),
        (
            SHUT,
            "NotReadable",
            (
                "Secret 'login' cannot be read: you may not; it is tried again; "
                "members that are told of nothing else keep what they know of it"
            ),
        ),
    ],
    ids=["missing", "unlabelled", "unreadable"],
)
def test_each_cause_has_its_reason_and_its_remedy(connect, connection, reason, message) -> None:
    condition = told(connect(connection))
    assert (condition["status"], condition["reason"], condition["message"]) == ("True", reason, message)


def test_a_cluster_goes_on_without_what_is_missing(connect) -> None:
    desired = connect(GONE, SHUT)
    status = report.status(desired.seen, desired, Outcome())
    assert status["state"] == "configured"
    assert report.condition(status, "Ready")["status"] == "True"


def test_all_that_is_missing_is_named_and_each_remedy_once(connect) -> None:
    many = [replace(GONE, ref=wire.Ref(wire.KD_CLUSTER, "team", f"c{number}")) for number in range(12)]
    message = told(connect(*many, PLAIN))["message"]
    assert "'c9' does not exist" in message
    assert "'c10'" not in message
    assert "and 3 more" in message
    assert message.count("as soon as it is there") == 1
    assert "add the label" in message


def test_nothing_is_said_where_all_is_told(connect) -> None:
    assert told(connect(Connection(SECRET, found={"metadata": {}}))) == {}


def reasons(seen, before, after):
    return [(event["reason"], event["type"], event["note"]) for event in report.events(seen, before, after, Outcome())]


def test_what_is_missing_is_told_once_until_it_is_something_else(connect) -> None:
    first, second = connect(GONE), connect(GONE, SHUT)
    one, two = (report.status(item.seen, item, Outcome()) for item in (first, second))
    assert ("ConnectionsMissing", "Warning", report.condition(one, "ConnectionsMissing")["message"]) in reasons(
        first.seen, {"state": "configured"}, one
    )
    assert reasons(first.seen, one, one) == []
    assert [reason for reason, _, _ in reasons(second.seen, one, two)] == ["ConnectionsMissing"]


def test_a_change_is_told_by_the_names_of_what_changed(connect) -> None:
    desired = connect()

    def status(version, **versions):
        connections = [ConnectionStatus(kind="Secret", name=name, version=it).dumped() for name, it in versions.items()]
        made = report.status(desired.seen, desired, Outcome())
        return {**made, "connectionVersion": version, "connections": connections}

    before, after = status(1, a="1", b="1", c="1"), status(2, b="2", c="1", d="1")
    note = "change 2 of what the cluster is connected to: Secret 'a'; Secret 'b'; Secret 'd'"
    assert reasons(desired.seen, before, after) == [("ConnectionsChanged", "Normal", note)]
    assert reasons(desired.seen, after, after) == []
