"""A review of anything at all ends in a verdict, asks for facts in finitely many rounds, and tells no secret value."""

from dataclasses import replace

import pytest
import schema_values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kdlib import rules
from kdlib.model import crd
from kdlib.names import is_dns_subdomain
from kdlib.wire import KD_APP, KD_CLUSTER, KD_CONFIG, PERSISTENT_VOLUME_CLAIM

KINDS = (KD_APP, KD_CLUSTER, KD_CONFIG, PERSISTENT_VOLUME_CLAIM)
SECRET = "hunter2-of-nobody"


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["spec", "..", "demo"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["spec", "roles", "id", "app"]), inner),
    max_leaves=8,
)
LABELS = st.dictionaries(
    st.sampled_from(["kubedirector.hpe.com/restoring", "kubedirector.hpe.com/kdcluster", "a"]), st.text(max_size=3)
)
ANNOTATIONS = st.dictionaries(
    st.just("kubedirector.hpe.com/status-backup-exists"), st.sampled_from(["true", "false", ""])
)


def objects(kind):
    if kind == PERSISTENT_VOLUME_CLAIM:
        spec = ANYTHING
    else:
        schema = crd(kind.name)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        spec = schema_values.mutated(schema_values.objects(schema))
    metadata = st.fixed_dictionaries({}, optional={"labels": LABELS | ANYTHING, "annotations": ANNOTATIONS | ANYTHING})
    whole = st.fixed_dictionaries({"spec": spec}, optional={"metadata": metadata | ANYTHING, "status": ANYTHING})
    return st.none() | whole


OBJECTS = {kind: objects(kind) for kind in KINDS}


def answered(draw, request):
    """Return the facts that a world of any kind tells, asked for until the rules know enough."""
    facts = rules.Facts(operator="o", system_namespace="kd", entropy="5f" * 32)
    for _ in range(6):
        asked = rules.needs(request, facts)
        if not asked:
            return facts
        for ref in asked.objects:
            assert is_dns_subdomain(ref.name), ref
        found = {
            ref: draw(OBJECTS.get(ref.kind, ANYTHING.filter(lambda item: item is None or isinstance(item, dict))))
            for ref in asked.objects
        }
        lists = {
            need: tuple(filter(None, [draw(OBJECTS[need.kind])])) if need.kind in OBJECTS else ()
            for need in asked.lists
        }
        allowed = {access: draw(st.booleans()) for access in asked.access}
        facts = replace(
            facts,
            objects={**facts.objects, **found},
            lists={**facts.lists, **lists},
            allowed={**facts.allowed, **allowed},
        )
    raise AssertionError("asks for ever")


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.data(), st.sampled_from(KINDS), st.sampled_from(["CREATE", "UPDATE", "DELETE"]), st.sampled_from(["", "status"])
)
def test_a_review_of_anything_ends_in_a_verdict(data, kind, operation, subresource):
    old = data.draw(OBJECTS[kind]) if operation != "CREATE" else None
    new = data.draw(OBJECTS[kind] | st.just(old)) if operation != "DELETE" else None
    name = data.draw(st.sampled_from(["demo", "kd-global-config", ""]))
    request = rules.Request(operation, kind, "kd", name, new=new, old=old, subresource=subresource)
    verdict = rules.review(request, answered(data.draw, request))
    assert all(problem.path and problem.what for problem in verdict.problems)
    assert verdict.allowed or not verdict.patch


@pytest.mark.parametrize("spoil", ["", "resources", "id"])
def test_no_verdict_tells_a_secret_value(spoil):
    """Whatever else is wrong with the object."""
    role = {
        "id": "one",
        "resources": {"limits": {}},
        "secretKeys": [{"name": "k", "value": SECRET}, {"name": 7, "value": SECRET}],
    }
    broken = {**role, **({spoil: 7} if spoil else {})}
    new = {"metadata": {"name": "c"}, "spec": {"app": "demo", "roles": [broken]}}
    facts = rules.Facts(system_namespace="kd", entropy="5f" * 32)
    verdict = rules.review(rules.Request("CREATE", KD_CLUSTER, "kd", "c", new=new), facts)
    assert verdict.problems
    assert SECRET not in str(verdict)
