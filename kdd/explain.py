"""`kdd explain`: why a cluster is waiting, for whom, and what happens next.

Layer: shell.
"""

import typer

from kdd.reading import read_cluster
from kdlib import kube, report
from kdlib.wire import KD_CLUSTER, Ref

__all__ = ["explain"]


async def explain(kubeconfig: str | None, context: str | None, namespace: str, *, cluster: str) -> None:
    """Read the cluster once, and say what keeps it."""
    ref = Ref(KD_CLUSTER, namespace, cluster)
    async with kube.connect(kubeconfig=kubeconfig, context=context) as api:
        found = report.explanation(await read_cluster(api, ref))
    typer.echo(f"{ref}: {found.line}")
    for words in found.told:
        typer.echo(f"  {words}")
    for wait in found.waits:
        typer.echo(f"  {wait.pod} (role {wait.role}) is {wait.state}")
        typer.echo(f"    why:  {wait.why}")
        if wait.for_whom:
            typer.echo(f"    for:  {', '.join(wait.for_whom)}")
        typer.echo(f"    next: {wait.next}")
    if not (found.told or found.waits):
        typer.echo("  nothing is left to do")
