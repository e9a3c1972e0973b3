"""`kdd retry`: ask for a further try of what failed inside members, or give it up, by an annotation with a new value.

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

__all__ = ["retry"]


async def retry(
    kubeconfig: str | None, context: str | None, namespace: str, *, cluster: str, member: str | None, give_up: bool
) -> None:
    """Annotate the cluster; raises RefusedError for a member that it does not have."""
    ref = Ref(KD_CLUSTER, namespace, cluster)
    async with kube.connect(kubeconfig=kubeconfig, context=context) as api:
        found = await read_cluster(api, ref)
        check_member(ref, found, member)
        entries = [entry for role in dig(found, "status", "roles", default=[]) for entry in role.get("members", [])]
        asked = [entry for entry in entries if member in (None, entry.get("pod"))]
        if give_up and not any(map(_goes, asked)):
            what, remedy = "no member of it waits for its decommission", "there is nothing to give up"
            raise RefusedError(str(ref), [Problem("--give-up", what, remedy)])
        if member is None and not give_up and not any(map(_waits, asked)):
            raise RefusedError(str(ref), [Problem("CLUSTER", "no member of it failed", "there is nothing to retry")])
        key = request_key(ref, f"{ANNOTATION_PREFIX}{'give-up' if give_up else 'retry'}", member)
        await api.merge_patch(ref, {"metadata": {"annotations": {key: secrets.token_hex(4)}}})
    if give_up:
        typer.echo(f"{ref}: asked to let go, as it is, of {member or 'all members that are to go'}")
    else:
        typer.echo(f"{ref}: asked for a further attempt of {member or 'all members that failed'}")


def _waits(member: Json) -> bool:
    """Tell whether the member failed in its set-up, when it was told of a change, or when it was to let go."""
    changes = dig(member, "stateDetail", "pendingNotifyCmds", default=[])
    return (
        member.get("state") == "config error"
        or any(item.get("exitCode") is not None for item in changes)
        or dig(member, "stateDetail", "decommission", "exitCode") is not None
    )


def _goes(member: Json) -> bool:
    """Tell whether the member was told to go, and is waited for."""
    told = dig(member, "stateDetail", "decommission")
    return told is not None and not told.get("over")
