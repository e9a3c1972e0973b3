"""Controller: the whole operator over an embedded cluster, in virtual time."""

import asyncio
import logging

import pytest

from kdlib.errors import UnreachableError, api_error
from kdlib.manifests import build
from kdlib.model import Cluster
from kdlib.rules import resolve
from kdlib.runtime import Related, Settings
from kdlib.wire import KD_APP, KD_CLUSTER, POD, SERVICE, STATEFUL_SET, Ref

SETTLED_SECONDS = 3600


def test_a_cluster_is_configured_grows_shrinks_and_goes_without_a_trace(play, made):
    async def scenario(world):
        async with world.operating():
            world.create(made.app(), made.cluster())
            await world.until(world.configured(head=1, tail=2))
            world.change(tail=4)
            await world.until(world.configured(head=1, tail=4))
            world.change(tail=1)
            await world.until(world.configured(head=1, tail=1))
            world.change(tail=0)
            await world.until(world.configured(head=1))
            world.registry.delete(KD_CLUSTER, "default", "c1")
            await world.until(lambda: not world.left())

    play(scenario)


def test_settled_means_silent(play, made):
    async def scenario(world):
        async with world.operating() as transport:
            world.create(made.app(), *(made.cluster(f"c{index}", tails=index) for index in range(1, 4)))
            await world.until(lambda: all(world.status(f"c{i}").get("state") == "configured" for i in range(1, 4)))
            await asyncio.sleep(30)
            sent = len(transport.requests)
            await asyncio.sleep(SETTLED_SECONDS)
            assert [str(request) for request in transport.requests[sent:]] == []

    play(scenario)


def test_a_fresh_operator_over_a_settled_cluster_writes_nothing(play, made):
    async def scenario(world):
        async with world.operating():
            world.create(made.app(), made.cluster())
            await world.until(world.configured(head=1, tail=2))
            await asyncio.sleep(5)
        before = world.cluster()
        async with world.operating() as transport:
            await asyncio.sleep(60)
        assert transport.writes == []
        assert world.cluster() == before

    play(scenario)


def test_a_creation_costs_no_more_writes_than_the_budget(play, made):
    async def scenario(world):
        async with world.operating() as transport:
            world.create(made.app(), made.cluster(tails=3))
            await world.until(world.configured(head=1, tail=3))
            await asyncio.sleep(5)
        objects = [path for _, path in transport.writes if KD_CLUSTER.plural not in path]
        assert len(objects) == len(set(objects)) == 5, "headless Service, app copy, two sets, the head's Service"
        statuses = [path for _, path in transport.writes if path.endswith("/status")]
        assert len(statuses) <= 4
        assert len(transport.writes) == len(objects) + len(statuses) + 1, "one write for the finalizer"

    play(scenario)


def test_drift_is_repaired(play, made):
    async def scenario(world):
        async with world.operating():
            world.create(made.app(), made.cluster())
            await world.until(world.configured(head=1, tail=2))
            tail = next(role["statefulSet"] for role in world.status()["roles"] if role["id"] == "tail")
            world.registry.patch(STATEFUL_SET, "default", tail, {"spec": {"replicas": 0}})
            world.registry.delete(SERVICE, "default", world.status()["clusterService"])
            await world.until(lambda: world.registry.get(STATEFUL_SET, "default", tail)["spec"]["replicas"] == 2)
            await world.until(world.configured(head=1, tail=2))
            assert world.registry.get(SERVICE, "default", world.status()["clusterService"])

    play(scenario)


def test_a_container_that_restarts_is_configured_again(play, made):
    async def scenario(world):
        async with world.operating():
            world.create(made.app(), made.cluster())
            await world.until(world.configured(head=1, tail=2))
            pod = world.status()["roles"][0]["members"][0]["pod"]
            container = await world.node.restart("default", pod)

            def again():
                member = world.status()["roles"][0]["members"][0]
                return member["stateDetail"].get("lastConfiguredContainer") == container

            await world.until(again)
            await world.until(world.configured(head=1, tail=2))

    play(scenario)


def test_a_cluster_of_an_app_that_comes_later_goes_on_when_it_comes(play, made):
    async def scenario(world):
        async with world.operating() as transport:
            world.create(made.cluster())
            await world.until(lambda: "does not exist" in str(world.status().get("conditions")))
            assert world.left() == [f"{KD_CLUSTER.name} c1"]
            sent = len(transport.requests)
            await asyncio.sleep(SETTLED_SECONDS)
            assert len(transport.requests) == sent
            world.create(made.app())
            await world.until(world.configured(head=1, tail=2))

    play(scenario)


def test_a_cluster_is_deleted_however_wrong_it_is(play, made):
    async def scenario(world):
        async with world.operating():
            world.create(made.cluster(app="nowhere"))
            await world.until(lambda: world.cluster()["metadata"].get("finalizers"))
            world.registry.delete(KD_CLUSTER, "default", "c1")
            await world.until(lambda: not world.left())

    play(scenario)


