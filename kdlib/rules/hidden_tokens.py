"""Auth tokens that an app hides: where they stand, and what of that Secret counts (decision 20).

Which members have a hidden token is told by their status: it holds a digest of each. So a token that somebody changed,
or that is lost, is noticed; and what else stands in the Secret counts for nothing.

Layer: pure.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from kdlib.errors import Problem
from kdlib.frozen import Json, dig, short_digest
from kdlib.graph import Hold, Ownership
from kdlib.model import AppSpec, ClusterStatus, MemberStatus, Seen
from kdlib.names import LABEL_CLUSTER, is_dns_subdomain
from kdlib.wire import CONTROLLER_REVISION, SECRET, Ref

__all__ = [
    "are_known",
    "hidden_by_app",
    "is_left",
    "token_digest",
    "token_place",
    "told_hidden",
    "usable_token_place",
    "with_hidden_tokens",
]

_TOKEN = re.compile(r"[0-9a-f]{32}")
"""The form of a token (1.3). Nothing else counts: of a token that somebody can guess the digest would tell."""


def token_place(root: Ref) -> Ref:
    """Return the Secret of a root's hidden tokens; its name does not depend on a UID, so a restored root finds it."""
    return Ref(SECRET, root.namespace, f"kdtokens-{root.name}")


def token_digest(pod: str, token: str) -> str:
    """Return what the status says of a hidden token."""
    return short_digest("auth token", pod, token, length=10)


def told_hidden(status: Json | None) -> bool:
    """Tell whether a status, however wrong, says that there is a Secret of hidden tokens."""
    return isinstance(dig(status, "authTokenSecret"), str)


def hidden_by_app(cluster: Json, places: Iterable[Ref], look_up: Callable[[Ref], Json | None]) -> bool:
    """Tell whether an app that a cluster runs, or may run, hides tokens: its own copy, or one of that name."""
    copy = dig(cluster, "status", "reserved", "appCopy")
    apps: list[Any] = [dig(look_up(place), "spec") for place in places]
    if isinstance(copy, str) and is_dns_subdomain(copy):
        place = Ref(CONTROLLER_REVISION, str(dig(cluster, "metadata", "namespace", default="")), copy)
        apps.append(dig(look_up(place), "data", "spec"))
    return any(dig(app, "hideAuthTokens") is True for app in apps)


def with_hidden_tokens(status: ClusterStatus, secret: Json | None) -> ClusterStatus:
    """Return the status with the tokens that it says are hidden, as the Secret has them; lost ones are left out."""
    if not any(_is_hidden(member) for role in status.roles for member in role.members):
        return status
    changed: ClusterStatus = status.changed(
        roles=tuple(
            role.changed(members=tuple(_with_token(member, secret) for member in role.members)) for role in status.roles
        )
    )
    return changed


def are_known(status: ClusterStatus) -> bool:
    """Tell whether each token that is hidden is known here; `status` is the one with what the Secret has."""
    members = (member for role in status.roles for member in role.members)
    return all(member.auth_token for member in members if member.state_detail.auth_token_digest)


def usable_token_place(root: Ref, app: AppSpec, status: ClusterStatus, seen: Seen) -> Iterator[Problem]:
    """CL-X-70 and CL-X-71 (ours): the Secret of the hidden tokens can be read, and is the cluster's own.

    Without knowing what stands there every member would get another token at each start of an operator.
    """
    needed = app.hide_auth_tokens and any(
        service.endpoint is not None and service.endpoint.has_auth_token for service in app.services
    )
    if not needed and not any(_is_hidden(member) for role in status.roles for member in role.members):
        return
    place, found = token_place(root), dict(seen.related)
    if place not in found:
        words = dict(seen.unreadable).get(place, "this operator does not look it up")
        remedy = f"let the operator get, list, watch, create, patch and delete Secret {place.name!r}"
        what = f"the app hides auth tokens in {place}, which cannot be read: {words}"
        yield Problem("spec.app", what, remedy, "CL-X-70")
    elif not _is_ours(found[place], seen.root):
        what = f"the app hides auth tokens in {place}, and one that is not of this cluster is there"
        remedy = f"remove it, or give it the label {LABEL_CLUSTER}={root.name} to have it taken over"
        yield Problem("spec.app", what, remedy, "CL-X-71")


def is_left(root: Ref, seen: Seen) -> bool:
    """Tell whether the root still owns a Secret of hidden tokens, or nobody knows."""
    found, place = dict(seen.related), token_place(root)
    if place not in found:
        return True
    secret = found[place]
    return secret is not None and Ownership(seen.root).hold(secret) in (Hold.OWN, Hold.FORMER)


def _is_ours(secret: Json | None, root: Json) -> bool:
    """Tell whether the root may write there: into what it owns, or what has its label and nobody owns."""
    if secret is None:
        return True
    labelled = dig(secret, "metadata", "labels", LABEL_CLUSTER) == root["metadata"]["name"]
    match Ownership(root).hold(secret):
        case Hold.OWN | Hold.FORMER:
            return True
        case Hold.FREE:
            return bool(labelled)
        case Hold.FOREIGN:
            return False


def _is_hidden(member: MemberStatus) -> bool:
    return bool(member.state_detail.auth_token_digest) and not member.auth_token


def _with_token(member: MemberStatus, secret: Json | None) -> MemberStatus:
    if not _is_hidden(member):
        return member
    changed: MemberStatus = member.changed(auth_token=_token(dig(secret, "data", member.pod)))
    return changed


def _token(text: object) -> str | None:
    try:
        token = base64.b64decode(text, validate=True).decode() if isinstance(text, str) else ""
    except (binascii.Error, UnicodeDecodeError):
        return None
    return token if _TOKEN.fullmatch(token) else None
