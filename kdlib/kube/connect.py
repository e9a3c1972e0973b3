"""connect(): from a kubeconfig or a service account to an Api.

Layer: shell.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from kdlib.kube.access import load_access, refusing
from kdlib.kube.api import Api
from kdlib.kube.http import HttpTransport

__all__ = ["connect"]

_CLOSE_SECONDS = 5.0


@asynccontextmanager
async def connect(
    *,
    kubeconfig: str | Path | None = None,
    context: str | None = None,
    in_cluster: bool | None = None,
    user_agent: str = "kubedirector",
    name: str = "",
) -> AsyncGenerator[Api]:
    """Give the Api of one Kubernetes cluster; sends nothing yet, so a cluster that is down can be connected.

    Without arguments the default kubeconfig and its current context are taken, or the service account of the pod that
    we run in. Raises RefusedError where the credentials cannot be read or used.
    """
    access = await load_access(kubeconfig=kubeconfig, context=context, in_cluster=in_cluster)
    try:
        with refusing(access.name, "credentials"):
            transport = HttpTransport(access, user_agent=user_agent)
    except BaseException:
        access.close()
        raise
    try:
        yield Api(transport, name=name or access.name, host=str(access.configuration.host))
    finally:
        # A cancelled scope cuts every further await: shielded, or connections would stay open.
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            await transport.close()
