"""W-42: where pods run is the user's to say, in the words of Kubernetes; what no pod could have is refused."""

import pytest

SPREAD = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}


def taints(**fields):
    return {"tolerations": [fields]}


def spread(**fields):
    return {"topologySpreadConstraints": [{**SPREAD, **fields}]}


WRONG = [
    ("CL-X-09", "priorityClassName", {"priorityClassName": "High"}),
    ("CL-X-09", "imagePullSecrets[0].name", {"imagePullSecrets": [{"name": "../x"}]}),
    ("CL-X-30", "tolerations[0].key", taints()),
    ("CL-X-30", "tolerations[0].key", taints(value="b")),
    ("CL-X-30", "tolerations[0].key", taints(key="a b", operator="Exists")),
    ("CL-X-30", "tolerations[0].value", taints(key="a", value="b c")),
    ("CL-X-30", "tolerations[0].value", taints(key="a", value="b", operator="Exists")),
    ("CL-X-30", "tolerations[0].tolerationSeconds", taints(key="a", tolerationSeconds=3)),
    ("CL-X-30", "tolerations[0].tolerationSeconds", taints(key="a", tolerationSeconds=0, effect="NoSchedule")),
    ("CL-X-31", "nodeSelector[a b]", {"nodeSelector": {"a b": "c"}}),
    ("CL-X-31", "nodeSelector", {"nodeSelector": {"disk": "s s d"}}),
    ("CL-X-32", "topologySpreadConstraints[1]", {"topologySpreadConstraints": [SPREAD, {**SPREAD, "maxSkew": 2}]}),
    ("CL-X-32", "topologySpreadConstraints[0].topologyKey", spread(topologyKey="a b")),
    ("CL-X-32", "topologySpreadConstraints[0].minDomains", spread(minDomains=2, whenUnsatisfiable="ScheduleAnyway")),
    ("CL-X-32", "matchLabelKeys[0]", spread(matchLabelKeys=["a b"])),
    ("CL-X-32", "matchLabelKeys[0]", spread(matchLabelKeys=["kubedirector.hpe.com/role"])),
    ("CL-X-32", "matchLabelKeys[0]", spread(matchLabelKeys=["a"], labelSelector={"matchLabels": {"a": "b"}})),
    ("CL-X-32", "labelSelector.matchLabels[a]", spread(labelSelector={"matchLabels": {"a": "b c"}})),
    (
        "CL-X-32",
        "labelSelector.matchExpressions[0].values",
        spread(labelSelector={"matchExpressions": [{"key": "a", "operator": "In"}]}),
    ),
    ("CL-X-34", "podDisruptionBudget", {"podDisruptionBudget": {}}),
    ("CL-X-34", "podDisruptionBudget", {"podDisruptionBudget": {"minAvailable": 1, "maxUnavailable": 1}}),
    ("CL-X-35", "podDisruptionBudget.minAvailable", {"podDisruptionBudget": {"minAvailable": -1}}),
    ("CL-X-35", "podDisruptionBudget.minAvailable", {"podDisruptionBudget": {"minAvailable": 2**31}}),
    ("CL-X-35", "podDisruptionBudget.maxUnavailable", {"podDisruptionBudget": {"maxUnavailable": "101%"}}),
    ("CL-X-35", "podDisruptionBudget.maxUnavailable", {"podDisruptionBudget": {"maxUnavailable": "1"}}),
    ("CL-X-33", "imagePullSecrets[1].name", {"imagePullSecrets": [{"name": "s1"}, {"name": "s1"}]}),
]

FINE = {
    "every taint": taints(operator="Exists"),
    "a taint for a while": taints(key="example.org/a", value="b", effect="NoExecute", tolerationSeconds=0),
    "labels of nodes": {"nodeSelector": {"kubernetes.io/os": "linux", "empty": ""}},
    "two actions for one place": {
        "topologySpreadConstraints": [SPREAD, {**SPREAD, "whenUnsatisfiable": "ScheduleAnyway"}]
    },
    "labels of the pod": spread(matchLabelKeys=["controller-revision-hash"], minDomains=3),
    "a class": {"priorityClassName": "system-cluster-critical"},
    "a budget in numbers": {"podDisruptionBudget": {"maxUnavailable": 0}},
    "a budget in parts": {"podDisruptionBudget": {"minAvailable": "100%"}},
    "two registries": {"imagePullSecrets": [{"name": "s1"}, {"name": "s2"}]},
}


@pytest.mark.parametrize(("rule", "field", "changes"), WRONG, ids=range(len(WRONG)))
def test_what_pods_could_not_have_is_refused(world, make, rule, field, changes):
    problems = world.create(make.cluster(make.role(**changes))).problems
    assert {problem.rule for problem in problems} == {rule}
    assert any(field in problem.path and problem.remedy for problem in problems), problems


@pytest.mark.parametrize("changes", FINE.values(), ids=list(FINE))
def test_what_pods_can_have_passes(world, make, changes):
    verdict = world.create(make.cluster(make.role(**changes)))
    assert (verdict.problems, verdict.warnings) == ((), ())


def test_who_may_not_read_a_pull_secret_cannot_use_it(world, make):
    """Otherwise whoever may make clusters would fetch images with anybody's credentials."""
    careful = type(world)(world.objects, forbidden=lambda access: access.resource == "secrets")
    (problem,) = careful.create(make.cluster(make.role(imagePullSecrets=[{"name": "s1"}]))).problems
    assert (problem.rule, problem.path) == ("CL-X-33", "spec.roles[0].imagePullSecrets[0].name")


def test_a_pull_secret_that_is_not_there_yet_is_a_warning(world, make):
    """The kubelet pulls without it meanwhile, which is enough for a public image."""
    verdict = world.create(make.cluster(make.role(imagePullSecrets=[{"name": "later"}])))
    assert verdict.problems == ()
    assert verdict.warnings == (
        "spec.roles[0].imagePullSecrets[0].name: Secret 'later' does not exist yet in namespace 'team'",
    )
