"""W-42: an app may say how its members are asked whether they are well; what no container could have is refused."""

import pytest

COMMAND = {"exec": {"command": ["true"]}}


def liveness(**probe):
    return {"livenessProbe": probe}


WRONG = [
    ("APP-X-30", "livenessProbe", liveness()),
    ("APP-X-30", "startupProbe", {"startupProbe": {"periodSeconds": 3}}),
    ("APP-X-30", "readinessProbe", {"readinessProbe": {**COMMAND, "tcpSocket": {"port": 80}}}),
    ("APP-X-31", "livenessProbe.tcpSocket.port", liveness(tcpSocket={"port": "cron"})),
    ("APP-X-31", "livenessProbe.tcpSocket.port", liveness(tcpSocket={"port": "80"})),
    ("APP-X-31", "livenessProbe.httpGet.port", liveness(httpGet={"port": 0})),
    ("APP-X-31", "livenessProbe.httpGet.port", liveness(httpGet={"port": 65536})),
    ("APP-X-31", "httpHeaders[0].name", liveness(httpGet={"port": 80, "httpHeaders": [{"name": "a b", "value": ""}]})),
    ("APP-X-31", "livenessProbe.successThreshold", liveness(**COMMAND, successThreshold=2)),
    (
        "APP-X-31",
        "readinessProbe.terminationGracePeriodSeconds",
        {"readinessProbe": {**COMMAND, "terminationGracePeriodSeconds": 9}},
    ),
]

FINE = {
    "a command": liveness(**COMMAND, successThreshold=1, terminationGracePeriodSeconds=60),
    "the port of a service": {"readinessProbe": {"httpGet": {"port": "web", "path": "/x"}, "successThreshold": 2}},
    "any port": {"startupProbe": {"tcpSocket": {"port": 7077}, "failureThreshold": 60, "initialDelaySeconds": 0}},
    "all three": {**liveness(grpc={"port": 9090}), "readinessProbe": COMMAND, "startupProbe": COMMAND},
}


def app_of(make, **role):
    return make.app(roles=[{"id": "front", "cardinality": "1", **role}, {"id": "back", "cardinality": "0+"}])


@pytest.mark.parametrize(("rule", "field", "role"), WRONG, ids=range(len(WRONG)))
def test_a_probe_that_no_container_could_have_is_refused(world, make, rule, field, role):
    problems = world.create(app_of(make, **role)).problems
    assert {problem.rule for problem in problems} == {rule}
    assert all(field in problem.path and problem.remedy for problem in problems), problems


@pytest.mark.parametrize("role", FINE.values(), ids=list(FINE))
def test_probes_that_a_container_can_have_pass(world, make, role):
    assert world.create(app_of(make, **role)).problems == ()
