"""What a cluster cannot change while it runs (2.3.7): each rule in one place, for admission and for *resolve*.

What the last accepted spec says is compared with what the new one says, both as they mean it: a manifest that is
applied again is no change, whichever defaults were filled in when it was stored (W-10).

Layer: pure.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from kdlib.errors import Problem, RefusedError
from kdlib.frozen import Json
from kdlib.model import ClusterRole, ClusterSpec, ClusterStatus, KdSecret, RoleStatus, parsed
from kdlib.rules.meaning import role_meaning
from kdlib.rules.rollable import ROLLABLE, rolled_fields, rolled_form
from kdlib.wire import Ref

__all__ = [
    "AcceptedRole",
    "accepted_form",
    "accepted_now",
    "accepted_roles",
    "corrected_roles",
    "kept_app",
    "kept_catalog",
    "kept_roles",
    "readable_acceptance",
    "removed_roles_stay_away",
    "roles_in_force",
    "with_accepted_keys",
]


_FOR_GOOD = frozenset({"storage", "blockStorage"})
_FREE = frozenset({"members", "podDisruptionBudget", "secretKeys"})
"""What is no part of a pod: it changes at any time."""
_ROLLED = frozenset(ROLLABLE.values())


@dataclass(frozen=True, slots=True)
class AcceptedRole:
    """A role as it was accepted, with the default secret and storage class that it was accepted with.

    `was_set_up` is False as long as none of its members ever was configured.
    """

    role: ClusterRole
    default_secret: KdSecret | None = None
    was_set_up: bool = True

    @property
    def secret(self) -> KdSecret | None:
        """Return the Secret that the role's members mount."""
        return self.role.secret or self.default_secret

    def in_force(self, written: ClusterRole) -> ClusterRole:
        """Return the role as accepted, with the member count, the budget and the secret keys that are asked for now.

        A role that never was set up is as it is written, but for its volumes; any other one takes what can be rolled
        out to its members.
        """
        if not self.was_set_up:
            return written.changed(storage=self.role.storage, block_storage=self.role.block_storage)
        free = {"pod_disruption_budget": written.pod_disruption_budget, "secret_keys": written.secret_keys}
        rolled = rolled_fields(written, self.role)
        return self.role.changed(members=written.members, secret=self.secret, **free, **rolled)


def kept_app(spec: ClusterSpec, app: str) -> Iterator[Problem]:
    """CL-V-40: a cluster of which nobody knows yet what it runs keeps its app."""
    if spec.app != app:
        what = f"the cluster runs app {app!r}, and cannot change to {spec.app!r}"
        yield Problem("spec.app", what, f"set it back to {app!r}, or make a new cluster", "CL-V-40")


def kept_catalog(spec: ClusterSpec, catalog: str | None) -> Iterator[Problem]:
    """CL-V-41: a cluster keeps its catalog; one that is left open is the one that the app was found in."""
    if catalog and spec.app_catalog not in (None, catalog):
        what = f"the cluster's app is of catalog {catalog!r}, and cannot change to {spec.app_catalog!r}"
        yield Problem("spec.appCatalog", what, f"set it back to {catalog!r}, or make a new cluster", "CL-V-41")


def removed_roles_stay_away(spec: ClusterSpec, old: ClusterSpec, status: ClusterStatus) -> Iterator[Problem]:
    """CL-V-42: a role that was removed comes back when its last member is gone."""
    leaving = {role.id for role in status.roles} - {role.id for role in old.roles}
    for index, role in enumerate(spec.roles):
        if role.id in leaving:
            what = f"the members of role {role.id!r} are still being removed"
            yield Problem(f"spec.roles[{index}]", what, "add the role again when they are gone", "CL-V-42")


def kept_roles(
    spec: ClusterSpec, accepted: Mapping[str, AcceptedRole], default_class: str | None = None
) -> Iterator[Problem]:
    """CL-V-43: a role that has members, or had some that are not gone yet, changes only what can reach them.

    That is what is no part of a pod (count, secret keys; W-38), and what `ROLLABLE` lists (W-32). A role of which no
    member ever was set up takes corrections of all but its volumes, which no StatefulSet can change: who mends a
    mistake goes on without deleting anything.
    `default_class` is the storage class that a role without one has got.
    """
    for index, role in enumerate(spec.roles):
        known = accepted.get(role.id)
        if known:
            for field in _changed_fields(role, known, spec.default_secret, default_class):
                if field in _ROLLED or not (known.was_set_up or field in _FOR_GOOD):
                    continue
                what = f"cannot change while role {role.id!r} has members"
                remedy = "set it back; or set members to 0 or remove the role, and change it when its members are gone"
                yield Problem(f"spec.roles[{index}].{field}", what, remedy, "CL-V-43")


def corrected_roles(spec: ClusterSpec, accepted: Mapping[str, AcceptedRole], default_class: str | None) -> set[str]:
    """Return the ids of the accepted roles that the spec has in another form, which they may take."""
    return {
        role.id
        for role in spec.roles
        if (known := accepted.get(role.id)) is not None
        and not known.was_set_up
        and _changed_fields(role, known, spec.default_secret, default_class)
    }


def roles_in_force(spec: ClusterSpec, accepted: Mapping[str, AcceptedRole]) -> ClusterSpec:
    """Return the spec, whose defaults are filled in, with every accepted role as it was accepted."""
    known = ((role, accepted.get(role.id)) for role in spec.roles)
    return spec.changed(roles=tuple(item.in_force(role) if item else role for role, item in known))


