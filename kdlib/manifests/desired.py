"""What one pass wants of a cluster, and the document that each of its members reads.

Layer: pure.
"""

from dataclasses import dataclass, field
from functools import cached_property

from kdlib import lifecycle
from kdlib.frozen import Json, canonical
from kdlib.graph import ObjectGraph
from kdlib.manifests.connections import connections_part
from kdlib.manifests.document import Listed, node_part, shared_part, with_own_keys, with_own_token
from kdlib.manifests.token_secret import token_secret
from kdlib.model import Life, MemberStatus, Resolved
from kdlib.wire import Ref

__all__ = ["Desired", "configmeta", "configmeta_bytes"]


@dataclass(frozen=True)
class Desired:
    """What one pass wants: the objects, the members with what is to be done inside them, and what both came from."""

    graph: ObjectGraph = field(repr=False)
    life: Life
    resolved: Resolved
    kept_fields: tuple[tuple[Ref, tuple[str, ...]], ...] = ()
    """The fields of objects that say otherwise than the spec, and that no API server changes."""

    @cached_property
    def listed(self) -> Listed:
        """Return role id and status of each member that configmeta lists, in its order."""
        return lifecycle.listed_members(self.life)

    @cached_property
    def by_pod(self) -> dict[str, tuple[str, MemberStatus]]:
        """Return role id and status of each listed member by its pod; not to be changed."""
        return {member.pod: (role_id, member) for role_id, member in self.listed}

    @cached_property
    def token_secret(self) -> Json | None:
        """Return the Secret of the auth tokens that the app hides, None where there are none; not to be changed."""
        return token_secret(self.resolved, self.life.status)

    @cached_property
    def shared_document(self) -> Json:
        """Return what configmeta tells all members alike; computed once, not to be changed."""
        return {**shared_part(self.resolved, self.listed), "connections": connections_part(self.resolved)}


def configmeta(desired: Desired, pod: str) -> Json:
    """Return configmeta.json for the member with this pod (5.4); raises KeyError where it is not listed.

    All members read the same but for `node`, for the tokens of their own role, and for the secret keys of other roles
    where the app keeps these to themselves.
    """
    role_id, member = desired.by_pod[pod]
    document = with_own_token(desired.shared_document, role_id, member)
    if desired.resolved.app.own_secret_keys_only:
        document = with_own_keys(document, role_id)
    return {**document, "node": node_part(desired.resolved, role_id, member)}


def configmeta_bytes(desired: Desired, pod: str) -> bytes:
    """Return configmeta.json as it is written into the member: keys sorted, UTF-8, no blanks."""
    return canonical(configmeta(desired, pod))
