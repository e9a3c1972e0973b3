"""What holds for all controllers together."""

import asyncio
import json
from itertools import pairwise
from pathlib import Path

import pytest

from kdlib.errors import api_error
from kdlib.sandbox.controllers import Controllers
from kdlib.sandbox.controllers.queue import Queue
from kdlib.sandbox.controllers.revisions import revision_hash
from kdlib.testing import VirtualTime
from kdlib.wire import CONFIG_MAP, EVENT, POD, SERVICE, STATEFUL_SET

RECORDED = Path(__file__).parents[3] / "api" / "recorded" / "controllers.json"


def spec(replicas):
    return {
        "replicas": replicas,
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "image": "x"}]}},
    }


def test_other_controllers_take_over_where_the_first_were_closed(play):
    async def scenario(house):
        await house.start(ready=True)
        house.create(STATEFUL_SET, "web", spec(2))
        service = house.create(SERVICE, "web", {"selector": {"app": "web"}, "ports": [{"port": 80, "nodePort": 0}]})
        await house.settle()
        await house.controllers.close()
        house.registry.patch(STATEFUL_SET, "default", "web", {"spec": {"replicas": 4}})
        owner = house.get(SERVICE, "web")["metadata"]
        reference = {"apiVersion": "v1", "kind": "Service", "name": "web", "uid": owner["uid"]}
        house.create(CONFIG_MAP, "child", ownerReferences=[reference])
        await house.settle()
        assert len(house.names(POD)) == 2
        house.controllers = Controllers(house.registry, certificate="CERTIFICATE")
        await house.controllers.start()
        await house.settle()
        assert len(house.names(POD)) == 4
        other = house.create(SERVICE, "other", {"ports": [{"port": 80}]})
        assert other["spec"]["clusterIP"] not in (service["spec"]["clusterIP"], "10.96.0.1")
        house.delete(SERVICE, "web", propagation="Background")
        await house.settle()
        assert "child" not in house.names(CONFIG_MAP)

    play(scenario)


def test_events_go_an_hour_after_they_were_last_told(play):
    async def scenario(house):
        await house.start(ready=True)
        house.create(STATEFUL_SET, "web", spec(1))
        await house.settle()
        assert house.events("web") != []
        await house.settle(3500)
        assert house.events("web") != []
        await house.settle(200)
        assert house.registry.list(EVENT) == []
        assert house.controllers.idle

    play(scenario)


def test_many_similar_events_are_combined(play):
    async def scenario(house):
        await house.start(ready=True)
        house.create(STATEFUL_SET, "web", spec(60))
        await house.settle()
        told = [each for each in house.registry.list(EVENT) if each["regarding"]["name"] == "web"]
        assert len(told) == 10
        combined = [each for each in told if each["note"].startswith("(combined from similar events): ")]
        assert [each["deprecatedCount"] for each in combined] == [16]

    play(scenario)


def test_revisions_have_the_names_that_a_real_controller_gives_them():
    recorded = json.loads(RECORDED.read_text())
    found = [
        (revision["metadata"]["name"], revision["data"])
        for transcript in recorded.values()
        for step in transcript
        for revision in (step["body"] or {}).get("items", [])
        if "data" in revision and "revision" in revision
    ]
    assert found
    for name, data in found:
        assert name == f"web-{revision_hash(data, 0)}"


def test_the_writes_for_a_set_grow_with_its_pods_and_no_faster(play):
    async def writes(house, replicas):
        house.create(SERVICE, "web", {"clusterIP": "None", "selector": {"app": "web"}, "ports": [{"port": 80}]})
        before = house.commits
        house.create(STATEFUL_SET, "web", spec(replicas))
        await house.settle(30)
        assert house.get(STATEFUL_SET, "web")["status"]["readyReplicas"] == replicas
        return house.commits - before

    counted = []
    for replicas in (50, 200):

        async def scenario(house, replicas=replicas):
            await house.start(ready=True)
            counted.append(await writes(house, replicas))

        play(scenario)
    assert counted[1] < 4.5 * counted[0]


@pytest.fixture
def time():
    return VirtualTime()


class Refusing:
    """Work that the store refuses for a while."""

    def __init__(self, error, times):
        self.error, self.left, self.seen = error, times, []

    def __call__(self, item):
        self.seen.append(item)
        if self.left:
            self.left -= 1
            raise self.error
        return 0


def test_refused_work_comes_again_with_longer_and_longer_pauses(time):

    work, moments = Refusing(api_error(403, "Forbidden", "no"), 8), []

    async def main():
        loop = asyncio.get_running_loop()
        queue = Queue(loop, lambda item: moments.append(loop.time()) or work(item))
        queue.add(("c", "k"))
        await asyncio.sleep(60)
        queue.close()

    time.run(main())
    pauses = [after - before for before, after in pairwise(moments)]
    assert len(moments) == 9
    assert all(longer >= shorter for shorter, longer in pairwise(pauses))


def test_work_that_undoes_itself_does_not_stop_the_event_loop(time):

    async def main():
        loop = asyncio.get_running_loop()

        def work(item):
            queue.add(item)
            return 0

        queue = Queue(loop, work)
        queue.add(("c", "k"))
        await asyncio.sleep(1)
        queue.close()

    time.run(main())
