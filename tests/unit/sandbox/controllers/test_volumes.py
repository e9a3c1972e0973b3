"""The laws of claims and volumes."""

from kdlib.wire import PERSISTENT_VOLUME_CLAIM, POD, Kind

VOLUME = Kind("v1", "PersistentVolume", namespaced=False)
STORAGE_CLASS = Kind("storage.k8s.io/v1", "StorageClass", plural="storageclasses", namespaced=False)


def claim_spec(size="1Gi", **more):
    return {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, **more}


def user_of(claim):
    return {
        "containers": [{"name": "app", "image": "x"}],
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": claim}}],
    }


def test_a_claim_without_a_class_gets_the_default_one_and_a_volume_of_its_own(play):
    async def scenario(house):
        await house.start()
        made = house.create(PERSISTENT_VOLUME_CLAIM, "data", claim_spec())
        assert made["spec"]["storageClassName"] == "standard"
        await house.settle()
        claim = house.get(PERSISTENT_VOLUME_CLAIM, "data")
        volume = house.get(VOLUME, claim["spec"]["volumeName"], "")
        assert claim["status"] == {"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}}
        assert volume["metadata"]["name"] == f"pvc-{claim['metadata']['uid']}"
        assert volume["status"]["phase"] == "Bound"
        assert volume["spec"]["claimRef"]["uid"] == claim["metadata"]["uid"]

    play(scenario)


def test_a_volume_goes_with_its_claim_unless_it_is_to_be_retained(play):
    async def scenario(house):
        await house.start()
        keep = {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "keep"},
            "provisioner": "sandbox.kubedirector.hpe.com/directory",
            "reclaimPolicy": "Retain",
        }
        house.registry.create(keep)
        house.create(PERSISTENT_VOLUME_CLAIM, "goes", claim_spec())
        house.create(PERSISTENT_VOLUME_CLAIM, "stays", claim_spec(storageClassName="keep"))
        await house.settle()
        kept = house.get(PERSISTENT_VOLUME_CLAIM, "stays")["spec"]["volumeName"]
        for name in ("goes", "stays"):
            house.delete(PERSISTENT_VOLUME_CLAIM, name)
        await house.settle()
        assert house.names(VOLUME, "") == [kept]
        assert house.get(VOLUME, kept, "")["status"]["phase"] == "Released"

    play(scenario)


def test_a_claim_in_use_goes_only_after_its_last_pod(play):
    async def scenario(house):
        await house.start(ready=True)
        house.create(PERSISTENT_VOLUME_CLAIM, "data", claim_spec())
        house.create(POD, "user", user_of("data"))
        await house.settle()
        house.delete(PERSISTENT_VOLUME_CLAIM, "data")
        await house.settle()
        assert "deletionTimestamp" in house.get(PERSISTENT_VOLUME_CLAIM, "data")["metadata"]
        house.delete(POD, "user")
        await house.settle()
        assert house.names(PERSISTENT_VOLUME_CLAIM) == []
        assert house.names(VOLUME, "") == []

    play(scenario)


def test_a_claim_of_no_class_takes_the_smallest_volume_that_will_do(play):
    async def scenario(house):
        await house.start()
        for name, size in (("small", "1Gi"), ("middle", "5Gi"), ("large", "50Gi")):
            spec = {"capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}}
            house.create(VOLUME, name, {**spec, "persistentVolumeReclaimPolicy": "Retain"})
        await house.settle()
        assert house.get(VOLUME, "small", "")["status"]["phase"] == "Available"
        house.create(PERSISTENT_VOLUME_CLAIM, "data", claim_spec("2Gi", storageClassName=""))
        await house.settle()
        assert house.get(PERSISTENT_VOLUME_CLAIM, "data")["spec"]["volumeName"] == "middle"
        assert house.get(PERSISTENT_VOLUME_CLAIM, "data")["status"]["capacity"] == {"storage": "5Gi"}

    play(scenario)


def test_a_claim_waits_for_a_class_that_is_not_there_yet_and_its_pod_with_it(play):
    async def scenario(house):
        await house.start(ready=True)
        house.create(PERSISTENT_VOLUME_CLAIM, "data", claim_spec(storageClassName="fast"))
        house.create(POD, "user", user_of("data"))
        await house.settle()
        assert house.get(PERSISTENT_VOLUME_CLAIM, "data")["status"]["phase"] == "Pending"
        assert house.events("data") == [
            ("Warning", "ProvisioningFailed", 'storageclass.storage.k8s.io "fast" not found')
        ]
        assert "unbound immediate PersistentVolumeClaims" in house.events("user")[0][2]
        house.registry.create(
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {"name": "fast"},
                "provisioner": "sandbox.kubedirector.hpe.com/directory",
            }
        )
        await house.settle()
        assert house.get(PERSISTENT_VOLUME_CLAIM, "data")["status"]["phase"] == "Bound"
        assert house.get(POD, "user")["status"]["phase"] == "Running"

    play(scenario)
