"""Registrar: keeps the webhook registered as it should be, for as long as it serves and after.

Layer: shell.
"""

import logging

from kdlib.admission.configurations import MUTATING, VALIDATING, configurations, is_registered, replaced
from kdlib.admission.settings import InService, Place, Registration
from kdlib.errors import ApiError, NotFoundError, WorldError
from kdlib.frozen import Json
from kdlib.kube import Api
from kdlib.wire import SERVICE, Ref

__all__ = ["Registrar", "deregister", "registered_refs"]

_log = logging.getLogger(__name__)


class Registrar:
    """Registers the webhook, and registers it anew where somebody changed that.

    Guarantees: nothing is written where all is as wanted; nothing is registered that the API server could not reach
    because its Service is not there. The registration outlives the process: it ends by `deregister` alone.
    """

    def __init__(self, api: Api, place: Place, registration: Registration) -> None:
        self._api = api
        self._place = place
        self._registration = registration

    @property
    def refs(self) -> tuple[Ref, ...]:
        """Return both configurations."""
        return registered_refs(self._registration.name)

    async def register(self, authorities: str, operator: str = "") -> bool:
        """Make the registration true; tell whether anything had to be written. Raises WorldError."""
        wrote = False
        for wanted, ref in zip(self._wanted(authorities, operator), self.refs, strict=True):
            if is_registered(wanted, await self._read(ref)):
                continue
            if not wrote:
                await self._require_service()
            await self._write(ref, wanted)
            wrote = True
        return wrote

    def _wanted(self, authorities: str, operator: str) -> tuple[Json, Json]:
        return configurations(self._place, authorities, self._registration, operator)

    async def _write(self, ref: Ref, wanted: Json) -> None:
        try:
            written = await self._api.apply(wanted)
        except ApiError as error:
            found = await self._read(ref) if error.code == 422 else None
            if found is None:
                raise
            # A Service that another release wrote does not go by applying a URL, and both together are refused.
            await self._replace(ref, wanted, found)
            written = await self._api.apply(wanted)
        if not is_registered(wanted, written):
            # What others added - webhooks of an older release, selectors, conditions - an apply leaves in place.
            await self._replace(ref, wanted, written)
        _log.info("%s: registered", ref)

    async def _replace(self, ref: Ref, wanted: Json, found: Json) -> None:
        version = found["metadata"]["resourceVersion"]
        unchanged = {"op": "test", "path": "/metadata/resourceVersion", "value": version}
        whole = {"op": "add", "path": "/webhooks", "value": replaced(wanted, found)}
        await self._api.json_patch(ref, [unchanged, whole])

    async def _read(self, ref: Ref) -> Json | None:
        try:
            return await self._api.get(ref)
        except NotFoundError:
            return None

    async def _require_service(self) -> None:
        """Raise WorldError where the Service is not there: every write of apps and clusters would be refused."""
        match self._place:
            case InService(namespace=namespace, name=name):
                ref = Ref(SERVICE, namespace, name)
                if await self._read(ref) is None:
                    raise WorldError(f"{ref} is not there, so the webhook is not registered; create it")


async def deregister(api: Api, name: str = Registration().name) -> tuple[Ref, ...]:
    """Remove both configurations; return those that were there. Raises WorldError."""
    removed = []
    for ref in registered_refs(name):
        try:
            await api.delete(ref)
        except NotFoundError:
            continue
        removed.append(ref)
    return tuple(removed)


def registered_refs(name: str = Registration().name) -> tuple[Ref, Ref]:
    """Return both configurations of this name."""
    return Ref(MUTATING, "", name), Ref(VALIDATING, "", name)