def test_the_app_may_be_deleted_under_a_running_cluster(play, made):
    async def scenario(world):
        async with world.operating():
            world.create(made.app(), made.cluster())
            await world.until(world.configured(head=1, tail=2))
            world.registry.delete(KD_APP, "default", "plain")
            world.change(tail=3)
            await world.until(world.configured(head=1, tail=3))

    play(scenario)


def test_a_cluster_made_while_nobody_looked_is_found(play, made):
    async def scenario(world):
        world.create(made.app(), made.cluster())
        async with world.operating():
            await world.until(world.configured(head=1, tail=2))

    play(scenario)


def test_one_cluster_whose_computation_breaks_stops_only_itself(play, made, caplog):
    async def scenario(world):
        def compute(seen):
            if seen.root["metadata"]["name"] == "bad":
                raise ZeroDivisionError("a defect")
            return build(resolve(Cluster.of(seen.root), None, seen))

        async with world.operating(compute=compute):
            world.create(made.app(), made.cluster("bad"), made.cluster())
            await world.until(world.configured(head=1, tail=2))
            await asyncio.sleep(600)
        assert 5 < caplog.text.count("unexpected ZeroDivisionError") < 40, "tried again, later and later"

    with caplog.at_level(logging.ERROR):
        play(scenario)


def test_roots_may_refer_to_one_another_and_a_defect_in_that_stops_only_its_root(play, made, caplog):
    """Each cluster refers to its neighbour `c2`; one cluster's references cannot be computed."""
    passes = []

    def refs(root, _):
        if root["metadata"]["name"] == "bad":
            raise ZeroDivisionError("a defect")
        yield Ref(KD_CLUSTER, "default", "c2")
        yield Ref(KD_APP, "default", "plain")

    def compute(seen):
        passes.append((seen.root["metadata"]["name"], dict(seen.related).get(Ref(KD_CLUSTER, "default", "c2"))))
        return build(resolve(Cluster.of(seen.root), None, seen))

    async def scenario(world):
        related = Related((KD_APP, KD_CLUSTER), refs)
        async with world.operating(compute=compute, refs=related):
            world.create(made.app(), made.cluster("bad"), made.cluster(tails=1), made.cluster("c2", tails=1))
            await world.until(world.configured(head=1, tail=1))
            await asyncio.sleep(5)
            passes.clear()
            world.change("c2", tail=2)
            await world.until(lambda: world.status("c2").get("members") == "3/3")
            assert passes[0][1]["spec"]["roles"][1]["members"] == 2
            assert {name for name, _ in passes} >= {"c1", "c2"}

            world.registry.delete(KD_CLUSTER, "default", "bad")
            await world.until(lambda: len(world.registry.list(KD_CLUSTER, "default")) == 2)

    with caplog.at_level(logging.ERROR):
        play(scenario)
    assert "unexpected ZeroDivisionError" in caplog.text


def test_a_refused_object_starves_no_other_and_is_tried_again(play, made):
    async def scenario(world):
        transport = world.transport()

        def before(request):
            is_member_service = request.path.endswith("-0") and "/services/" in request.path
            if is_member_service and world.time.seconds < 10:
                raise api_error(403, "Forbidden", "exceeded quota: services")

        transport.before = before
        async with world.operating(transport):
            world.create(made.app(), made.cluster())
            await world.until(lambda: "exceeded quota" in str(world.status().get("conditions")))
            assert len(world.registry.list(STATEFUL_SET, "default")) == 2
            await world.until(world.configured(head=1, tail=2))
            assert "exceeded quota" not in str(world.status())

    play(scenario)


def test_an_api_server_that_is_away_is_waited_for(play, made):
    async def scenario(world):
        transport = world.transport()
        away = []

        def before(_):
            if away:
                raise UnreachableError("connection refused")

        transport.before = before
        async with world.operating(transport):
            world.create(made.app(), made.cluster())
            await world.until(world.configured(head=1, tail=2))
            away.append(True)
            world.change(tail=4)
            await asyncio.sleep(300)
            assert world.states()["tail"] == ["configured"] * 2
            away.clear()
            await world.until(world.configured(head=1, tail=4))

    play(scenario)


def test_members_end_only_after_the_root_was_read_once_more_and_was_as_seen(play, made):
    async def scenario(world):
        transport = world.transport()
        meddled = []

        def before(request):
            if request.method == "GET" and request.path.endswith("/c1") and len(meddled) < 3:
                meddled.append(len(transport.requests))
                annotations = {"somebody": str(len(meddled))}
                world.registry.patch(KD_CLUSTER, "default", "c1", {"metadata": {"annotations": annotations}})

        transport.before = before
        async with world.operating(transport):
            world.create(made.app(), made.cluster(tails=3))
            await world.until(world.configured(head=1, tail=3))
            world.change(tail=1)
            await world.until(world.configured(head=1, tail=1))
        meanwhile = transport.requests[meddled[0] : meddled[2]]
        assert [request.path for request in meanwhile if "statefulsets" in request.path] == []

    play(scenario)


