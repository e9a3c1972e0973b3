"""The laws of garbage collection and of namespaces."""

import pytest

from kdlib.errors import ApiError, NotFoundError
from kdlib.wire import CONFIG_MAP, NAMESPACE, POD, SERVICE, STATEFUL_SET, Kind

SERVICE_ACCOUNT = Kind("v1", "ServiceAccount")


def owned_by(*owners, block=False):
    return [
        {
            "apiVersion": each["apiVersion"],
            "kind": each["kind"],
            "name": each["metadata"]["name"],
            "uid": each["metadata"]["uid"],
            **({"blockOwnerDeletion": True} if block else {}),
        }
        for each in owners
    ]


def test_what_one_owner_held_goes_with_it_and_what_two_held_goes_with_the_last(play):
    async def scenario(house):
        await house.start()
        first, second = house.create(CONFIG_MAP, "first"), house.create(CONFIG_MAP, "second")
        house.create(CONFIG_MAP, "single", ownerReferences=owned_by(first))
        house.create(CONFIG_MAP, "shared", ownerReferences=owned_by(first, second))
        house.create(CONFIG_MAP, "deep", ownerReferences=owned_by(house.get(CONFIG_MAP, "single")))
        await house.settle()
        house.delete(CONFIG_MAP, "first", propagation="Background")
        await house.settle()
        assert house.names(CONFIG_MAP) == ["kube-root-ca.crt", "second", "shared"]
        assert house.get(CONFIG_MAP, "shared")["metadata"]["ownerReferences"] == owned_by(second)
        house.delete(CONFIG_MAP, "second", propagation="Background")
        await house.settle()
        assert house.names(CONFIG_MAP) == ["kube-root-ca.crt"]

    play(scenario)


def test_what_is_created_for_an_owner_that_is_gone_is_collected(play):
    async def scenario(house):
        await house.start()
        owner = house.create(CONFIG_MAP, "owner")
        house.delete(CONFIG_MAP, "owner")
        house.create(CONFIG_MAP, "late", ownerReferences=owned_by(owner))
        await house.settle()
        assert "late" not in house.names(CONFIG_MAP)

    play(scenario)


def test_an_owner_of_the_same_name_but_another_uid_holds_nothing(play):
    async def scenario(house):
        await house.start()
        owner = house.create(CONFIG_MAP, "owner")
        house.delete(CONFIG_MAP, "owner")
        house.create(CONFIG_MAP, "owner")
        house.create(CONFIG_MAP, "late", ownerReferences=owned_by(owner))
        await house.settle()
        assert house.names(CONFIG_MAP) == ["kube-root-ca.crt", "owner"]

    play(scenario)


def test_orphaning_lets_dependents_live_without_their_owner(play):
    async def scenario(house):
        await house.start()
        owner = house.create(CONFIG_MAP, "owner")
        house.create(CONFIG_MAP, "child", ownerReferences=owned_by(owner))
        house.delete(CONFIG_MAP, "owner", propagation="Orphan")
        await house.settle()
        assert house.names(CONFIG_MAP) == ["child", "kube-root-ca.crt"]
        assert "ownerReferences" not in house.get(CONFIG_MAP, "child")["metadata"]

    play(scenario)


def test_in_the_foreground_an_owner_goes_after_the_dependents_that_block_it(play):
    async def scenario(house):
        await house.start()
        owner = house.create(CONFIG_MAP, "owner")
        house.create(CONFIG_MAP, "child", ownerReferences=owned_by(owner, block=True), finalizers=["example.org/hold"])
        house.delete(CONFIG_MAP, "owner", propagation="Foreground")
        await house.settle()
        assert house.names(CONFIG_MAP) == ["child", "kube-root-ca.crt", "owner"]
        house.registry.patch(CONFIG_MAP, "default", "child", {"metadata": {"finalizers": None}})
        await house.settle()
        assert house.names(CONFIG_MAP) == ["kube-root-ca.crt"]

    play(scenario)


def test_pods_of_a_set_go_with_it_in_their_own_time(play):
    async def scenario(house):
        await house.start(ready=True)
        spec = {
            "replicas": 3,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "app", "image": "x"}]},
            },
        }
        house.create(STATEFUL_SET, "web", spec)
        await house.settle()
        house.auto_ready = False
        house.delete(STATEFUL_SET, "web", propagation="Background")
        await house.settle()
        assert all("deletionTimestamp" in each["metadata"] for each in house.registry.list(POD))
        for name in house.names(POD):
            house.finish(name)
        await house.settle()
        assert house.names(POD) == []

    play(scenario)


def test_every_namespace_has_a_default_account_and_the_clusters_certificate(play):
    async def scenario(house):
        await house.start()
        house.create(NAMESPACE, "team")
        await house.settle()
        for namespace in ("default", "kube-system", "team"):
            assert house.names(SERVICE_ACCOUNT, namespace) == ["default"]
            assert house.get(CONFIG_MAP, "kube-root-ca.crt", namespace)["data"] == {"ca.crt": "CERTIFICATE"}
        house.delete(SERVICE_ACCOUNT, "default", "team")
        await house.settle()
        assert house.names(SERVICE_ACCOUNT, "team") == ["default"]

    play(scenario)


def test_a_namespace_goes_after_all_that_is_in_it(play):
    async def scenario(house):
        await house.start()
        house.create(NAMESPACE, "team")
        for number in range(120):
            house.create(CONFIG_MAP, f"c{number}", namespace="team")
        house.create(SERVICE, "s", {"ports": [{"port": 1}]}, namespace="team")
        house.create(CONFIG_MAP, "held", namespace="team", finalizers=["example.org/hold"])
        await house.settle()
        house.delete(NAMESPACE, "team", "")
        await house.settle()
        assert house.names(CONFIG_MAP, "team") == ["held"]
        namespace = house.get(NAMESPACE, "team", "")
        assert namespace["status"]["phase"] == "Terminating"
        assert "example.org/hold in 1 resource instances" in namespace["status"]["conditions"][0]["message"]
        with pytest.raises(ApiError, match="because it is being terminated"):
            house.create(CONFIG_MAP, "late", namespace="team")
        house.registry.patch(CONFIG_MAP, "team", "held", {"metadata": {"finalizers": None}})
        await house.settle()
        with pytest.raises(NotFoundError):
            house.get(NAMESPACE, "team", "")

    play(scenario)
