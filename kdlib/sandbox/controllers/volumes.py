"""The volume controller: gives every claim its volume, and takes the volume away with the claim.

A claim of a class that this cluster provisions gets a volume of its own at once; one without a class, or bound to a
volume by name, takes a fitting volume that somebody made.
Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/.

Layer: shell.
"""

from collections.abc import Iterator

from kdlib.errors import AlreadyExistsError
from kdlib.frozen import Json, dig
from kdlib.sandbox.controllers.binding import (
    CLAIM_FINALIZER,
    PROVISIONER,
    VOLUME_FINALIZER,
    bound_claim,
    claimed_volume,
    default_class,
    fitting,
    provisioned,
    refers_to,
)
from kdlib.sandbox.controllers.desk import Desk
from kdlib.sandbox.controllers.kinds import PERSISTENT_VOLUME, STORAGE_CLASS
from kdlib.sandbox.controllers.pods import claim_names, has_ended, is_terminating
from kdlib.wire import PERSISTENT_VOLUME_CLAIM

__all__ = ["Volumes"]

_SOURCE = "persistentvolume-controller"


class Volumes:
    """Binds claims and volumes, frees and deletes volumes, and lifts their protection when nobody uses them."""

    name = "volumes"
    watches = frozenset(
        {
            ("v1", "PersistentVolumeClaim"),
            ("v1", "PersistentVolume"),
            ("v1", "Pod"),
            ("storage.k8s.io/v1", "StorageClass"),
        }
    )

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._users: dict[tuple[str, str], dict[str, None]] = {}
        self._unbound: dict[str, None] = {}

    def keys(self, event: str, obj: Json, old: Json | None) -> Iterator[str]:
        """Yield claims as claim/namespace/name and volumes as volume//name."""
        match obj["kind"]:
            case "Pod":
                yield from self._pod_keys(event, obj)
            case "PersistentVolumeClaim":
                yield from self._claim_keys(event, obj)
            case "PersistentVolume":
                yield f"volume//{obj['metadata']['name']}"
                yield from self._claim_of(obj)
                if old is None or event == "DELETED" or not dig(obj, "spec", "claimRef"):
                    yield from self._unbound
            case _:
                yield from self._unbound

    def _claim_keys(self, event: str, claim: Json) -> Iterator[str]:
        metadata, volume = claim["metadata"], dig(claim, "spec", "volumeName")
        key = f"claim/{metadata['namespace']}/{metadata['name']}"
        if event == "DELETED" or volume:
            self._unbound.pop(key, None)
        else:
            self._unbound[key] = None
        yield key
        if volume:
            yield f"volume//{volume}"

    def sync(self, key: str) -> int:
        """Look at one claim or volume."""
        kind, namespace, name = key.split("/", 2)
        if kind == "volume":
            volume = self._desk.index.get(PERSISTENT_VOLUME, "", name)
            if volume is not None:
                self._sync_volume(volume)
            return 1
        claim = self._desk.index.get(PERSISTENT_VOLUME_CLAIM, namespace, name)
        if claim is None:
            return 0
        if is_terminating(claim):
            self._release_claim(claim)
        elif not claim["spec"].get("volumeName"):
            self._find_volume(claim)
        elif dig(claim, "status", "phase") != "Bound":
            self._complete(claim)
        return 1

    def _pod_keys(self, event: str, pod: Json) -> Iterator[str]:
        uid, namespace = pod["metadata"]["uid"], pod["metadata"]["namespace"]
        for each in claim_names(pod):
            users = self._users.setdefault((namespace, each), {})
            if event != "DELETED" and not has_ended(pod):
                users[uid] = None
                continue
            users.pop(uid, None)
            if not users:
                del self._users[(namespace, each)]
                yield f"claim/{namespace}/{each}"

    def _claim_of(self, volume: Json) -> Iterator[str]:
        reference = dig(volume, "spec", "claimRef")
        if reference:
            yield f"claim/{reference['namespace']}/{reference['name']}"

    def _release_claim(self, claim: Json) -> None:
        """Lift the protection of a claim that is to go, once no pod uses it."""
        metadata = claim["metadata"]
        finalizers = metadata.get("finalizers") or []
        if CLAIM_FINALIZER in finalizers and (metadata["namespace"], metadata["name"]) not in self._users:
            self._desk.update_metadata(claim, finalizers=[each for each in finalizers if each != CLAIM_FINALIZER])

    def _find_volume(self, claim: Json) -> None:
        found = fitting(claim, self._desk.index.all(PERSISTENT_VOLUME))
        if found is not None:
            self._bind(claim, found)
            return
        name = dig(claim, "spec", "storageClassName")
        if name is None:
            name = self._adopt_default_class(claim)
        if not name:
            text = "no persistent volumes available for this claim and no storage class is set"
            self._desk.tell(claim, _SOURCE, "FailedBinding", text)
            return
        storage_class = self._desk.index.get(STORAGE_CLASS, "", name)
        if storage_class is None:
            text = f'storageclass.storage.k8s.io "{name}" not found'
            self._desk.tell(claim, _SOURCE, "ProvisioningFailed", text, warning=True)
        elif storage_class["provisioner"] == PROVISIONER:
            self._provision(claim, storage_class)

    def _adopt_default_class(self, claim: Json) -> str:
        """Give a claim that was stored before there was a default class the one that is there now."""
        found = default_class(self._desk.index.all(STORAGE_CLASS))
        if found:
            # The commit brings the claim back here, then with its class.
            self._desk.update({**claim, "spec": {**claim["spec"], "storageClassName": found}})
        return ""

    def _provision(self, claim: Json, storage_class: Json) -> None:
        volume = provisioned(claim, storage_class)
        try:
            volume = self._desk.create(volume)
        except AlreadyExistsError:
            there = self._desk.index.get(PERSISTENT_VOLUME, "", volume["metadata"]["name"])
            if there is None or not refers_to(there, claim):
                raise
            volume = there
        text = f"Successfully provisioned volume {volume['metadata']['name']}"
        self._desk.tell(claim, _SOURCE, "ProvisioningSucceeded", text)
        self._bind(claim, volume)

    def _bind(self, claim: Json, volume: Json) -> None:
        if not refers_to(volume, claim):
            volume = self._desk.update(claimed_volume(volume, claim))
        self._set_phase(volume, "Bound")
        self._complete(self._desk.update(bound_claim(claim, volume)))

    def _complete(self, claim: Json) -> None:
        """Say in the claim's status what it is bound to, once the volume is there and agrees."""
        volume = self._desk.index.get(PERSISTENT_VOLUME, "", claim["spec"]["volumeName"])
        if volume is None:
            return
        reference = dig(volume, "spec", "claimRef")
        if reference is None or (refers_to(volume, claim) and not reference.get("uid")):
            self._bind(claim, volume)
            return
        if not refers_to(volume, claim):
            return
        status = {
            "phase": "Bound",
            "accessModes": volume["spec"].get("accessModes") or [],
            "capacity": volume["spec"].get("capacity") or {},
        }
        self._desk.update_status(claim, status)

    def _sync_volume(self, volume: Json) -> None:
        reference = dig(volume, "spec", "claimRef")
        if is_terminating(volume):
            self._unprotect(volume)
            return
        if reference is None or not reference.get("uid"):
            self._set_phase(volume, "Available")
            return
        claim = self._desk.index.get(PERSISTENT_VOLUME_CLAIM, reference["namespace"], reference["name"])
        if claim is not None and claim["metadata"]["uid"] == reference["uid"]:
            self._set_phase(volume, "Bound")
            return
        self._set_phase(volume, "Released")
        if volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
            self._desk.delete(volume)

    def _unprotect(self, volume: Json) -> None:
        reference = dig(volume, "spec", "claimRef")
        finalizers = volume["metadata"].get("finalizers") or []
        if VOLUME_FINALIZER not in finalizers:
            return
        if reference:
            claim = self._desk.index.get(PERSISTENT_VOLUME_CLAIM, reference["namespace"], reference["name"])
            if claim is not None and claim["metadata"]["uid"] == reference.get("uid"):
                return
        self._desk.update_metadata(volume, finalizers=[each for each in finalizers if each != VOLUME_FINALIZER])

    def _set_phase(self, volume: Json, phase: str) -> None:
        if dig(volume, "status", "phase") != phase:
            live = self._desk.index.by_uid(volume["metadata"]["uid"]) or volume
            self._desk.update_status(live, {**(live.get("status") or {}), "phase": phase})
