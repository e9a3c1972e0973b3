"""Rules for volumes, memory and mounts of a cluster's roles (specification 2.3.4 to 2.3.6).

Layer: pure.
"""

import posixpath
from collections.abc import Iterator

from kdlib.errors import Problem
from kdlib.model import MEMORY_DIRECTORIES, SHARED_MEMORY, AppRole, AppSpec, ClusterRole, Config, Reserved
from kdlib.rules.persistence import persistent_directories
from kdlib.rules.quantities import amount

__all__ = ["secret_has_prefix", "shared_memory_allowed", "volume_problems"]

_CGROUPS = ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd")


def volume_problems(role: ClusterRole, app: AppSpec | None, reserved: Reserved, path: str) -> Iterator[Problem]:
    """Yield everything wrong with the volumes of one role, whose defaults are filled in.

    `app` is None where it is not known.
    """
    yield from positive_sizes(role, path)
    yield from positive_shared_memory(role, path)
    app_role = app.role(role.id) if app else None
    if app_role:
        yield from enough_storage(role, app_role, path)
    cgroups = bool(app and app.systemd_required and not reserved.native_systemd_support)
    yield from distinct_mounts(role, path, cgroup_mounts=cgroups)
    yield from clashing_mounts(role, app_role, path, cgroup_mounts=cgroups)
    yield from clashing_devices(role, app_role, path)


def enough_storage(role: ClusterRole, app_role: AppRole, path: str) -> Iterator[Problem]:
    """CL-V-21: storage reaches the app role's `minStorage`; without any, the app must allow that."""
    if not app_role.min_storage:
        return
    least = app_role.min_storage.size
    if not role.storage:
        if not app_role.min_storage.ephemeral_mode_supported:
            what = f"role {role.id!r} needs persistent storage"
            yield Problem(f"{path}.storage", what, f"add storage of at least {least!r}", "CL-V-21")
        return
    size, minimum = amount(role.storage.size), amount(least)
    if size is not None and minimum is not None and size < minimum:
        what = f"{role.storage.size!r} is less than role {role.id!r} needs"
        yield Problem(f"{path}.storage.size", what, f"ask for at least {least!r}", "CL-V-21")


def positive_sizes(role: ClusterRole, path: str) -> Iterator[Problem]:
    """CL-V-23 and CL-V-24: the size of a volume is a quantity above 0; CL-X-05 (ours): so for block devices (W-34)."""
    if role.storage:
        yield from _positive(role.storage.size, f"{path}.storage.size", "CL-V-23", "CL-V-24")
    if role.block_storage and role.block_storage.size is not None:
        yield from _positive(role.block_storage.size, f"{path}.blockStorage.size", "CL-X-05", "CL-X-05")


def positive_shared_memory(role: ClusterRole, path: str) -> Iterator[Problem]:
    """CL-V-29 and CL-V-30: the size of the shared memory is a quantity above 0."""
    if role.shared_memory is not None:
        yield from _positive(role.shared_memory, f"{path}.sharedMemory", "CL-V-29", "CL-V-30")


def shared_memory_allowed(role: ClusterRole, config: Config | None, path: str) -> Iterator[Problem]:
    """CL-V-28: the global config does not forbid shared memory.

    Where it says nothing it is allowed: every Kubernetes version that this operator runs on has it.
    """
    forbidden = config and config.spec and config.spec.force_shared_memory_size_support is False
    if role.shared_memory is not None and forbidden:
        remedy = "remove it, or ask your administrator to change forceSharedMemorySizeSupport"
        yield Problem(f"{path}.sharedMemory", "is not allowed by the global configuration", remedy, "CL-V-28")


def secret_has_prefix(name: str, config: Config | None, path: str, rule: str) -> Iterator[Problem]:
    """CL-V-32 and CL-V-34: a mounted Secret's name starts with the prefix that the global config requires."""
    prefix = (config and config.spec and config.spec.required_secret_prefix) or ""
    if not name.startswith(prefix):
        yield Problem(path, f"{name!r} does not start with {prefix!r}", f"use a Secret named {prefix!r}...", rule)


