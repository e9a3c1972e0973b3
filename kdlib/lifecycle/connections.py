"""What the connections of a cluster amount to, and telling members when that changes (specification 3.12, 3.16).

Layer: pure.
"""

import hashlib
from collections.abc import Iterable, Mapping

from kdlib.frozen import dig, short_digest
from kdlib.lifecycle.announcements import known_generation
from kdlib.lifecycle.circumstances import Circumstances, reconnects
from kdlib.model import (
    ClusterStatus,
    ConnectionStatus,
    MemberState,
    MemberStatus,
    PendingNotify,
    Resolved,
    StateDetail,
)
from kdlib.names import ANNOTATION_CONNECTION_VERSION

__all__ = ["connection_hash", "counted", "with_reconnects", "without_unread"]

RECONNECT = ("--reconnect",)


def connection_hash(versions: Iterable[ConnectionStatus]) -> str:
    """Return the MD5 of all that is there, in the spec's order; without connections that of the empty string (3.16).

    A Secret counts by its resource version, so nothing can be guessed from it.
    """
    text = "".join(f"{item.kind}/{item.name}={item.version}\n" for item in versions if item.version is not None)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def counted(
    status: ClusterStatus, resolved: Resolved, versions: tuple[ConnectionStatus, ...]
) -> tuple[ClusterStatus, bool]:
    """Record what the connections are now; tell whether that is a change to count (3.3, step 10).

    At creation nothing is counted. A cluster of a release that knew no connections was connected to nothing.
    """
    stored = resolved.status
    has_members = any(role.members for role in stored.roles)
    before = stored.last_connection_hash or (connection_hash(()) if has_members else None)
    now, version = connection_hash(versions), _version(resolved)
    changes = before is not None and before != now
    found: ClusterStatus = status.changed(
        last_connection_hash=now,
        connection_version=version + changes,
        connections=versions or None,
    )
    return found, changes


def with_reconnects(status: ClusterStatus, around: Mapping[str, Circumstances], *, changes: bool) -> ClusterStatus:
    """Queue `--reconnect` for every member that the change concerns, and record which version each one knows."""
    roles = tuple(
        role.changed(members=tuple(_told(member, around[role.id], status, changes=changes) for member in role.members))
        if role.id in around
        else role
        for role in status.roles
    )
    found: ClusterStatus = status.changed(roles=roles)
    return found


def without_unread(status: ClusterStatus, resolved: Resolved) -> ClusterStatus:
    """Record that members are told nothing of what cannot be read now, before a configmeta without it goes out.

    That is no change to count. That it can be read again is one: those that were told nothing hear of it then.
    """
    unread = {(item.ref.kind.name, item.ref.name) for item in resolved.connections if not item.is_known}
    if not unread:
        return status
    found = status.connections or ()
    known = tuple(item.changed(version=None) if (item.kind, item.name) in unread else item for item in found)
    changed: ClusterStatus = status.changed(connections=known or None, last_connection_hash=connection_hash(known))
    return changed


def _version(resolved: Resolved) -> int:
    """Return the stored version; a cluster that another operator made has it in an annotation."""
    if resolved.status.connection_version is not None:
        return resolved.status.connection_version
    text = str(dig(resolved.seen.root, "metadata", "annotations", ANNOTATION_CONNECTION_VERSION, default=""))
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 10 else 0


def _told(member: MemberStatus, around: Circumstances, status: ClusterStatus, *, changes: bool) -> MemberStatus:
    detail = member.state_detail
    if reconnects(around.role, around.resolved.app):
        knows, left_behind = known_generation(member), _was_left_behind(detail, around, status)
        if knows is not None and ((changes and around.generation > knows) or left_behind):
            detail = _queued(member, around.generation, status)
    has_to_hear = any(entry.arguments == RECONNECT for entry in detail.pending_notify_cmds or ())
    if member.state in (MemberState.CREATING, MemberState.CONFIGURED) and not has_to_hear:
        detail = detail.changed(last_connection_version=status.connection_version)
    changed: MemberStatus = member.changed(state_detail=detail)
    return member if detail == member.state_detail else changed


def _was_left_behind(detail: StateDetail, around: Circumstances, status: ClusterStatus) -> bool:
    """Tell whether another operator counted a change that it told the member nothing of."""
    is_taken_over = around.resolved.status.connection_version is None
    known, version = detail.last_connection_version, status.connection_version or 0
    return is_taken_over and known is not None and known < version


def _queued(member: MemberStatus, generation: int, status: ClusterStatus) -> StateDetail:
    """Put the event into the queue; it takes the place of one that cannot have been started in this container yet."""
    queue = member.state_detail.pending_notify_cmds or ()
    name = short_digest("reconnect", generation, status.last_connection_hash, length=10)
    entry = PendingNotify(arguments=RECONNECT, change=f"reconnect-{name}", generation=generation)
    at_work = member.state is MemberState.CONFIGURED
    waiting = (
        index
        for index, item in enumerate(queue)
        if item.arguments == RECONNECT and not (at_work and index == 0 and item.exit_code is None)
    )
    place = next(waiting, None)
    queue = (*queue, entry) if place is None else (*queue[:place], entry, *queue[place + 1 :])
    changed: StateDetail = member.state_detail.changed(pending_notify_cmds=queue)
    return changed