def test_a_fresh_operator_makes_nothing_before_it_read_the_root_from_the_storage(play, made):
    async def scenario(world):
        async with world.operating():
            world.create(made.app(), made.cluster(tails=1))
            await world.until(world.configured(head=1, tail=1))
        (service,) = [item["service"] for item in world.status()["roles"][0]["members"]]
        world.registry.delete(SERVICE, "default", service)
        async with world.operating() as transport:
            await world.until(lambda: any(path.endswith(f"/services/{service}") for _, path in transport.writes))
        asked = [(request.method, request.path.rpartition("/")[2]) for request in transport.requests]
        assert asked.index(("GET", "c1")) < asked.index(("PATCH", service))

    play(scenario)


def test_shutdown_lets_a_running_pass_end_and_takes_up_nothing_new(play, made):
    async def scenario(world):
        transport = world.transport()
        controller = world.controller(transport)
        task = asyncio.create_task(controller.run())
        world.create(made.app(), made.cluster())
        await world.until(lambda: any("statefulsets" in path for _, path in transport.writes))
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        sent = len(transport.requests)
        world.create(made.cluster("c2"))
        await asyncio.sleep(60)
        assert len(transport.requests) == sent
        assert len(world.registry.list(STATEFUL_SET, "default")) == 2

    play(scenario)


def test_shutdown_cuts_a_pass_that_does_not_end_within_the_grace(play, made):
    async def scenario(world):
        transport = world.transport()
        inner = transport.inner.request

        async def request(request):
            if request.method == "PATCH" and "statefulsets" in request.path:
                await asyncio.sleep(10_000)
            return await inner(request)

        transport.inner.request = request
        controller = world.controller(transport, grace_seconds=5.0)
        task = asyncio.create_task(controller.run())
        world.create(made.app(), made.cluster())
        await world.until(lambda: any("statefulsets" in path for _, path in transport.writes))
        begun = world.time.seconds
        task.cancel()
        await asyncio.wait({task})
        assert 4.0 < world.time.seconds - begun < 8.0

    play(scenario)


@pytest.mark.parametrize("workers", [1, 16])
def test_many_clusters_are_looked_after_whatever_the_number_of_workers(play, made, workers):
    async def scenario(world):
        async with world.operating(workers=workers):
            world.create(made.app(), *(made.cluster(f"c{index}", tails=1) for index in range(6)))
            for index in range(6):
                await world.until(lambda name=f"c{index}": world.status(name).get("state") == "configured")

    play(scenario)


def test_the_defaults_fit_the_daemon():
    assert Settings().workers >= 4


def condition(world, kind):
    return next((item for item in world.status().get("conditions", ()) if item["type"] == kind), {})


def test_a_refusal_is_logged_once_with_every_problem(play, made, caplog):
    async def scenario(world):
        async with world.operating():
            world.create(made.app())
            refused = made.cluster()
            refused["spec"]["roles"][1] |= {"id": "trunk", "members": 3}
            world.create(refused)
            await world.until(lambda: condition(world, "Stalled").get("status") == "True")
            await asyncio.sleep(60)

    with caplog.at_level(logging.WARNING):
        play(scenario)
    (line,) = caplog.records
    assert line.getMessage().startswith("refused: spec.roles[1].id: app 'plain' has no role 'trunk'; use one of")
    assert (line.kubernetes, line.cluster, line.rule) == ("here", "default/c1", "CL-V-14")
    assert line.correlation


def test_a_pod_of_an_older_template_is_told_until_it_is_deleted(play, made):
    async def scenario(world):
        async with world.operating() as transport:
            world.create(made.app(), made.cluster(tails=0))
            await world.until(world.configured(head=1))
            pod = world.registry.list(POD, "default")[0]["metadata"]["name"]
            older = {"metadata": {"labels": {"controller-revision-hash": "older"}}}
            world.registry.patch(POD, "default", pod, older)
            await world.until(lambda: condition(world, "MembersOutdated"))
            assert f"kubectl delete pod {pod} -n default" in condition(world, "MembersOutdated")["message"]
            assert condition(world, "Ready")["status"] == "True"
            transport.requests.clear()
            await asyncio.sleep(600)
            assert transport.writes == []
            world.registry.delete(POD, "default", pod)
            await world.until(lambda: not condition(world, "MembersOutdated") and world.configured(head=1)())

    play(scenario)


def test_a_pod_without_node_stalls_its_cluster_after_a_while_and_only_as_long(play, made):
    async def scenario(world):
        async with world.operating():
            greedy = made.cluster(tails=1)
            greedy["spec"]["roles"][1]["resources"] = {"limits": {"cpu": "100000", "memory": "16Mi"}}
            world.create(made.app(), greedy)
            await world.until(lambda: condition(world, "Stalled").get("status") == "True", seconds=60)
            assert condition(world, "Stalled")["reason"] == "MembersStuck"
            assert "its pod cannot be scheduled" in condition(world, "Stalled")["message"]
            world.change(tail=0)
            await world.until(world.configured(head=1))
            assert condition(world, "Ready")["status"] == "True"

    play(scenario)
