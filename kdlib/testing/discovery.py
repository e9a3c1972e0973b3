"""What an API server serves: the resource of a kind, and all kinds that live in namespaces.

Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api.

Layer: shell.
"""

import asyncio
from collections.abc import Iterator

from kdlib.errors import ApiError, KubeDirectorError, NotFoundError
from kdlib.frozen import Json
from kdlib.wire import Kind, Request, Transport

__all__ = ["Resources", "UnknownKindError"]

_LAG_SECONDS = 10.0
_PAUSE_SECONDS = 0.1


class UnknownKindError(KubeDirectorError):
    """A kind is not served; its definition was not applied, or is not taken up yet."""


class Resources:
    """The resources of one API server, asked for when they are needed and then remembered."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._known: dict[str, tuple[Kind, ...]] = {}

    async def kind(self, api_version: str, name: str) -> Kind:
        """Return a kind by its name; waits a moment for one whose definition was applied just now.

        Raises UnknownKindError where it is not served.
        """
        return await self._sought(api_version, name, _LAG_SECONDS)

    async def is_namespaced(self, api_version: str, plural: str) -> bool:
        """Tell whether a resource is known to live in namespaces."""
        found = self._named(api_version, plural)
        if not found:
            await self._ask(api_version)
            found = self._named(api_version, plural)
        return any(kind.namespaced for kind in found)

    async def namespaced(self) -> tuple[Kind, ...]:
        """Return all kinds whose objects live in namespaces and can be listed and deleted, each in one version."""
        groups = (await self._transport.request(Request("GET", "/apis"))).get("groups") or []
        versions = ["v1", *(group["preferredVersion"]["groupVersion"] for group in groups)]
        for version in versions:
            await self._ask(version)
        return tuple(kind for version in versions for kind in self._known[version] if kind.namespaced)

    async def _sought(self, api_version: str, name: str, seconds: float) -> Kind:
        for _ in range(int(seconds / _PAUSE_SECONDS)):
            for kind in self._known.get(api_version, ()):
                if kind.name == name:
                    return kind
            await self._ask(api_version)
            if not any(kind.name == name for kind in self._known[api_version]):
                await asyncio.sleep(_PAUSE_SECONDS)
        raise UnknownKindError(f"the API server serves no kind {name!r} of {api_version!r}; apply its definition first")

    def _named(self, api_version: str, plural: str) -> tuple[Kind, ...]:
        return tuple(kind for kind in self._known.get(api_version, ()) if kind.plural == plural)

    async def _ask(self, api_version: str) -> None:
        root = Kind(api_version, "Any").root
        try:
            found = await self._transport.request(Request("GET", root))
        except NotFoundError:
            found = {}
        except ApiError as error:
            # An aggregated API whose server is away says 503; what it serves cannot be known.
            if error.code != 503:
                raise
            found = {}
        self._known[api_version] = tuple(_kinds(api_version, found))


def _kinds(api_version: str, found: Json) -> Iterator[Kind]:
    for item in found.get("resources") or []:
        verbs = set(item.get("verbs") or ())
        if "/" not in item["name"] and verbs >= {"list", "delete"}:
            yield Kind(api_version, item["kind"], item["name"], namespaced=bool(item["namespaced"]))
