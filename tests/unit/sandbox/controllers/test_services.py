"""The laws of Services: addresses, node ports, and where they lead."""

import pytest

from kdlib.errors import ApiError
from kdlib.wire import POD, SERVICE, Kind

ENDPOINTS = Kind("v1", "Endpoints", plural="endpoints")
SLICE = Kind("discovery.k8s.io/v1", "EndpointSlice")
HTTP = {"ports": [{"name": "http", "port": 80, "targetPort": 8080}], "selector": {"app": "web"}}


def pod(house, name, *, ready=None, labels=None, **spec):
    whole = {"containers": [{"name": "app", "image": "x", "ports": [{"name": "web", "containerPort": 9000}]}], **spec}
    house.create(POD, name, whole, labels=labels or {"app": "web"})
    if ready is not None:
        house.run(name, ready=ready)


def subsets(house, name="web"):
    return house.get(ENDPOINTS, name).get("subsets", [])


def endpoints(house, name="web"):
    found = [
        each for each in house.registry.list(SLICE) if each["metadata"]["labels"]["kubernetes.io/service-name"] == name
    ]
    return [endpoint for each in found for endpoint in each.get("endpoints") or []]


def test_the_first_service_leads_to_the_api_server(play):
    async def scenario(house):
        await house.start()
        service = house.get(SERVICE, "kubernetes")
        assert service["spec"]["clusterIP"] == "10.96.0.1"
        assert service["spec"]["ports"][0]["port"] == 443
        assert subsets(house, "kubernetes")[0]["ports"][0]["port"] == 6443

    play(scenario)


def test_addresses_and_node_ports_are_unique_and_in_the_answer_to_the_create(play):
    async def scenario(house):
        await house.start()
        made = [house.create(SERVICE, f"s{number}", {**HTTP, "type": "NodePort"}) for number in range(100)]
        assert len({each["spec"]["clusterIP"] for each in made}) == 100
        assert len({each["spec"]["ports"][0]["nodePort"] for each in made}) == 100
        assert all(each["spec"]["clusterIPs"] == [each["spec"]["clusterIP"]] for each in made)
        assert all(30000 <= each["spec"]["ports"][0]["nodePort"] <= 32767 for each in made)

    play(scenario)


def test_an_address_or_port_that_is_taken_is_refused_and_free_again_after_deletion(play):
    async def scenario(house):
        await house.start()
        chosen = {**HTTP, "type": "NodePort", "clusterIP": "10.96.7.7"}
        chosen["ports"] = [{"port": 80, "nodePort": 30080}]
        house.create(SERVICE, "first", chosen)
        with pytest.raises(ApiError, match=r"failed to allocate IP 10\.96\.7\.7: provided IP is already allocated"):
            house.create(SERVICE, "second", chosen)
        with pytest.raises(ApiError, match=r"spec.ports\[0\].nodePort: Invalid value: 30080: provided port is already"):
            house.create(SERVICE, "second", {**chosen, "clusterIP": "10.96.7.8"})
        house.delete(SERVICE, "first")
        assert house.create(SERVICE, "second", chosen)["spec"]["clusterIP"] == "10.96.7.7"

    play(scenario)


def test_an_update_keeps_what_a_service_holds(play):
    async def scenario(house):
        await house.start()
        before = house.create(SERVICE, "web", {**HTTP, "type": "LoadBalancer"})["spec"]
        live = house.get(SERVICE, "web")
        house.registry.update({**live, "spec": {**HTTP, "type": "LoadBalancer"}})
        after = house.get(SERVICE, "web")["spec"]
        assert after["clusterIP"] == before["clusterIP"]
        assert after["ports"][0]["nodePort"] == before["ports"][0]["nodePort"]
        house.registry.patch(SERVICE, "default", "web", {"metadata": {"labels": {"a": "b"}}})
        assert house.get(SERVICE, "web")["spec"] == after

    play(scenario)


def test_a_headless_service_gets_no_address(play):
    async def scenario(house):
        await house.start()
        spec = house.create(SERVICE, "web", {**HTTP, "clusterIP": "None"})["spec"]
        assert (spec["clusterIP"], spec["clusterIPs"]) == ("None", ["None"])

    play(scenario)


