"""The verbs of the Kubernetes API over a Transport; objects are plain decoded JSON.

Layer: shell.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any

from kdlib.errors import ExpiredError
from kdlib.frozen import Json
from kdlib.graph import ref_of
from kdlib.kube.gate import OPEN, Gate, GatedTransport
from kdlib.kube.outages import Outages
from kdlib.kube.pulse import Pulse
from kdlib.wire import (
    APPLY,
    JSON_PATCH,
    MERGE_PATCH,
    ExecRequest,
    ExecStream,
    Kind,
    Ref,
    Request,
    Transport,
    WatchEvent,
)

__all__ = ["FIELD_MANAGER", "Api", "Listing", "Selection"]

FIELD_MANAGER = "kubedirector"
"""Name under which fields are applied; see https://kubernetes.io/docs/reference/using-api/server-side-apply/."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of one kind: of one namespace (empty for all), by label and field selector."""

    kind: Kind
    namespace: str = ""
    labels: str = ""
    fields: str = ""

    @property
    def path(self) -> str:
        """Return the path of the collection."""
        return self.kind.path(self.namespace)

    @property
    def query(self) -> dict[str, str]:
        """Return the selectors as query parameters."""
        pairs = {"labelSelector": self.labels, "fieldSelector": self.fields}
        return {key: value for key, value in pairs.items() if value}

    def __str__(self) -> str:
        return f"{self.kind.plural}{f' in {self.namespace}' if self.namespace else ''}"


@dataclass(frozen=True, slots=True)
class Listing:
    """A consistent list: each item has its apiVersion and kind, `resource_version` is where a watch goes on."""

    items: tuple[Json, ...]
    resource_version: str


