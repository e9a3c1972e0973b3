"""View: what the watch caches show of one root, gathered into a Seen.

Layer: shell.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TypeAlias

from kdlib.frozen import Json, dig
from kdlib.kube import Cache, Singles
from kdlib.model import GuestFact, Seen
from kdlib.names import LABEL_CLUSTER
from kdlib.wire import Kind, Ref

__all__ = ["CLUSTER_INDEX", "OWNER_INDEX", "LookUp", "Refs", "Related", "View", "cluster_terms", "owner_terms"]

CLUSTER_INDEX = "cluster"
OWNER_INDEX = "owner"


def cluster_terms(obj: Json) -> Iterator[str]:
    """Yield the term under which a child is found by its cluster label."""
    label = dig(obj, "metadata", "labels", LABEL_CLUSTER)
    if isinstance(label, str):
        yield f"{dig(obj, 'metadata', 'namespace', default='')}/{label}"


def owner_terms(obj: Json) -> Iterator[str]:
    """Yield the UIDs of the object's owners."""
    for reference in dig(obj, "metadata", "ownerReferences", default=[]):
        uid = reference.get("uid")
        if isinstance(uid, str):
            yield uid


LookUp: TypeAlias = Callable[[Ref], Json | None]
"""Returns an object as it was last told, None where there is none, or nobody knows yet."""

Refs: TypeAlias = Callable[[Json, LookUp], Iterable[Ref]]
"""Lists what a root refers to, any JSON, however wrong; what that refers to in turn it may look up."""


def _no_refs(_: Json, __: LookUp) -> Iterable[Ref]:
    return ()


@dataclass(frozen=True)
class Related:
    """Objects that roots refer to, besides their children.

    `refs` lists them for one root, anew whenever one of them changes; only those of `kinds`, and of the kinds of
    children, are looked up and followed. Of `singles` each object that is referred to is watched by itself.
    """

    kinds: tuple[Kind, ...] = ()
    refs: Refs = field(default=_no_refs)
    singles: tuple[Kind, ...] = ()


Told: TypeAlias = Callable[[Iterable[Json]], Iterable[tuple[Ref, Json]]]
"""Gives what was told of a root's children by others: Events."""


def _nothing_told(_: Iterable[Json]) -> Iterable[tuple[Ref, Json]]:
    return ()


class View:
    """The caches of one controller, read root by root.

    `roots` holds the objects of `kind`; `children` and `others` hold what belongs to them and what they refer to;
    `told` gives what others tell of the children, `unlisted` why kinds may not be listed, as that stands. Caches of
    children have the indexes `CLUSTER_INDEX` and `OWNER_INDEX`.
    """

    def __init__(
        self,
        kind: Kind,
        roots: Cache,
        children: Mapping[Kind, Cache],
        *,
        others: Mapping[Kind, Cache] | None = None,
        refs: Refs = _no_refs,
        singles: Singles | None = None,
        unlisted: Mapping[Kind, str] | None = None,
        told: Told = _nothing_told,
    ) -> None:
        self.kind = kind
        self._roots = roots
        self._children = dict(children)
        self._others = dict(others or {})
        self._refs = refs
        self._singles = singles
        self._unlisted = {} if unlisted is None else unlisted
        self._told = told

    @property
    def children(self) -> Collection[Kind]:
        """Return the kinds of children."""
        return self._children.keys()

    @cached_property
    def caches(self) -> Mapping[Kind, Cache]:
        """Return the cache of each kind."""
        return {**self._others, **self._children, self.kind: self._roots}

    async def synced(self) -> None:
        """Wait until each kind was listed once, or is done without."""
        for cache in self.caches.values():
            await cache.synced.wait()

    def is_synced(self, kind: Kind) -> bool:
        """Tell whether a kind was listed once, or is done without."""
        return self.caches[kind].synced.is_set()

    def root(self, namespace: str, name: str) -> Json | None:
        """Return the root as it was last told, or None."""
        return self._roots.get(namespace, name)

    def refs(self, root: Json) -> tuple[Ref, ...]:
        """List what the root refers to and is followed here, each once."""
        single = self._singles.kinds if self._singles else frozenset()
        named = self._refs(root, self._get)
        return tuple(dict.fromkeys(ref for ref in named if ref.kind in self.caches or ref.kind in single))

    def awaited_seconds(self, root: Json) -> float:
        """Return for how long to wait at most for what the root refers to and is not known yet; 0 where all is."""
        singles = self._singles
        waits = singles is not None and any(singles.is_awaited(ref) for ref in self.refs(root))
        return singles.patience_seconds if singles is not None and waits else 0.0

    def related(self, root: Json) -> tuple[tuple[Ref, Json | None], ...]:
        """Return what the root refers to, as it was last told; what cannot be read is left out."""
        return tuple((ref, self._get(ref)) for ref in self.refs(root) if self._trouble(ref) is None)

    def seen(self, root: Json, facts: tuple[GuestFact, ...], *, now: datetime, entropy: str) -> Seen:
        """Gather all that may influence a pass over the root; the order of events leaves no trace in it."""
        children = tuple(self._children_of(root))
        return Seen(
            now=now,
            root=root,
            children=children,
            related=(*self.related(root), *self._told(children)),
            unreadable=tuple((ref, words) for ref in self.refs(root) if (words := self._trouble(ref)) is not None),
            facts=facts,
            entropy=entropy,
        )

    def shown(self, root: Json, kinds: Iterable[Kind]) -> Mapping[Kind, frozenset[str]]:
        """Return the names of the root's children of these kinds, as far as they are followed and may be listed."""
        found = tuple(self._children_of(root))
        return {
            kind: frozenset(obj["metadata"]["name"] for obj in found if obj["kind"] == kind.name)
            for kind in kinds
            if kind in self._children and kind not in self._unlisted
        }

    def _children_of(self, root: Json) -> Iterator[Json]:
        """Yield the objects with the root's label or owned by it, sorted by kind and name."""
        metadata = root["metadata"]
        term = f"{metadata.get('namespace', '')}/{metadata['name']}"
        for kind in sorted(self._children):
            cache = self._children[kind]
            children = (*cache.find(CLUSTER_INDEX, term), *cache.find(OWNER_INDEX, metadata["uid"]))
            found = {(obj["metadata"].get("namespace", ""), obj["metadata"]["name"]): obj for obj in children}
            yield from (found[key] for key in sorted(found))

    def _get(self, ref: Ref) -> Json | None:
        cache = self.caches.get(ref.kind)
        if cache is not None:
            return cache.get(ref.namespace, ref.name)
        return self._singles.get(ref) if self._singles else None

    def _trouble(self, ref: Ref) -> str | None:
        if ref.kind in self._unlisted:
            return self._unlisted[ref.kind]
        return self._singles.trouble(ref) if self._singles else None
