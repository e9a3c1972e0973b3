"""Moving a cluster that runs to another app of the same distribution (W-32): what that app must have.

Layer: pure.
"""

from collections.abc import Iterator

from kdlib.errors import Problem
from kdlib.model import AppSpec, ClusterStatus, RoleStatus
from kdlib.rules.persistence import persistent_directories

__all__ = ["moving_problems"]


def moving_problems(new: AppSpec, old: AppSpec, status: ClusterStatus, *, path: str) -> Iterator[Problem]:
    """Yield why the cluster cannot move from one app to another; both have their defaults filled in.

    `path` is the field that names the other one: `spec.app` or `spec.appCatalog`.
    """
    yield from same_distribution(new, old, path)
    for entry in status.roles:
        if entry.members:
            yield from role_stays(new, entry, path)
            yield from same_volume(new, old, entry, path)


def same_distribution(new: AppSpec, old: AppSpec, path: str) -> Iterator[Problem]:
    """CL-V-40 and CL-V-41: a cluster keeps its app, or moves to another one of the same `distroID`."""
    if new.distro_id != old.distro_id:
        what = f"that app has distroID {new.distro_id!r}, and the cluster runs one of {old.distro_id!r}"
        rule = "CL-V-40" if path == "spec.app" else "CL-V-41"
        yield Problem(path, what, "name an app of the same distroID, or make a new cluster", rule)


def role_stays(new: AppSpec, entry: RoleStatus, path: str) -> Iterator[Problem]:
    """CL-X-25 (ours): an app that a cluster moves to has every role that has members."""
    if new.role(entry.id) is None:
        what = f"that app has no role {entry.id!r}, which has members"
        yield Problem(path, what, "remove the role, and change the app when its members are gone", "CL-X-25")


def same_volume(new: AppSpec, old: AppSpec, entry: RoleStatus, path: str) -> Iterator[Problem]:
    """CL-X-26 (ours): an app that a cluster moves to keeps the same directories on the volumes that are there.

    The directories depend on `persistDirs`, on whether there is a setup package, and on its layout.
    """
    before, after = old.role(entry.id), new.role(entry.id)
    if before is None or after is None or not any(member.pvc for member in entry.members):
        return
    left, right = set(persistent_directories(before)), set(persistent_directories(after))
    if left != right:
        differing = ", ".join(sorted(left ^ right))
        what = f"that app keeps other directories of role {entry.id!r} on its volumes: {differing}"
        remedy = "name an app with the same persistDirs and the same layout, or make a new cluster"
        yield Problem(path, what, remedy, "CL-X-26")