class Api:
    """One Kubernetes API server.

    Raises ApiError for every answer that is not a success, UnreachableError where none came; nothing is retried here.
    `name` tells API servers apart in logs, `host` is where it is; what keeps this one from answering is told by its
    `outages`, who follows it by its `pulse`; `gate` tells whether anything may be changed. With a `namespace` that one
    is all there is: whatever has namespaces is listed and watched in it alone.
    """

    def __init__(self, transport: Transport, *, name: str = "", host: str = "", timeout_seconds: float = 30.0) -> None:
        self.transport = transport
        self.name = name
        self.host = host
        self.outages = Outages(name)
        self.pulse = Pulse()
        self.gate: Gate = OPEN
        self.namespace = ""
        self._timeout_seconds = timeout_seconds

    def guarded(self, gate: Gate) -> "Api":
        """Return the same API server for those who may change something only while the gate is open."""
        guarded = self.over(GatedTransport(self.transport, gate))
        guarded.gate = gate
        return guarded

    def within(self, namespace: str) -> "Api":
        """Return the same API server for those to whom one namespace is all of it.

        Objects that are named are read and written wherever they are.
        """
        api = self.over(self.transport)
        api.namespace = namespace
        return api

    def over(self, transport: Transport) -> "Api":
        """Return the same API server, reached by another transport."""
        api = Api(transport, name=self.name, host=self.host, timeout_seconds=self._timeout_seconds)
        api.outages, api.pulse, api.gate, api.namespace = self.outages, self.pulse, self.gate, self.namespace
        return api

    async def get(self, ref: Ref) -> Json:
        """Read one object from the storage (a quorum read, no cache is asked)."""
        return await self._request("GET", ref.path)

    async def list(self, selection: Selection | Kind, *, page_size: int = 500) -> Listing:
        """List objects in pages, all of them at one resource version.

        Begins anew, once, where the server forgot the version between two pages; then raises ExpiredError.
        """
        wanted = self._scoped(selection if isinstance(selection, Selection) else Selection(selection))
        try:
            return await self._pages(wanted, page_size)
        except ExpiredError:
            return await self._pages(wanted, page_size)

    async def create(self, obj: Json, *, kind: Kind | None = None) -> Json:
        """Create an object; raises AlreadyExistsError where one of its name is there."""
        ref = _ref(obj, kind)
        return await self._request("POST", ref.kind.path(ref.namespace), obj)

    async def apply(
        self,
        obj: Json,
        *,
        kind: Kind | None = None,
        subresource: str = "",
        field_manager: str = FIELD_MANAGER,
        force: bool = True,
        dry_run: bool = False,
    ) -> Json:
        """Apply the fields given, and drop those that this manager applied before and gives no more.

        `kind` is needed where the resource name cannot be guessed from `obj["kind"]`. Without `force` a field that
        another manager set to another value raises ConflictError. A dry run answers alike and stores nothing.
        """
        ref = _ref(obj, kind)
        query = {"fieldManager": field_manager, "force": str(force).lower()} | ({"dryRun": "All"} if dry_run else {})
        return await self._request(
            "PATCH", ref.kind.path(ref.namespace, ref.name, subresource), obj, query=query, content_type=APPLY
        )

    async def apply_status(self, obj: Json, *, kind: Kind | None = None, field_manager: str = FIELD_MANAGER) -> Json:
        """Apply the status of an object, by force: it is ours alone."""
        return await self.apply(obj, kind=kind, subresource="status", field_manager=field_manager)

    async def merge_patch(self, ref: Ref, patch: Json, *, subresource: str = "") -> Json:
        """Patch by RFC 7396; a `metadata.resourceVersion` in the patch makes it conditional."""
        path = ref.kind.path(ref.namespace, ref.name, subresource)
        return await self._request("PATCH", path, patch, content_type=MERGE_PATCH)

    async def json_patch(self, ref: Ref, operations: Sequence[Json], *, subresource: str = "") -> Json:
        """Patch by RFC 6902; a failing `test` operation answers 422."""
        path = ref.kind.path(ref.namespace, ref.name, subresource)
        return await self._request("PATCH", path, [*operations], content_type=JSON_PATCH)

    async def delete(
        self,
        ref: Ref,
        *,
        uid: str = "",
        resource_version: str = "",
        grace_seconds: int | None = None,
        propagation: str = "Background",
    ) -> Json:
        """Delete an object, if it still has this UID and resource version; raises ConflictError where it has not."""
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        body: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        body["preconditions"] = {key: value for key, value in preconditions.items() if value}
        if grace_seconds is not None:
            body["gracePeriodSeconds"] = grace_seconds
        return await self._request("DELETE", ref.path, body)

    def watch(
        self,
        selection: Selection,
        resource_version: str,
        *,
        lifetime_seconds: int,
        idle_seconds: float,
    ) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent]]:
        """Open a watch with bookmarks from a resource version on.

        The server ends it after `lifetime_seconds`; UnreachableError is raised when nothing came for `idle_seconds`.
        """
        query = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": resource_version}
        query |= {"timeoutSeconds": str(lifetime_seconds), **selection.query}
        path = self._scoped(selection).path
        return self.transport.watch(Request("GET", path, query, timeout_seconds=idle_seconds))

    def exec(self, request: ExecRequest) -> AbstractAsyncContextManager[ExecStream]:
        """Run a command in a container; leaving the context cuts the connection."""
        return self.transport.exec(request)

    def _scoped(self, selection: Selection) -> Selection:
        """Return what a selection of all namespaces means here."""
        return selection if selection.namespace else replace(selection, namespace=self.namespace)

    async def _pages(self, selection: Selection, page_size: int) -> Listing:
        items: list[Json] = []
        query = {"limit": str(page_size), **selection.query}
        while True:
            page = await self._request("GET", selection.path, query=query)
            items += page.get("items") or []
            metadata = page.get("metadata") or {}
            if not metadata.get("continue"):
                kind = selection.kind
                typed = {"apiVersion": kind.api_version, "kind": kind.name}
                return Listing(tuple({**typed, **item} for item in items), str(metadata.get("resourceVersion", "")))
            query = {**query, "continue": metadata["continue"]}

    async def _request(self, method: str, path: str, body: Any = None, **options: Any) -> Json:
        request = Request(method, path, body=body, timeout_seconds=self._timeout_seconds, **options)
        return await self.transport.request(request)


def _ref(obj: Json, kind: Kind | None) -> Ref:
    ref = ref_of(obj)
    return ref if kind is None else Ref(kind, ref.namespace, ref.name)
