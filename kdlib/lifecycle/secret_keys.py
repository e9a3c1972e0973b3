"""Secret keys of roles: when members are to be told them again, and what the status records of them (W-38).

Nothing here holds a clear value for longer than a comparison.

Layer: pure.
"""

from kdlib.frozen import dig
from kdlib.model import Resolved, RoleStatus
from kdlib.rules import keys_seen, tells_other_keys, unread_keys, with_accepted_keys

__all__ = ["tells_keys", "with_keys"]


def tells_keys(resolved: Resolved) -> bool:
    """Tell whether this pass changes what configmeta says of secret keys, for roles that members were told of."""
    known = {entry.id: entry for entry in resolved.status.roles}
    keyring = keys_seen(resolved.seen)
    return any(
        tells_other_keys(role.spec, known[role.id].accepted, known[role.id].unreadable_secret_keys or (), keyring)
        for role in resolved.roles
        if role.spec and role.id in known
    )


def with_keys(entry: RoleStatus, resolved: Resolved) -> RoleStatus:
    """Record the secret keys that are in force, and the names of those that cannot be read."""
    role = resolved.spec.role(entry.id)
    if role is None or entry.accepted is None or not (role.secret_keys or dig(entry.accepted, "role", "secretKeys")):
        return entry
    unread = unread_keys(role, keys_seen(resolved.seen))
    changed: RoleStatus = entry.changed(
        accepted=with_accepted_keys(entry.accepted, role), unreadable_secret_keys=unread or None
    )
    return changed
