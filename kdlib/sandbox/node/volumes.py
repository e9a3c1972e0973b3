"""A pod's volumes: made, filled, filled anew when their sources change, and mounted into its containers.

Sources: https://kubernetes.io/docs/concepts/storage/volumes/ and .../persistent-volumes/. Folders of the machine
(hostPath) are refused: nothing of the user's is in reach of a pod.

Layer: shell.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from kdlib.errors import KubeDirectorError, NotFoundError
from kdlib.frozen import Json, dig
from kdlib.sandbox.node.environment import ConfigurationError, Sources, expand
from kdlib.sandbox.node.keeper_link import Keeper
from kdlib.sandbox.node.payloads import PAYLOADS, File, TokenSource, payload
from kdlib.sandbox.node.ports import PERSISTENT_VOLUME, Registry
from kdlib.sandbox.node.publishing import publish
from kdlib.wire import PERSISTENT_VOLUME_CLAIM, Quantity

__all__ = ["PodVolumes", "VolumeError", "claim_folder"]

_POD_FILES = {"/etc/hostname": "etc/hostname", "/etc/hosts": "etc/hosts", "/etc/resolv.conf": "etc/resolv.conf"}
_SHARED_MEMORY = {"/dev/shm": "shm"}  # noqa: S108 - the pod's own, not the machine's
_TERMINATION_LOG = "/dev/termination-log"


class VolumeError(KubeDirectorError):
    """A volume cannot be mounted now; the message says why, in a kubelet's words."""


@dataclass(frozen=True)
class _Volume:
    path: str
    """In the node's tree."""
    read_only: bool = False


