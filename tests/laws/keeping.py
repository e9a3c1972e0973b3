"""What a backup product does: it keeps objects without their identities, and makes them again."""

import contextlib

from kdlib.errors import AlreadyExistsError
from kdlib.frozen import copied
from kdlib.wire import (
    CONTROLLER_REVISION,
    KD_APP,
    KD_CLUSTER,
    KD_STATUS_BACKUP,
    PERSISTENT_VOLUME_CLAIM,
    SECRET,
    SERVICE,
    STATEFUL_SET,
)

ANNOTATION = "kubedirector.hpe.com/status-backup-exists"
RESTORING = "kubedirector.hpe.com/restoring"
SAVED = (KD_APP, KD_STATUS_BACKUP, SERVICE, STATEFUL_SET, PERSISTENT_VOLUME_CLAIM, CONTROLLER_REVISION, SECRET)


def stripped(obj):
    """Return the object as a backup product makes it again: no identity, no owners, no status, no finalizers."""
    kept = ("name", "namespace", "labels", "annotations")
    metadata = {key: value for key, value in obj["metadata"].items() if key in kept}
    made = copied({key: value for key, value in obj.items() if key not in ("metadata", "status")})
    if obj["kind"] == "PersistentVolumeClaim":
        made["spec"].pop("volumeName", None)
    if obj["kind"] == "Service" and obj["spec"].get("clusterIP") != "None":
        made["spec"] = {key: value for key, value in made["spec"].items() if not key.startswith("clusterIP")}
    return {**made, "metadata": metadata}


def is_of_set(obj):
    """Tell whether a StatefulSet owns the object."""
    return any(owner["kind"] == "StatefulSet" for owner in obj["metadata"].get("ownerReferences", ()))


def is_made_by_kubernetes(obj):
    """Tell whether the object comes by itself."""
    is_own = obj["metadata"]["name"] == "kubernetes"
    return is_own or (obj["kind"] == "ControllerRevision" and is_of_set(obj))


def saved(world):
    """Return what a backup product keeps of a world in process, by kind."""
    return {
        kind: [stripped(item) for item in world.registry.list(kind) if not is_made_by_kubernetes(item)]
        for kind in (*SAVED, KD_CLUSTER)
    }


async def lost(world):
    """Lose everything but the configuration."""
    world.registry.delete(KD_CLUSTER, "default", "c1")
    world.registry.delete(KD_APP, "default", "shell")
    await world.until(lambda: not world.left())


def brought_back(world, kept, *kinds):
    """Bring back objects of these kinds; what a set was faster to make is left as it is."""
    for item in (item for kind in kinds for item in kept[kind]):
        with contextlib.suppress(AlreadyExistsError):
            world.create(item)
