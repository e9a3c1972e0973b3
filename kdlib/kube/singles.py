"""Singles: objects that are watched one by one, as long as somebody refers to them.

Of some kinds nobody should need the right to read every object (W-36). A watch of one object, by its name, asks for
the right to read that one: see https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources.

Layer: shell.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup

from kdlib.errors import ApiError, WorldError
from kdlib.frozen import Json
from kdlib.kube.api import Api, Selection
from kdlib.kube.cache import Cache
from kdlib.kube.reflector import Reflector, ReflectorSettings
from kdlib.wire import Kind, Ref

__all__ = ["Singles"]

_PASSING = (408, 410, 429)


def _unmanaged(obj: Json) -> Json:
    """Return the object as its user sees it: members are told of all else in it."""
    return {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key != "managedFields"}}


@dataclass(slots=True)
class _Single:
    """One watched object: its cache of one, since when it is watched, and what went wrong with the last list."""

    since: float
    cache: Cache = field(default_factory=lambda: Cache(transform=_unmanaged))
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    error: WorldError | None = None
    is_known: bool = False


class Singles:
    """Watches of single objects of some kinds, each with a cache of its own.

    Guarantees: each object is watched at most once, from `follow` to `drop`; `changed` is called when it comes, changes
    or goes, when it is known for the first time that it is not there, and when what keeps it from being read changes;
    one that cannot be read disturbs no other.
    Cancellation: of `run` ends all watches.
    """

    def __init__(
        self,
        api: Api,
        kinds: Collection[Kind],
        changed: Callable[[Ref], None],
        *,
        settings: ReflectorSettings | None = None,
        patience_seconds: float = 10.0,
    ) -> None:
        self.kinds = frozenset(kinds)
        self.patience_seconds = patience_seconds
        self._api = api
        self._changed = changed
        self._settings = settings or ReflectorSettings()
        self._watched: dict[Ref, _Single] = {}
        self._group: TaskGroup | None = None

    async def run(self) -> None:
        """Watch until cancelled."""
        async with anyio.create_task_group() as group:
            self._group = group
            for ref, single in self._watched.items():
                group.start_soon(self._watch, ref, single)
            await anyio.sleep_forever()

    def follow(self, ref: Ref) -> None:
        """Watch the object from now on."""
        if ref.kind not in self.kinds or ref in self._watched:
            return
        single = self._watched[ref] = _Single(anyio.current_time())
        single.cache.subscribe(lambda _: self._changed(ref))
        if self._group is not None:
            self._group.start_soon(self._watch, ref, single)

    def drop(self, ref: Ref) -> None:
        """Watch the object no more, and forget it."""
        single = self._watched.pop(ref, None)
        if single is not None:
            single.scope.cancel()

    def get(self, ref: Ref) -> Json | None:
        """Return the object as it was last told, or None."""
        single = self._watched.get(ref)
        return single.cache.get(ref.namespace, ref.name) if single else None

    def cache(self, ref: Ref) -> Cache | None:
        """Return the cache of one object that is watched, or None."""
        single = self._watched.get(ref)
        return single.cache if single else None

    def is_awaited(self, ref: Ref) -> bool:
        """Tell whether it may still become known soon whether the object is there.

        A server that refuses has answered; of one that does not answer nobody waits longer than `patience_seconds`.
        """
        single = self._watched.get(ref)
        if single is None or single.is_known or _refuses(single.error):
            return False
        return anyio.current_time() < single.since + self.patience_seconds

    def trouble(self, ref: Ref) -> str | None:
        """Return why it is not known whether the object is there, None where that is known."""
        single = self._watched.get(ref)
        if single is None or single.is_known:
            return None
        return str(single.error) if single.error else "the API server does not answer"

    async def _watch(self, ref: Ref, single: _Single) -> None:
        selection = Selection(ref.kind, ref.namespace, fields=f"metadata.name={ref.name}")

        def told(error: WorldError | None) -> None:
            is_news = str(error) != str(single.error) or (error is None and not single.is_known)
            single.error, single.is_known = error, single.is_known or error is None
            if is_news:
                self._changed(ref)

        with single.scope:
            await Reflector(self._api, selection, single.cache, settings=self._settings, told=told).run()


def _refuses(error: WorldError | None) -> bool:
    return isinstance(error, ApiError) and 400 <= error.code < 500 and error.code not in _PASSING