def test_endpoints_follow_readiness(play):
    async def scenario(house):
        await house.start()
        house.create(SERVICE, "web", HTTP)
        pod(house, "a", ready=False)
        await house.settle()
        assert list(subsets(house)[0]) == ["notReadyAddresses", "ports"]
        assert endpoints(house)[0]["conditions"] == {"ready": False, "serving": False, "terminating": False}
        house.run("a")
        await house.settle()
        assert subsets(house)[0]["addresses"][0]["targetRef"]["name"] == "a"
        assert subsets(house)[0]["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
        assert endpoints(house)[0]["conditions"] == {"ready": True, "serving": True, "terminating": False}

    play(scenario)


def test_a_terminating_pod_leaves_endpoints_but_stays_in_slices_until_it_is_gone(play):
    async def scenario(house):
        await house.start()
        house.create(SERVICE, "web", HTTP)
        pod(house, "a")
        await house.settle()
        house.run("a")
        await house.settle()
        house.delete(POD, "a")
        await house.settle()
        assert subsets(house) == []
        assert endpoints(house)[0]["conditions"] == {"ready": False, "serving": True, "terminating": True}
        house.finish("a")
        await house.settle()
        assert endpoints(house) == []

    play(scenario)


def test_publish_not_ready_addresses_lists_pods_from_their_first_address(play):
    async def scenario(house):
        await house.start()
        house.create(SERVICE, "web", {**HTTP, "clusterIP": "None", "publishNotReadyAddresses": True})
        pod(house, "a", ready=False, hostname="a", subdomain="web")
        await house.settle()
        assert subsets(house)[0]["addresses"][0]["hostname"] == "a"
        assert endpoints(house)[0]["conditions"]["ready"] is True
        assert endpoints(house)[0]["hostname"] == "a"

    play(scenario)


def test_a_named_target_port_is_the_pods_own(play):
    async def scenario(house):
        await house.start()
        house.create(SERVICE, "web", {"ports": [{"port": 80, "targetPort": "web"}], "selector": {"app": "web"}})
        pod(house, "a", ready=True)
        await house.settle()
        assert subsets(house)[0]["ports"][0]["port"] == 9000

    play(scenario)


def test_a_pod_whose_labels_change_moves_to_the_other_service(play):
    async def scenario(house):
        await house.start()
        house.create(SERVICE, "web", HTTP)
        house.create(SERVICE, "other", {**HTTP, "selector": {"app": "other"}})
        pod(house, "a", ready=True)
        await house.settle()
        house.registry.patch(POD, "default", "a", {"metadata": {"labels": {"app": "other"}}})
        await house.settle()
        assert (len(endpoints(house)), len(endpoints(house, "other"))) == (0, 1)
        assert (len(subsets(house)), len(subsets(house, "other"))) == (0, 1)

    play(scenario)


def test_slices_hold_a_hundred_endpoints_each_and_one_pod_changes_one_slice(play):
    async def scenario(house):
        await house.start()
        house.create(SERVICE, "web", HTTP)
        for number in range(210):
            pod(house, f"p{number}", ready=True)
        await house.settle()
        slices = [each for each in house.registry.list(SLICE) if each["metadata"]["name"].startswith("web-")]
        assert sorted(len(each["endpoints"]) for each in slices) == [10, 100, 100]
        house.run("p7", ready=False)
        await house.settle()
        after = {each["metadata"]["name"]: each for each in house.registry.list(SLICE)}
        changed = [each for each in slices if after[each["metadata"]["name"]] != each]
        assert len(changed) == 1

    play(scenario)


def test_endpoints_go_with_their_service(play):
    async def scenario(house):
        await house.start()
        house.create(SERVICE, "web", HTTP)
        await house.settle()
        assert "web" in house.names(ENDPOINTS)
        house.delete(SERVICE, "web")
        await house.settle()
        assert house.names(ENDPOINTS) == ["kubernetes"]
        assert house.names(SLICE) == ["kubernetes"]

    play(scenario)
