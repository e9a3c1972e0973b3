"""Refusals: what StatefulSets could not make, which Kubernetes tells in Events alone.

A pod that a quota, a policy or an admission webhook forbids leaves no trace in the status of its StatefulSet.

Layer: shell.
"""

from collections.abc import Callable, Iterable, Iterator

import anyio

from kdlib.frozen import Json, dig
from kdlib.kube import Api, Cache, Change, Reflector, ReflectorSettings, Selection
from kdlib.wire import CORE_EVENT, STATEFUL_SET, Ref

__all__ = ["Refusals", "pruned_refusal"]

_FIELDS = f"involvedObject.kind={STATEFUL_SET.name},reason=FailedCreate"
_ABOUT = "about"
_PATIENCE_SECONDS = 5.0
_SUBJECT = ("namespace", "name", "uid")
_IDENTITY = ("name", "namespace", "uid", "resourceVersion")


def pruned_refusal(event: Json) -> Json:
    """Return what a pass reads of an Event: about what it is, when it was told last, and its words."""
    last = dig(event, "series", "lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    return {
        "apiVersion": CORE_EVENT.api_version,
        "kind": CORE_EVENT.name,
        "metadata": {key: event["metadata"][key] for key in _IDENTITY if key in event["metadata"]},
        "involvedObject": {key: dig(event, "involvedObject", key, default="") for key in _SUBJECT},
        "message": str(event.get("message") or ""),
        "lastTimestamp": str(last or ""),
    }


def _about(event: Json) -> Iterator[str]:
    yield str(dig(event, "involvedObject", "uid", default=""))


class Refusals:
    """Follows those Events alone, in all namespaces; `changed` is called with the StatefulSet that one is about.

    Nothing waits for them but the start, and for some seconds alone: an operator that may not read Events looks after
    its clusters without.
    """

    def __init__(self, changed: Callable[[str, str], None]) -> None:
        self._changed = changed
        self._cache = Cache(transform=pruned_refusal, indexes={_ABOUT: _about})
        self._cache.subscribe(self._tell)

    def reflector(self, api: Api, settings: ReflectorSettings) -> Reflector:
        """Return what keeps them up to date."""
        return Reflector(api, Selection(CORE_EVENT, fields=_FIELDS), self._cache, optional=True, settings=settings)

    async def known(self) -> None:
        """Wait until they were listed once, for some seconds at most."""
        with anyio.move_on_after(_PATIENCE_SECONDS):
            await self._cache.synced.wait()

    def about(self, children: Iterable[Json]) -> Iterator[tuple[Ref, Json]]:
        """Yield what was told of the StatefulSets among a root's children, sorted by name."""
        for child in children:
            if child.get("kind") == STATEFUL_SET.name:
                found = self._cache.find(_ABOUT, str(child["metadata"].get("uid", "")))
                for event in sorted(found, key=lambda item: str(item["metadata"]["name"])):
                    metadata = event["metadata"]
                    yield Ref(CORE_EVENT, metadata.get("namespace", ""), metadata["name"]), event

    def _tell(self, change: Change) -> None:
        subject = (change.after or change.before or {}).get("involvedObject") or {}
        self._changed(subject.get("namespace", ""), subject.get("name", ""))
