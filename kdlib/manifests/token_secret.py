"""The Secret of the auth tokens that the app hides: one for a cluster, with one key for each member (decision 20).

Layer: pure.
"""

import base64

from kdlib.frozen import Json
from kdlib.graph import owned
from kdlib.manifests.metadata import cluster_labels, made, pretty_name
from kdlib.model import ClusterStatus, Resolved
from kdlib.rules import token_place
from kdlib.wire import SECRET

__all__ = ["token_secret"]


def token_secret(resolved: Resolved, status: ClusterStatus) -> Json | None:
    """Return the Secret with the tokens that are hidden, each under its member's pod; None where there are none."""
    members = (member for role in status.roles for member in role.members if member.state_detail.auth_token_digest)
    tokens = {member.pod: member.auth_token for member in members if member.auth_token}
    if not tokens:
        return None
    name, labels = token_place(resolved.root).name, cluster_labels(resolved)
    secret = made(SECRET, resolved, name, labels=labels, annotations=pretty_name(resolved))
    secret["type"] = "Opaque"
    secret["data"] = {pod: base64.b64encode(token.encode()).decode() for pod, token in sorted(tokens.items())}
    return owned((secret,), resolved.seen.root)[0]
