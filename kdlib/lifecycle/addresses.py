"""Under which names members reach one another, and whom configmeta lists.

Layer: pure.
"""

from collections.abc import Iterable

from kdlib.lifecycle.sightings import ordinal
from kdlib.model import Life, MemberState, MemberStatus, Resolved

__all__ = ["domain", "fqdn", "in_order", "listed_members"]

LISTED = frozenset({MemberState.CREATE_PENDING, MemberState.CREATING, MemberState.CONFIGURED, MemberState.CONFIG_ERROR})


def domain(resolved: Resolved) -> str:
    """Return the DNS domain of the cluster's members: `<clusterService>.<namespace><domain base>` (5.4)."""
    return f"{resolved.cluster_service}.{resolved.root.namespace}{resolved.reserved.domain_base}"


def fqdn(resolved: Resolved, pod: str) -> str:
    """Return the DNS name of the member with this pod (3.14)."""
    return f"{pod}.{domain(resolved)}"


def in_order(members: Iterable[MemberStatus]) -> list[MemberStatus]:
    """Return the members of a role by their ordinals."""
    return sorted(members, key=ordinal)


def listed_members(life: Life) -> tuple[tuple[str, MemberStatus], ...]:
    """Return role id and status of each member that configmeta lists; one that is decommissioned is there until then.

    In the order of the roles in the spec, ordinals ascending: unlike the original's order (W-31) it does not depend
    on what the members are doing, so all members read the same lists at all times.
    """
    return tuple(
        (role.id, member)
        for role in life.status.roles
        for member in in_order(role.members)
        if member.state in LISTED or member.departs
    )
