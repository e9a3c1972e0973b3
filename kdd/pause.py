"""`kdd pause` and `kdd resume`: the operator keeps its hands off a cluster, and takes it up again.

Layer: shell.
"""

import typer

from kdd.reading import read_cluster
from kdlib import kube
from kdlib.frozen import dig
from kdlib.wire import KD_CLUSTER, Ref

__all__ = ["pause"]


async def pause(kubeconfig: str | None, context: str | None, namespace: str, *, cluster: str, paused: bool) -> None:
    """Set `spec.paused` of the cluster, or take it away."""
    ref, word = Ref(KD_CLUSTER, namespace, cluster), "paused" if paused else "resumed"
    async with kube.connect(kubeconfig=kubeconfig, context=context) as api:
        found = await read_cluster(api, ref)
        if bool(dig(found, "spec", "paused")) is paused:
            typer.echo(f"{ref}: is paused already" if paused else f"{ref}: is not paused")
            return
        await api.merge_patch(ref, {"spec": {"paused": True if paused else None}})
    typer.echo(f"{ref}: {word}")
