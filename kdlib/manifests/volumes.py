"""Volumes of a member and where they are mounted (4.4.2, 4.4.3; rules KO-09, KO-11).

Layer: pure.
"""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from kdlib.frozen import Json, short_digest
from kdlib.model import (
    MEMORY_DIRECTORIES,
    SHARED_MEMORY,
    ClusterRole,
    KdSecret,
    Resolved,
    ResolvedRole,
    VolumeProjection,
)
from kdlib.names import is_dns_label, munged
from kdlib.rules import persistent_directories

__all__ = ["BLOCK_CLAIM", "FILE_CLAIM", "block_devices", "claim_templates", "volume_mounts", "volumes"]

FILE_CLAIM = "p"
BLOCK_CLAIM = "b"
"""Names of the claim templates: the claims of a pod are `p-<pod>`, and `b0-<pod>` and so on."""

_MEMORY_LIMIT = "20Gi"
_CGROUPS = (("cgroupfs", "/sys/fs/cgroup", True), ("systemd", "/sys/fs/cgroup/systemd", False))


@dataclass(frozen=True, slots=True)
class _Mounted:
    """One volume of the pod, if it is no claim template, with its mount."""

    mount: Json
    volume: Json | None = None


def volumes(resolved: Resolved, role: ResolvedRole, spec: ClusterRole) -> list[Json]:
    """Return the pod's volumes; the claims come from the templates of the StatefulSet."""
    return [item.volume for item in _mounted(resolved, role, spec) if item.volume]


def volume_mounts(resolved: Resolved, role: ResolvedRole, spec: ClusterRole) -> list[Json]:
    """Return the mounts of container `app`."""
    return [item.mount for item in _mounted(resolved, role, spec)]


def _mounted(resolved: Resolved, role: ResolvedRole, spec: ClusterRole) -> list[_Mounted]:
    """Return the volumes in the order of 4.4.2, one for each path: no pod may mount two at one path.

    What the user or the app asks for goes before the directories in memory that every member has.
    """
    found = list(_all_mounted(resolved, role, spec))
    memory = {_in_memory(path) for path in MEMORY_DIRECTORIES}
    asked = [item for item in found if item.mount["name"] not in memory]
    taken: dict[str, _Mounted] = {}
    for item in [*asked, *found]:
        taken.setdefault(posixpath.normpath(item.mount["mountPath"]), item)
    return [item for item in found if taken[posixpath.normpath(item.mount["mountPath"])] is item]


def _all_mounted(resolved: Resolved, role: ResolvedRole, spec: ClusterRole) -> Iterator[_Mounted]:
    if spec.storage:
        for path in persistent_directories(role.app):
            yield _Mounted({"mountPath": path, "name": FILE_CLAIM, "subPath": path.lstrip("/")})
    for path in MEMORY_DIRECTORIES:
        yield _memory(_in_memory(path), path, _MEMORY_LIMIT)
    if spec.secret:
        yield _secret(spec.secret)
    for index, projection in enumerate(spec.volume_projections):
        yield _projection(index, projection)
    if spec.shared_memory is not None:
        yield _memory("shmem", SHARED_MEMORY, spec.shared_memory)
    if resolved.app.systemd_required and not resolved.reserved.native_systemd_support:
        yield from _cgroups()


def _cgroups() -> Iterator[_Mounted]:
    for name, path, read_only in _CGROUPS:
        mount = {"mountPath": path, "name": name}
        yield _Mounted(_read_only(mount) if read_only else mount, {"name": name, "hostPath": {"path": path}})


def _in_memory(path: str) -> str:
    """Return the name of the volume of a directory in memory."""
    return f"tmpfs{path.replace('/', '-')}"


def _memory(name: str, path: str, size: str) -> _Mounted:
    volume = {"name": name, "emptyDir": {"medium": "Memory", "sizeLimit": size}}
    return _Mounted({"mountPath": path, "name": name}, volume)


def _secret(secret: KdSecret) -> _Mounted:
    name = _volume_name(f"secret-vol-{secret.name}")
    source: Json = {"secretName": secret.name}
    if secret.default_mode is not None:
        source["defaultMode"] = secret.default_mode
    mount = {"mountPath": secret.mount_path, "name": name}
    return _Mounted(_read_only(mount) if secret.read_only else mount, {"name": name, "secret": source})


def _volume_name(wanted: str) -> str:
    """Return the name, or where a volume cannot have it (dots, too long: W-32), one made from it."""
    return wanted if is_dns_label(wanted) else f"{munged(wanted)}-{short_digest(wanted)}"


def _projection(index: int, projection: VolumeProjection) -> _Mounted:
    name = f"projected-vol-{index}"
    claim = {"claimName": projection.pvc_name}
    mount = {"mountPath": projection.mount_path, "name": name}
    if projection.read_only:
        return _Mounted(_read_only(mount), {"name": name, "persistentVolumeClaim": _read_only(claim)})
    return _Mounted(mount, {"name": name, "persistentVolumeClaim": claim})


def _read_only(part: Json) -> Json:
    return {**part, "readOnly": True}


def block_devices(spec: ClusterRole) -> list[Json]:
    """Return the raw block devices of container `app`: `<pathPrefix>0` and so on."""
    storage = spec.block_storage
    if not storage:
        return []
    return [
        {"devicePath": f"{storage.path_prefix}{index}", "name": f"{BLOCK_CLAIM}{index}"}
        for index in range(storage.num_devices)
    ]


def claim_templates(spec: ClusterRole) -> list[Json]:
    """Return the claim templates of the StatefulSet: `p`, then one for each block device (KO-11)."""
    templates = []
    if spec.storage:
        templates.append(_claim(FILE_CLAIM, spec.storage.size, spec.storage.storage_class_name))
    if spec.block_storage:
        size, storage_class = spec.block_storage.size or "1Gi", spec.block_storage.storage_class_name
        for index in range(spec.block_storage.num_devices):
            template = _claim(f"{BLOCK_CLAIM}{index}", size, storage_class)
            template["spec"]["volumeMode"] = "Block"
            templates.append(template)
    return templates


def _claim(name: str, size: str, storage_class: str | None) -> Json:
    spec: Json = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    if storage_class:
        spec["storageClassName"] = storage_class
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}
