"""connect(): from a kubeconfig or a service account to an Api.

Layer: shell.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from kdlib.kube.access import Access, load_access, refusing
from kdlib.kube.api import Api
from kdlib.kube.given import load_given
from kdlib.kube.http import HttpTransport

__all__ = ["connect", "connect_given"]

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
    async with _connected(access, name, user_agent) as api:
        yield api


@asynccontextmanager
async def connect_given(
    text: str, source: str, *, name: str = "", user_agent: str = "kubedirector"
) -> AsyncGenerator[Api]:
    """Give the Api of the Kubernetes cluster that the text of a kubeconfig tells of; `source` is where that stands.

    Raises RefusedError where the text cannot be used, or names files or programs of the machine that reads it.
    """
    access = await load_given(text, source)
    async with _connected(access, name, user_agent) as api:
        yield api


@asynccontextmanager
async def _connected(access: Access, name: str, user_agent: str) -> AsyncGenerator[Api]:
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