def accepted_roles(status: ClusterStatus, old: ClusterSpec | None = None) -> dict[str, AcceptedRole]:
    """Return the accepted form of each role that the status knows, by its id.

    It stands in the status; a role that an earlier release accepted is taken from the old spec, if there is one.
    """
    written = {role.id: role for role in old.roles} if old else {}
    found: dict[str, AcceptedRole] = {}
    for entry in status.roles:
        recorded = _recorded(entry)
        if recorded:
            found[entry.id] = recorded
        elif old and entry.id in written:
            found[entry.id] = AcceptedRole(written[entry.id], old.default_secret, entry.was_set_up)
    return found


def accepted_form(role: ClusterRole, default_secret: KdSecret | None) -> Json:
    """Return what the status records of a role, defaults filled in, once it has an entry there.

    That is all that its pods and volumes are made of, and never a clear secret.
    """
    inherited = default_secret is not None and role.secret == default_secret
    lasting = role.without("members", "pod_disruption_budget")
    form = _with_keys((lasting.without("secret") if inherited else lasting).dumped(), role)
    return {"role": form, "defaultSecret": default_secret.dumped()} if inherited and default_secret else {"role": form}


def with_accepted_keys(accepted: Json, role: ClusterRole) -> Json:
    """Return what the status records of a role with the secret keys of now: they change at any time."""
    before = accepted.get("role") or {}
    now = _with_keys({key: value for key, value in before.items() if key != "secretKeys"}, role)
    return accepted if now == before else {**accepted, "role": now}


def _with_keys(form: Json, role: ClusterRole) -> Json:
    """Return the form with the role's secret keys, never with a clear value."""
    keys = [{key: value for key, value in item.dumped().items() if key != "value"} for item in role.secret_keys]
    return {**form, "secretKeys": keys} if keys else form


def accepted_now(entry: RoleStatus, role: ClusterRole, default_secret: KdSecret | None) -> tuple[Json, bool]:
    """Return what the status is to record of a role in force, and whether that has to be rolled out to its members.

    It stays from the first member on that was set up, but for what can be rolled out.
    """
    known = _recorded(entry) if entry.was_set_up else None
    if known is None or entry.accepted is None:
        return accepted_form(role, default_secret), False
    rolled = rolled_fields(role, known.role)
    return (rolled_form(entry.accepted, role, rolled), True) if rolled else (entry.accepted, False)


def readable_acceptance(status: ClusterStatus, ref: Ref) -> Iterator[Problem]:
    """CL-X-76: what was accepted of a role that was set up can be read; else any change of it would pass unseen."""
    for index, entry in enumerate(status.roles):
        try:
            if entry.was_set_up:
                _read(entry)
        except RefusedError as error:
            path = f"status.roles[{index}].accepted"
            told = "; ".join(f"{problem.path}: {problem.what}" for problem in error.problems[:1])
            patch = f'[{{"op": "remove", "path": "/status/roles/{index}/accepted"}}]'
            command = (
                f"kubectl patch kdcluster {ref.name} -n {ref.namespace} --subresource status --type json -p '{patch}'"
            )
            what = f"what was accepted of role {entry.id!r} cannot be read: {told}"
            yield Problem(
                path, what, f"bring it back; or accept role {entry.id!r} as the spec has it now: {command}", "CL-X-76"
            )


def _recorded(entry: RoleStatus) -> AcceptedRole | None:
    """Read what the status records of a role; what cannot be read counts as not recorded."""
    try:
        return _read(entry)
    except RefusedError:
        return None


def _read(entry: RoleStatus) -> AcceptedRole | None:
    """Read what the status records of a role, None where it records nothing; raises RefusedError."""
    if not entry.accepted:
        return None
    secret = entry.accepted.get("defaultSecret")
    role = parsed(ClusterRole, entry.accepted.get("role"))
    return AcceptedRole(role, parsed(KdSecret, secret) if secret else None, entry.was_set_up)


def _changed_fields(
    role: ClusterRole, known: AcceptedRole, default_secret: KdSecret | None, default_class: str | None
) -> Iterable[str]:
    new, old = role_meaning(role), role_meaning(known.role)
    if _same_secret(role, known, default_secret):
        new, old = ({key: item for key, item in side.items() if key != "secret"} for side in (new, old))
    if "storage" in new and "storage" in old and _same_class(new["storage"], old["storage"], default_class):
        new, old = ({**side, "storage": _without_class(side["storage"])} for side in (new, old))
    return sorted(key for key in {*new, *old} - _FREE if new.get(key) != old.get(key))


def _same_secret(role: ClusterRole, known: AcceptedRole, default_secret: KdSecret | None) -> bool:
    """Tell whether the role mounts what it mounted; a changed default secret is for roles made later (1.2)."""
    if role.secret is None and known.role.secret is None:
        return True
    return (role.secret or default_secret) == known.secret


def _same_class(new: Json, old: Json, default_class: str | None) -> bool:
    """Tell whether the volumes are of the class that they were of; who names none asks for no other."""
    wanted, given = new.get("storageClassName"), old.get("storageClassName")
    return wanted is None or wanted == (given or default_class)


def _without_class(storage: Json) -> Json:
    return {key: item for key, item in storage.items() if key != "storageClassName"}
