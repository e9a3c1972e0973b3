"""Claims and volumes: which volume a claim may take, and how both look once bound.

Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding.

Layer: pure.
"""

from collections.abc import Iterable

from kdlib.frozen import Json, dig
from kdlib.sandbox.controllers.pods import is_terminating
from kdlib.wire import Quantity, from_label_selector

__all__ = [
    "CLAIM_FINALIZER",
    "DEFAULT_CLASS",
    "PROVISIONER",
    "VOLUME_FINALIZER",
    "admitted_claim",
    "bound_claim",
    "claimed_volume",
    "default_class",
    "fitting",
    "protected_volume",
    "provisioned",
    "refers_to",
]

PROVISIONER = "sandbox.kubedirector.hpe.com/directory"
"""Makes a directory of the node for each volume, named by `spec.csi.volumeHandle`."""
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
CLAIM_FINALIZER = "kubernetes.io/pvc-protection"
VOLUME_FINALIZER = "kubernetes.io/pv-protection"

_BOUND = {"pv.kubernetes.io/bind-completed": "yes", "pv.kubernetes.io/bound-by-controller": "yes"}


def default_class(classes: Iterable[Json]) -> str:
    """Return the name of the default class, the newest where several say so; empty for none."""
    marked = [each for each in classes if dig(each, "metadata", "annotations", DEFAULT_CLASS) == "true"]
    marked.sort(key=lambda each: (each["metadata"].get("creationTimestamp", ""), each["metadata"]["name"]))
    return str(marked[-1]["metadata"]["name"]) if marked else ""


def admitted_claim(claim: Json, classes: Iterable[Json]) -> Json:
    """Return a new claim with the default class where it names none, and protected while in use."""
    metadata = dict(claim["metadata"])
    metadata["finalizers"] = sorted({*(metadata.get("finalizers") or ()), CLAIM_FINALIZER})
    spec = claim["spec"]
    if spec.get("storageClassName") is None and (name := default_class(classes)):
        spec = {**spec, "storageClassName": name}
    return {**claim, "metadata": metadata, "spec": spec}


def protected_volume(volume: Json) -> Json:
    """Return a new volume, protected while a claim holds it."""
    finalizers = sorted({*(volume["metadata"].get("finalizers") or ()), VOLUME_FINALIZER})
    return {**volume, "metadata": {**volume["metadata"], "finalizers": finalizers}}


def refers_to(volume: Json, claim: Json) -> bool:
    """Tell whether the volume is reserved for this claim, by name, and by UID where it has one."""
    reference = dig(volume, "spec", "claimRef", default={})
    metadata = claim["metadata"]
    named = (reference.get("namespace"), reference.get("name")) == (metadata["namespace"], metadata["name"])
    return named and reference.get("uid") in (None, "", metadata["uid"])


def fitting(claim: Json, volumes: Iterable[Json]) -> Json | None:
    """Choose a volume that is there: one reserved for the claim, else the smallest that will do."""
    volumes = [each for each in volumes if not is_terminating(each)]
    reserved = [each for each in volumes if refers_to(each, claim)]
    if reserved:
        return reserved[0]
    usable = [each for each in volumes if dig(each, "spec", "claimRef") is None and _will_do(claim, each)]
    return min(usable, key=lambda each: (_size(each, "capacity"), each["metadata"]["name"]), default=None)


def provisioned(claim: Json, storage_class: Json) -> Json:
    """Make the volume for a claim of a class that this cluster provisions."""
    spec, name = claim["spec"], f"pvc-{claim['metadata']['uid']}"
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": name,
            "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER},
            "finalizers": [VOLUME_FINALIZER],
        },
        "spec": {
            "accessModes": spec.get("accessModes") or [],
            "capacity": {"storage": dig(spec, "resources", "requests", "storage", default="0")},
            "claimRef": _reference(claim),
            "csi": {"driver": PROVISIONER.partition("/")[0], "volumeHandle": name},
            "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy", "Delete"),
            "storageClassName": storage_class["metadata"]["name"],
            "volumeMode": spec.get("volumeMode", "Filesystem"),
        },
    }


def claimed_volume(volume: Json, claim: Json) -> Json:
    """Return the volume, reserved for the claim."""
    return {**volume, "spec": {**volume["spec"], "claimRef": _reference(claim)}}


def bound_claim(claim: Json, volume: Json) -> Json:
    """Return the claim, naming its volume."""
    annotations = {**(claim["metadata"].get("annotations") or {}), **_BOUND}
    if dig(volume, "metadata", "annotations", "pv.kubernetes.io/provisioned-by") == PROVISIONER:
        annotations["volume.kubernetes.io/storage-provisioner"] = PROVISIONER
    return {
        **claim,
        "metadata": {**claim["metadata"], "annotations": annotations},
        "spec": {**claim["spec"], "volumeName": volume["metadata"]["name"]},
    }


def _reference(claim: Json) -> Json:
    metadata = claim["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "resourceVersion": metadata["resourceVersion"],
    }


def _will_do(claim: Json, volume: Json) -> bool:
    wanted, offered = claim["spec"], volume["spec"]
    if (wanted.get("storageClassName") or "") != (offered.get("storageClassName") or ""):
        return False
    if wanted.get("volumeMode", "Filesystem") != offered.get("volumeMode", "Filesystem"):
        return False
    if not set(wanted.get("accessModes") or ()) <= set(offered.get("accessModes") or ()):
        return False
    selector = wanted.get("selector")
    if selector and not from_label_selector(selector).matches(volume["metadata"].get("labels")):
        return False
    return _size(claim, "resources", "requests") <= _size(volume, "capacity")


def _size(obj: Json, *path: str) -> Quantity:
    return Quantity.parse(str(dig(obj, "spec", *path, "storage", default="0")))
