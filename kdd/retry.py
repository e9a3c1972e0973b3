"""`kdd retry`: ask for a further set-up attempt, by an annotation with a new value.

Layer: shell.
"""

import secrets

import typer

from kdd.reading import read_cluster
from kdlib import kube
from kdlib.errors import Problem, RefusedError
from kdlib.frozen import Json, dig
from kdlib.names import ANNOTATION_PREFIX
from kdlib.wire import KD_CLUSTER, Ref

__all__ = ["retry"]


async def retry(
    kubeconfig: str | None, context: str | None, namespace: str, *, cluster: str, member: str | None
) -> None:
    """Annotate the cluster; raises RefusedError for a member that it does not have."""
    ref = Ref(KD_CLUSTER, namespace, cluster)
    async with kube.connect(kubeconfig=kubeconfig, context=context) as api:
        found = await read_cluster(api, ref)
        pods = [entry.get("pod") for role in dig(found, "status", "roles", default=[]) for entry in role["members"]]
        if member is not None and member not in pods:
            known = ", ".join(map(str, pods)) or "none yet"
            raise RefusedError(str(ref), [Problem("MEMBER", f"{member!r} is no member", f"its members are: {known}")])
        if member is None and not any(map(_waits, dig(found, "status", "roles", default=[]))):
            raise RefusedError(str(ref), [Problem("CLUSTER", "no member of it failed", "there is nothing to retry")])
        key = f"{ANNOTATION_PREFIX}retry" + (f"-{member}" if member else "")
        await api.merge_patch(ref, {"metadata": {"annotations": {key: secrets.token_hex(4)}}})
    typer.echo(f"{ref}: asked for a further attempt of {member or 'all members that failed'}")


def _waits(role: Json) -> bool:
    """Tell whether a member of the role failed in its set-up, or when it was told of a change."""
    return any(
        member.get("state") == "config error"
        or any(item.get("exitCode") is not None for item in dig(member, "stateDetail", "pendingNotifyCmds", default=[]))
        for member in role.get("members", [])
    )