def distinct_mounts(role: ClusterRole, path: str, *, cgroup_mounts: bool) -> Iterator[Problem]:
    """CL-V-39 (a) and (b): projected volumes have mount paths of their own, apart from those that every member has."""
    taken = dict.fromkeys(MEMORY_DIRECTORIES, "every member")
    if role.secret:
        taken[posixpath.normpath(role.secret.mount_path)] = "the secret"
    taken |= _of_the_system(role, cgroup_mounts=cgroup_mounts)
    for index, projection in enumerate(role.volume_projections):
        mount = posixpath.normpath(projection.mount_path)
        if mount in taken:
            where = f"{path}.volumeProjections[{index}].mountPath"
            yield Problem(where, f"{mount!r} is used by {taken[mount]}", "choose another path", "CL-V-39")
        taken[mount] = f"claim {projection.pvc_name!r}"


def clashing_mounts(
    role: ClusterRole, app_role: AppRole | None, path: str, *, cgroup_mounts: bool
) -> Iterator[Problem]:
    """CL-X-12 (ours): nothing is mounted where a kept directory, or the system of the member, has its place (W-34)."""
    kept = dict.fromkeys(_kept(role, app_role), "the role's persistent volume")
    places = [(f"{path}.secret.mountPath", role.secret.mount_path)] if role.secret else []
    for where, mount in places:
        taken = {**kept, **_of_the_system(role, cgroup_mounts=cgroup_mounts)}.get(posixpath.normpath(mount))
        if taken:
            yield Problem(where, f"{mount!r} is used by {taken}", "choose another path", "CL-X-12")
    for index, projection in enumerate(role.volume_projections):
        taken = kept.get(posixpath.normpath(projection.mount_path))
        if taken:
            where = f"{path}.volumeProjections[{index}].mountPath"
            yield Problem(where, f"{projection.mount_path!r} is used by {taken}", "choose another path", "CL-X-12")


def clashing_devices(role: ClusterRole, app_role: AppRole | None, path: str) -> Iterator[Problem]:
    """CL-X-18 (ours): no raw device has the path of a mount."""
    if not role.block_storage:
        return
    mounts = {*MEMORY_DIRECTORIES, *_kept(role, app_role)}
    mounts |= {item.mount_path for item in role.volume_projections}
    mounts |= {role.secret.mount_path} if role.secret else set()
    mounts |= {SHARED_MEMORY} if role.shared_memory is not None else set()
    prefix, count = role.block_storage.path_prefix, role.block_storage.num_devices
    for mount in sorted(mounts):
        number = mount.removeprefix(prefix)
        if mount.startswith(prefix) and number.isdecimal() and str(int(number[:9])) == number and int(number) < count:
            what = f"device {mount!r} has the path of a mount"
            yield Problem(f"{path}.blockStorage.pathPrefix", what, "choose another prefix", "CL-X-18")


def _kept(role: ClusterRole, app_role: AppRole | None) -> tuple[str, ...]:
    return persistent_directories(app_role) if app_role and role.storage else ()


def _of_the_system(role: ClusterRole, *, cgroup_mounts: bool) -> dict[str, str]:
    taken = {SHARED_MEMORY: "the shared memory"} if role.shared_memory is not None else {}
    return taken | (dict.fromkeys(_CGROUPS, "systemd") if cgroup_mounts else {})


def _positive(text: str, path: str, parse_rule: str, sign_rule: str) -> Iterator[Problem]:
    value = amount(text)
    if value is None:
        yield Problem(path, f"{text!r} is not a quantity", 'write a number with a unit, such as "10Gi"', parse_rule)
    elif value <= 0:
        yield Problem(path, f"{text!r} is not above 0", 'ask for more, such as "1Gi"', sign_rule)
