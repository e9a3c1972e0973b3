"""Auth tokens of members: one for each, made once, and made anew on request (5.5, IC-12).

Layer: pure.
"""

import hashlib

from kdlib.frozen import canonical
from kdlib.lifecycle.circumstances import Circumstances
from kdlib.lifecycle.membership import LEAVING
from kdlib.lifecycle.retries import ROTATE_TOKENS, asked, handled
from kdlib.model import MemberStatus, Resolved, ResolvedRole

__all__ = ["rotates_token", "with_token"]


def rotates_token(member: MemberStatus, around: Circumstances) -> bool:
    """Tell whether this pass makes a new token for a member that has one: it is told to all members then.

    The answer is the same before and after the member's transitions of this pass, and no where no token is needed: a
    request that is never handled would be told to all members again and again.
    """
    stored = around.stored.get(member.pod)
    if not member.auth_token or stored is None or stored.state in LEAVING:
        return False
    wanted = bool(around.resolved.seen.entropy) and _needs_token(around.resolved, around.role)
    return wanted and asked(around.annotations, member.pod, member.state_detail.tokens_handled, ROTATE_TOKENS)


def with_token(member: MemberStatus, around: Circumstances) -> MemberStatus:
    """Reserve the member's auth token, where its role needs one and it has none, or a new one was asked for (5.5).

    Derived from the pass's entropy; without any, a later pass reserves it.
    """
    seen, detail = around.resolved.seen, member.state_detail
    if not seen.entropy or not _needs_token(around.resolved, around.role):
        return member
    if member.auth_token and not rotates_token(member, around):
        return member
    done = handled(around.annotations, member.pod, detail.tokens_handled, ROTATE_TOKENS)
    secret = hashlib.sha256(canonical([seen.entropy, around.resolved.uid, member.pod, done or ""])).hexdigest()[:32]
    changed: MemberStatus = member.changed(auth_token=secret, state_detail=detail.changed(tokens_handled=done))
    return changed


def _needs_token(resolved: Resolved, role: ResolvedRole) -> bool:
    return any(
        service.endpoint is not None and service.endpoint.has_auth_token
        for service in resolved.app.services_of(role.id)
    )
