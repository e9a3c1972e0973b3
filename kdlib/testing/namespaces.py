"""Namespaces of single tests: made, looked at when a test has failed, and removed with all that is in them.

Layer: shell.
"""

import asyncio
import concurrent.futures
from collections.abc import Iterator
from contextlib import contextmanager

from kdlib.errors import ApiError, NotFoundError, WorldError
from kdlib.frozen import Json
from kdlib.kube import Api, Selection
from kdlib.testing.discovery import Resources
from kdlib.testing.loops import LoopThread
from kdlib.testing.waiting import eventually
from kdlib.wire import NAMESPACE, SERVICE_ACCOUNT, Kind, Ref

__all__ = ["Namespaces"]

_READY_SECONDS = 60.0
_GONE_SECONDS = 120.0
_PAUSE_SECONDS = 0.05
_UNSEEN = frozenset({403, 404, 405})
"""Answers for kinds that cannot be listed, or no longer."""


class Namespaces:
    """Makes and removes namespaces, over connections of the server's own.

    Operators that run beside the tests have `grace_seconds` to take their finalizers off objects that are deleted.
    Where a namespace takes long to end it `lingers`, and the next test need not wait for it.
    """

    def __init__(self, api: Api, thread: LoopThread, *, grace_seconds: float = 0.0, lingers: bool = True) -> None:
        self._api = api
        self._thread = thread
        self._grace_seconds = grace_seconds
        self._lingers = lingers
        self._ending: list[concurrent.futures.Future[None]] = []

    @contextmanager
    def made(self, name: str) -> Iterator[str]:
        """Make a namespace whose default service account is there; then remove it, with all that is in it.

        Raises what the server answers, and AssertionError where the namespace does not end.
        """
        self._thread.call(self._make(name))
        try:
            yield name
        finally:
            ending = self._thread.begin(self._remove(name))
            if self._lingers:
                self._ending.append(ending)
            else:
                ending.result()

    def until_gone(self) -> None:
        """Wait until all namespaces are gone; raises AssertionError for the first that does not end."""
        for ending in self._ending:
            ending.result()

    def abandon(self) -> None:
        """Wait for none of them: the server goes too."""
        for ending in self._ending:
            ending.cancel()

    def objects(self, name: str) -> tuple[Json, ...]:
        """Return all objects of a namespace."""
        return self._thread.call(self._objects(name))

    async def _make(self, name: str) -> None:
        labels = {"app.kubernetes.io/managed-by": "kubedirector-testing"}
        metadata = {"name": name, "labels": labels}
        await self._api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, kind=NAMESPACE)
        account = Ref(SERVICE_ACCOUNT, name, "default")
        await eventually(self._api, account, 1, seconds=_READY_SECONDS)

    async def _remove(self, name: str) -> None:
        ref = Ref(NAMESPACE, "", name)
        try:
            await self._api.delete(ref)
        except NotFoundError:
            return
        gone = asyncio.create_task(eventually(self._api, ref, None, seconds=_GONE_SECONDS))
        try:
            await asyncio.wait({gone}, timeout=self._grace_seconds)
            # By now nobody is left who would take finalizers off.
            while not gone.done():
                for kind, obj in await self._listed(name):
                    await self._let_go(kind, obj)
                await asyncio.wait({gone}, timeout=_PAUSE_SECONDS)
            await gone
        finally:
            gone.cancel()

    async def _let_go(self, kind: Kind, obj: Json) -> None:
        metadata = obj["metadata"]
        if not metadata.get("finalizers") or not metadata.get("deletionTimestamp"):
            return
        # Kubernetes' own finalizers are its controllers' to take off.
        kept = [each for each in metadata["finalizers"] if "kubernetes.io/" in each or "/" not in each]
        if kept == metadata["finalizers"]:
            return
        ref = Ref(kind, metadata["namespace"], metadata["name"])
        patch = {"metadata": {"finalizers": kept, "resourceVersion": metadata["resourceVersion"]}}
        try:
            await self._api.merge_patch(ref, patch)
        except WorldError:
            return

    async def _objects(self, name: str) -> tuple[Json, ...]:
        return tuple([obj for _, obj in await self._listed(name)])

    async def _listed(self, name: str) -> list[tuple[Kind, Json]]:
        found: list[tuple[Kind, Json]] = []
        for kind in await Resources(self._api.transport).namespaced():
            try:
                listing = await self._api.list(Selection(kind, name))
            except ApiError as error:
                if error.code not in _UNSEEN:
                    raise
                continue
            found += [(kind, obj) for obj in listing.items]
        return found
