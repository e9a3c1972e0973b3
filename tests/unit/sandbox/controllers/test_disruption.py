"""Disruption budgets count what may go, and evictions ask them."""

import pytest

from kdlib.errors import ApiError
from kdlib.wire import POD, POD_DISRUPTION_BUDGET, STATEFUL_SET, Request

LABELS = {"app": "a"}
POD_SPEC = {"containers": [{"name": "c", "image": "i"}]}


async def evict(house, name):
    path = f"/api/v1/namespaces/default/pods/{name}/eviction"
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    return await house.registry.handle(Request("POST", path, body=body))


def budget(house, name="b", **spec):
    house.create(POD_DISRUPTION_BUDGET, name, {"selector": {"matchLabels": LABELS}, **spec})


def count(house, name="b"):
    status = house.get(POD_DISRUPTION_BUDGET, name)["status"]
    return status["currentHealthy"], status["desiredHealthy"], status["expectedPods"], status["disruptionsAllowed"]


def test_two_evictions_at_once_cannot_both_have_the_last_disruption(play):
    async def story(house):
        await house.start(ready=True)
        for name in ("one", "two"):
            house.create(POD, name, POD_SPEC, labels=LABELS, finalizers=["x.org/hold"])
        budget(house, minAvailable=1)
        await house.settle()
        # Nobody has counted anew between the two: the budget itself remembers the first.
        await evict(house, "one")
        with pytest.raises(ApiError) as refused:
            await evict(house, "two")
        house.code = refused.value.code
        house.remembered = house.get(POD_DISRUPTION_BUDGET, "b")["status"]["disruptedPods"]

    house = play(story)

    assert house.code == 429
    assert list(house.remembered) == ["one"]


def test_an_evicted_pod_that_stays_counts_again_after_two_minutes(play):
    async def story(house):
        await house.start(ready=True)
        house.create(POD, "one", POD_SPEC, labels=LABELS)
        budget(house, minAvailable=0)
        await house.settle()
        live = house.get(POD_DISRUPTION_BUDGET, "b")
        at = house.time.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        house.registry.update({**live, "status": {**live["status"], "disruptedPods": {"one": at}}}, "status")
        await house.settle()
        house.at_first = count(house)
        await house.settle(130)

    house = play(story)

    assert house.at_first == (0, 0, 1, 0)
    assert count(house) == (1, 0, 1, 1)


def test_a_budget_follows_pods_that_come_under_its_selector_and_leave_it(play):
    async def story(house):
        await house.start(ready=True)
        house.create(POD, "one", POD_SPEC)
        budget(house, minAvailable=0)
        await house.settle()
        house.registry.patch(POD, "default", "one", {"metadata": {"labels": LABELS}})
        await house.settle()
        house.inside = count(house)
        house.registry.patch(POD, "default", "one", {"metadata": {"labels": {"app": "other"}}})
        await house.settle()

    house = play(story)

    assert house.inside == (1, 0, 1, 1)
    assert count(house) == (0, 0, 0, 0)


def test_budgets_that_are_settled_write_nothing(play):
    async def story(house):
        await house.start(ready=True)
        spec = {"replicas": 3, "serviceName": "web", "selector": {"matchLabels": LABELS}}
        house.create(STATEFUL_SET, "web", {**spec, "template": {"metadata": {"labels": LABELS}, "spec": POD_SPEC}})
        budget(house, maxUnavailable="34%")
        await house.settle(20)
        house.before = house.commits
        await house.settle(1000)

    house = play(story)

    assert count(house) == (3, 1, 3, 2)
    assert house.commits == house.before