class PodVolumes:
    """The volumes of one pod, whose folder in the node's tree is open as `folder`."""

    def __init__(self, keeper: Keeper, registry: Registry, pod: str, folder: int) -> None:
        self._keeper = keeper
        self._registry = registry
        self._pod = pod
        self._folder = folder
        self._volumes: dict[str, _Volume] = {}
        self._published: dict[str, dict[str, File]] = {}
        self._version = 0

    async def prepare(self, sources: Sources, token: TokenSource) -> None:
        """Make every volume that is not there yet.

        Raises: VolumeError for the first one that cannot be made; a later call goes on from there.
        """
        for volume in sources.pod["spec"].get("volumes") or ():
            name = volume["name"]
            if name in self._volumes:
                continue
            try:
                self._volumes[name] = await self._make(volume, sources, token)
            except (ConfigurationError, OSError) as error:
                raise VolumeError(f'MountVolume.SetUp failed for volume "{name}" : {error}') from error

    def refresh(self, sources: Sources, token: TokenSource) -> None:
        """Fill the computed volumes anew where their files would differ; a source that is gone changes nothing."""
        for volume in sources.pod["spec"].get("volumes") or ():
            if volume["name"] in self._published:
                try:
                    self._publish(volume["name"], payload(volume, sources, token))
                except ConfigurationError:
                    continue

    def mounts(self, container: Json, values: Mapping[str, str], termination_log: str) -> list[Json]:
        """Return what to mount into a container, outer folders first; `values` is its environment.

        `termination_log` is the path in the pod's folder of the file for the container's last words.
        """
        entries = [self._mount(each, values) for each in container.get("volumeMounts") or ()]
        entries += [self._device(each) for each in container.get("volumeDevices") or ()]
        taken = {os.path.normpath(each["target"]) for each in entries}
        last_words = container.get("terminationMessagePath") or _TERMINATION_LOG
        for target, path in {**_POD_FILES, **_SHARED_MEMORY, last_words: termination_log}.items():
            if target not in taken:
                entries.append(_entry(f"/pods/{self._pod}/{path}", target, read_only=False))
        return sorted(entries, key=lambda each: len(os.path.normpath(each["target"]).split("/")))

    async def _make(self, volume: Json, sources: Sources, token: TokenSource) -> _Volume:
        name = volume["name"]
        if "emptyDir" in volume:
            return _Volume(await self._empty(name, volume["emptyDir"] or {}))
        if any(each in volume for each in PAYLOADS):
            files = payload(volume, sources, token)
            path = await self._empty(name, {}, mode=0o755)
            self._publish(name, files)
            return _Volume(path, read_only=True)
        claim = _claim_name(volume, sources.pod)
        if claim:
            read_only = bool(dig(volume, "persistentVolumeClaim", "readOnly"))
            return _Volume(await self._claim(claim, sources.pod["metadata"]["namespace"]), read_only)
        kind = next((key for key in volume if key != "name"), "none")
        raise ConfigurationError(f"{kind} volumes are refused by the sandbox: pods reach nothing of the machine")

    async def _empty(self, name: str, source: Json, mode: int = 0o777) -> str:
        limit = source.get("sizeLimit") if source.get("medium") == "Memory" else None
        size = int(Quantity.parse(limit).value) if limit else 0
        wanted = {"pod": self._pod, "name": name, "bytes": size, "mode": mode}
        path, _ = await self._keeper.call("volume", wanted)
        return str(path)

    async def _claim(self, name: str, namespace: str) -> str:
        try:
            claim = self._registry.get(PERSISTENT_VOLUME_CLAIM, namespace, name)
        except NotFoundError as error:
            raise ConfigurationError(f'persistentvolumeclaim "{name}" not found') from error
        volume_name = claim["spec"].get("volumeName")
        if not volume_name:
            raise ConfigurationError(f'persistentvolumeclaim "{name}" is not bound')
        try:
            volume = self._registry.get(PERSISTENT_VOLUME, "", volume_name)
        except NotFoundError as error:
            raise ConfigurationError(f'persistentvolume "{volume_name}" not found') from error
        size = dig(volume, "spec", "capacity", "storage", default="0")
        wanted = {
            "name": claim_folder(volume),
            "block": claim["spec"].get("volumeMode") == "Block",
            "bytes": int(Quantity.parse(size).value),
        }
        path, _ = await self._keeper.call("claim", wanted)
        return str(path)

    def _publish(self, name: str, files: dict[str, File]) -> None:
        if self._published.get(name) == files:
            return
        self._version += 1
        volume = os.open(f"volumes/{name}", os.O_RDONLY | os.O_DIRECTORY, dir_fd=self._folder)
        try:
            publish(volume, files, self._version)
        finally:
            os.close(volume)
        self._published[name] = files

    def _mount(self, mount: Json, values: Mapping[str, str]) -> Json:
        volume = self._volume(mount["name"])
        sub_path = mount.get("subPath") or expand(mount.get("subPathExpr") or "", values)
        read_only = volume.read_only or bool(mount.get("readOnly"))
        return _entry(volume.path, mount["mountPath"], read_only=read_only, sub_path=sub_path)

    def _device(self, device: Json) -> Json:
        volume = self._volume(device["name"])
        return _entry(volume.path, device["devicePath"], read_only=volume.read_only)

    def _volume(self, name: str) -> _Volume:
        if name not in self._volumes:
            raise ConfigurationError(f'volume "{name}" is not there')
        return self._volumes[name]


def claim_folder(volume: Json) -> str:
    """Return the name of the folder in which a PersistentVolume's content lies."""
    handle = dig(volume, "spec", "csi", "volumeHandle") or volume["metadata"]["name"]
    return str(handle).replace("/", "_")


def _claim_name(volume: Json, pod: Json) -> str:
    if "persistentVolumeClaim" in volume:
        return str(volume["persistentVolumeClaim"]["claimName"])
    if "ephemeral" in volume:
        return f"{pod['metadata']['name']}-{volume['name']}"
    return ""


def _entry(source: str, target: str, *, read_only: bool, sub_path: str = "") -> Json:
    return {"source": source, "target": target, "read_only": read_only, "sub_path": sub_path}
