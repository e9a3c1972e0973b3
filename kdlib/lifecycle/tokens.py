"""Auth tokens of members: one for each, made once, and made anew on request (5.5, IC-12).

Where the app hides tokens, the status has a digest of each: the token itself stands in a Secret (decision 20).

Layer: pure.
"""

import hashlib

from kdlib.frozen import canonical
from kdlib.lifecycle.circumstances import Circumstances
from kdlib.lifecycle.membership import LEAVING
from kdlib.lifecycle.retries import ROTATE_TOKENS, asked, handled
from kdlib.model import ClusterStatus, MemberStatus, Resolved, ResolvedRole
from kdlib.rules import is_left, token_digest, token_place

__all__ = ["renews_token", "with_token", "with_token_secret", "without_hidden_tokens"]


def renews_token(member: MemberStatus, around: Circumstances) -> bool:
    """Tell whether members are told another token of this one from this pass on: then all are told anew.

    A new one was asked for; or the hidden one is another than before, or lost. The answer is the same before and after
    the member's transitions of this pass.
    """
    stored = around.stored.get(member.pod)
    if stored is None or stored.state in LEAVING:
        return False
    told = member.state_detail.auth_token_digest
    is_other = told is not None and bool(member.auth_token) and told != _digest(member)
    is_lost = told is not None and not member.auth_token and _makes_tokens(around)
    return is_other or is_lost or _rotates(member, around)


def with_token(member: MemberStatus, around: Circumstances) -> MemberStatus:
    """Reserve the member's auth token, where its role needs one and it has none, or a new one was asked for (5.5).

    Derived from the pass's entropy; without any, a later pass reserves it.
    """
    detail = member.state_detail
    if _makes_tokens(around) and (_rotates(member, around) or not (member.auth_token or member.state in LEAVING)):
        done = handled(around.annotations, member.pod, detail.tokens_handled, ROTATE_TOKENS)
        token = _token(around.resolved, member.pod, done)
        member = member.changed(auth_token=token, state_detail=detail.changed(tokens_handled=done))
    return _told(member, around)


def with_token_secret(status: ClusterStatus, resolved: Resolved) -> ClusterStatus:
    """Record that there is a Secret of tokens, as long as it is there: nobody looks for one that is not recorded."""
    members = (member for role in status.roles for member in role.members)
    is_kept = status.auth_token_secret is not None and is_left(resolved.root, resolved.seen)
    needs = is_kept or any(member.state_detail.auth_token_digest for member in members)
    name = token_place(resolved.root).name if needs else None
    changed: ClusterStatus = status.changed(auth_token_secret=name)
    return changed


def without_hidden_tokens(status: ClusterStatus) -> ClusterStatus:
    """APP-X-60 (ours): return the status without the tokens of which it has a digest, as it is recorded."""
    changed: ClusterStatus = status.changed(
        roles=tuple(role.changed(members=tuple(map(_without_hidden, role.members))) for role in status.roles)
    )
    return changed


def _told(member: MemberStatus, around: Circumstances) -> MemberStatus:
    """Return the member with the digest of its token where the app hides it, else without one."""
    detail = member.state_detail
    if not member.auth_token:
        # A lost token leaves its trace, until there is another one, or it is needed no more.
        is_needed = _needs_token(around.resolved, around.role)
        told = detail.auth_token_digest if is_needed else None
    else:
        told = _digest(member) if around.resolved.app.hide_auth_tokens else None
    if told == detail.auth_token_digest:
        return member
    changed: MemberStatus = member.changed(state_detail=detail.changed(auth_token_digest=told))
    return changed


def _without_hidden(member: MemberStatus) -> MemberStatus:
    changed: MemberStatus = member.changed(auth_token=None)
    return changed if member.state_detail.auth_token_digest else member


def _rotates(member: MemberStatus, around: Circumstances) -> bool:
    """Tell whether this pass makes a new token for a member that has one, and is to stay.

    Not so where no token is needed: a request that is never handled would be told to all members again and again.
    """
    stored = around.stored.get(member.pod)
    if not member.auth_token or stored is None or stored.state in LEAVING or not _makes_tokens(around):
        return False
    return asked(around.annotations, member.pod, member.state_detail.tokens_handled, ROTATE_TOKENS)


def _makes_tokens(around: Circumstances) -> bool:
    """Tell whether members of the role need tokens, and this pass can make some."""
    return bool(around.resolved.seen.entropy) and _needs_token(around.resolved, around.role)


def _needs_token(resolved: Resolved, role: ResolvedRole) -> bool:
    return any(
        service.endpoint is not None and service.endpoint.has_auth_token
        for service in resolved.app.services_of(role.id)
    )


def _token(resolved: Resolved, pod: str, request: str | None) -> str:
    drawn = [resolved.seen.entropy, resolved.uid, pod, request or ""]
    return hashlib.sha256(canonical(drawn)).hexdigest()[:32]


def _digest(member: MemberStatus) -> str:
    return token_digest(member.pod, member.auth_token or "")
