"""`kdd rotate-tokens`: ask for new auth tokens, by an annotation with a new value.

Layer: shell.
"""

import secrets

import typer

from kdd.reading import check_member, read_cluster, request_key
from kdlib import kube
from kdlib.errors import Problem, RefusedError
from kdlib.frozen import Json, dig
from kdlib.names import ANNOTATION_PREFIX
from kdlib.wire import KD_CLUSTER, Ref

__all__ = ["rotate_tokens"]


async def rotate_tokens(
    kubeconfig: str | None, context: str | None, namespace: str, *, cluster: str, member: str | None
) -> None:
    """Annotate the cluster; raises RefusedError for a member that it does not have, or where nobody has a token."""
    ref = Ref(KD_CLUSTER, namespace, cluster)
    async with kube.connect(kubeconfig=kubeconfig, context=context) as api:
        found = await read_cluster(api, ref)
        check_member(ref, found, member)
        if not _has_token(found, member):
            remedy = "tokens are for services whose endpoint has hasAuthToken in the app"
            raise RefusedError(
                str(ref),
                [Problem("CLUSTER", f"{member} has no token" if member else "no member of it has a token", remedy)],
            )
        key = request_key(ref, f"{ANNOTATION_PREFIX}rotate-tokens", member)
        await api.merge_patch(ref, {"metadata": {"annotations": {key: secrets.token_hex(4)}}})
    typer.echo(f"{ref}: asked for a new token of {member or 'every member that has one'}")


def _has_token(cluster: Json, member: str | None) -> bool:
    members = (entry for role in dig(cluster, "status", "roles", default=[]) for entry in role.get("members", []))
    asked = (entry for entry in members if member in (None, entry.get("pod")))
    return any(entry.get("authToken") or dig(entry, "stateDetail", "authTokenDigest") for entry in asked)
