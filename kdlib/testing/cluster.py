"""What the fixture `cluster` gives to a test: a namespace of its own on whatever Kubernetes was chosen.

Layer: shell.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from kdlib.errors import NotFoundError
from kdlib.frozen import Json
from kdlib.kube import Api, Selection, connect
from kdlib.packages import load
from kdlib.testing.discovery import Resources
from kdlib.testing.members import MemberPlays
from kdlib.testing.operators import Operator, OperatorProcess, Start
from kdlib.testing.scoped import ScopedTransport
from kdlib.testing.waiting import Wanted, eventually
from kdlib.wire import Kind, Ref, Transport

__all__ = ["KubeCluster"]

_DEFINITION = "CustomResourceDefinition"
_ESTABLISHED_SECONDS = 30.0


class KubeCluster:
    """One Kubernetes cluster, seen by one test, with a namespace that is the test's own.

    Guarantees: what a test makes in the namespace is removed with it; objects outside of namespaces that `apply` made
    are removed too, but for definitions, since all objects of their kinds would go with them.
    """

    def __init__(
        self,
        api: Api,
        namespace: str,
        *,
        backend: str,
        kubeconfig: Path,
        environment: Mapping[str, str],
        members: MemberPlays | None = None,
        patience_seconds: float = 30.0,
    ) -> None:
        self.namespace = namespace
        """The namespace of this test."""
        self.backend = backend
        """What it runs on: `sandbox`, `control-plane`, `kind` or `context`."""
        self.kubeconfig = kubeconfig
        """A kubeconfig file whose only context has the namespace as default."""
        self.logs: dict[str, Path] = {}
        """The log of each process that was started, by its name."""
        self._api = api
        self._loop = asyncio.get_running_loop()
        self._environment = environment
        self._members = members
        self._patience_seconds = patience_seconds
        self._resources = Resources(api.transport)
        self._made: list[Ref] = []
        self._ends: set[asyncio.Future[None]] = set()

    @property
    def api(self) -> Api:
        """Return the API of the cluster, with the rights of an administrator."""
        if asyncio.get_running_loop() is not self._loop:
            raise RuntimeError(
                "the fixture `cluster` was opened in another event loop than the test runs in; "
                "give asyncio_default_fixture_loop_scope and the test's loop_scope the same value"
            )
        return self._api

    @property
    def members(self) -> MemberPlays:
        """Return the members of the hollow node; raises RuntimeError where pods have another node."""
        if self._members is None:
            raise RuntimeError(f"on {self.backend} pods run on a node that is not hollow; what they do is their own")
        return self._members

    def ref(self, kind: Kind, name: str) -> Ref:
        """Return what names an object of the test's namespace."""
        return Ref(kind, self.namespace if kind.namespaced else "", name)

    async def apply(self, *wanted: Json | str | Path) -> tuple[Ref, ...]:
        """Apply objects, or all documents of manifest files and folders, in order; return what names each.

        Objects that name no namespace come into the test's own. Returns once definitions are established. Raises
        ApiError for what the server refuses, RefusedError for files that cannot be read.
        """
        return tuple([await self._applied(obj) for item in wanted for obj in _objects(item)])

    async def eventually(self, subject: Ref | Selection | Kind, wanted: Wanted, *, seconds: float | None = None) -> Any:
        """Wait until an object, or the objects of a kind or selection, are as wanted; return them.

        `wanted` is what an object is to be like (only the fields named count, `...` stands for anything, None for a
        field that is absent), None for an object that is gone, a number or a list for several objects, or a function
        that is given what is there and returns something true or asserts. Raises AssertionError with the last
        difference after `seconds` (by default what `--kube-patience` says), and at once OperatorEndedError where an
        operator of the test ended by itself.
        """
        __tracebackhide__ = True
        looked_at = (
            Selection(subject, self.namespace if subject.namespaced else "") if isinstance(subject, Kind) else subject
        )
        limit = self._patience_seconds if seconds is None else seconds
        return await eventually(self.api, looked_at, wanted, seconds=limit, ends=self._ends)

    @asynccontextmanager
    async def operator(
        self, start: Start, *, name: str = "operator", cluster_wide: bool = False
    ) -> AsyncIterator[Operator]:
        """Run an operator in this process while the context is open; faults can be ordered from it.

        It sees the test's namespace as if it were all of them, unless `cluster_wide`.
        """
        running = Operator(lambda: self._way_in(name, cluster_wide=cluster_wide), start, name)
        async with self._followed(running):
            yield running

    @asynccontextmanager
    async def process(self, *command: str | Path, **environment: str) -> AsyncIterator[OperatorProcess]:
        """Run an operator as a process while the context is open, with KUBECONFIG set; its log goes into the report.

        `environment` are further variables.
        """
        words = tuple(map(str, command))
        log = self.kubeconfig.with_name(f"{Path(words[0]).name}-{len(self.logs)}.log")
        self.logs[" ".join(words)] = log
        variables = {**self._environment, "KUBECONFIG": str(self.kubeconfig), **environment}
        running = OperatorProcess(words, variables, log)
        async with self._followed(running):
            yield running

    async def clean(self) -> None:
        """Delete the objects outside of namespaces that the test made by `apply`."""
        for ref in reversed(self._made):
            try:
                await self._api.delete(ref)
            except NotFoundError:
                continue

    async def _applied(self, obj: Json) -> Ref:
        kind = await self._resources.kind(obj["apiVersion"], obj["kind"])
        metadata = dict(obj["metadata"])
        if kind.namespaced:
            metadata.setdefault("namespace", self.namespace)
        ref = Ref(kind, metadata.get("namespace", "") if kind.namespaced else "", metadata["name"])
        await self._take_note(ref)
        await self.api.apply({**obj, "metadata": metadata}, kind=kind, field_manager="test")
        if kind.name == _DEFINITION:
            established = {"type": "Established", "status": "True"}
            await self.eventually(ref, lambda found: _has_condition(found, established), seconds=_ESTABLISHED_SECONDS)
        return ref

    async def _take_note(self, ref: Ref) -> None:
        """Note an object outside of namespaces that is not there yet, so that it goes with the test."""
        if ref.kind.namespaced or ref.kind.name == _DEFINITION:
            return
        try:
            await self.api.get(ref)
        except NotFoundError:
            self._made.append(ref)

    @asynccontextmanager
    async def _followed(self, running: Operator | OperatorProcess) -> AsyncIterator[None]:
        self._ends.add(running.ended)
        try:
            await running.begin()
            yield
            if running.ended.done():
                running.ended.result()
        finally:
            self._ends.discard(running.ended)
            await running.close()
            # Once taken note of, the loop does not tell of it again.
            running.ended.cancel() or running.ended.exception()

    @asynccontextmanager
    async def _way_in(self, name: str, *, cluster_wide: bool) -> AsyncIterator[Transport]:
        async with connect(kubeconfig=self.kubeconfig, user_agent=name, name=name) as api:
            if cluster_wide:
                yield api.transport
            else:
                yield ScopedTransport(api.transport, self.namespace, Resources(api.transport))


def _objects(wanted: Json | str | Path) -> tuple[Json, ...]:
    if isinstance(wanted, str | Path):
        return tuple(document.value for document in load(wanted))
    return (wanted,)


def _has_condition(found: Json | None, wanted: Mapping[str, str]) -> bool:
    conditions = ((found or {}).get("status") or {}).get("conditions") or []
    return any(wanted.items() <= condition.items() for condition in conditions)
