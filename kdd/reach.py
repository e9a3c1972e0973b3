"""Reaching an API server as the daemon works with it: of a version that it knows, all of it or one namespace.

Layer: shell.
"""

import contextlib
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio

from kdd.version import KUBERNETES
from kdlib import kube
from kdlib.errors import Problem, RefusedError, WorldError
from kdlib.wire import Request

__all__ = ["Connect", "check_servers", "reached"]

_log = logging.getLogger(__name__)
_PATIENCE_SECONDS = 5.0
_VERSION = re.compile(r"v?(\d+)\.(\d+)")

Connect = Callable[[], AbstractAsyncContextManager[kube.Api]]
"""Connects to one Kubernetes cluster, each time anew."""


@asynccontextmanager
async def reached(connect: Connect, namespace: str | None) -> AsyncIterator[kube.Api]:
    """Connect to an API server; to those who use it one namespace, if it is given, is all there is.

    Raises RefusedError where it is too old; one that does not answer may be asked again by those who use it.
    """
    async with connect() as api:
        problem = await _age(api)
        if problem is not None:
            raise RefusedError(api.name, [problem])
        yield api.within(namespace) if namespace else api


async def check_servers(ways: Iterable[Connect]) -> None:
    """Raise RefusedError where an API server that answers is older than what is supported."""
    problems: list[Problem] = []

    async def check(connect: Connect) -> None:
        """Note what is wrong with one."""
        # One that cannot be connected at all is told, and tried again, by who looks after it.
        with contextlib.suppress(RefusedError):
            async with connect() as api:
                problem = await _age(api)
                problems.extend(() if problem is None else (problem,))

    async with anyio.create_task_group() as group:
        for connect in ways:
            group.start_soon(check, connect)
    if problems:
        raise RefusedError("kdd run", problems)


async def _age(api: kube.Api) -> Problem | None:
    """Return what is wrong with the version that an API server says it has; None where it says none in time."""
    request = Request("GET", "/version", timeout_seconds=_PATIENCE_SECONDS)
    try:
        told = str((await api.transport.request(request)).get("gitVersion") or "")
    except WorldError as error:
        _log.debug("%s: its version is not known: %s", api.name, error)
        return None
    oldest = KUBERNETES[0]
    if not _VERSION.match(told) or _numbers(told) >= _numbers(oldest):
        return None
    what = f"its Kubernetes is {told}, and {oldest} is the oldest that is supported"
    return Problem(f"API server {api.host!r} of {api.name!r}", what, "upgrade Kubernetes, or name another context")


def _numbers(version: str) -> tuple[int, ...]:
    found = _VERSION.match(version)
    return tuple(map(int, found.groups())) if found else ()
