"""View: what the watch caches show of one root, gathered into a Seen.

Layer: shell.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from kdlib.frozen import Json, dig
from kdlib.kube import Cache
from kdlib.model import GuestFact, Seen
from kdlib.names import LABEL_CLUSTER
from kdlib.wire import Kind, Ref

__all__ = ["CLUSTER_INDEX", "OWNER_INDEX", "Related", "View", "cluster_terms", "owner_terms"]

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


def _no_refs(_: Json) -> Iterable[Ref]:
    return ()


@dataclass(frozen=True)
class Related:
    """Objects that roots refer to, besides their children.

    `refs` lists them for one root (any JSON, however wrong); only those of `kinds`, and of the kinds of children, are
    looked up and followed.
    """

    kinds: tuple[Kind, ...] = ()
    refs: Callable[[Json], Iterable[Ref]] = field(default=_no_refs)


class View:
    """The caches of one controller, read root by root.

    `roots` holds the objects of `kind`; `children` and `others` hold what belongs to them and what they refer to.
    Caches of children have the indexes `CLUSTER_INDEX` and `OWNER_INDEX`.
    """

    def __init__(
        self,
        kind: Kind,
        roots: Cache,
        children: Mapping[Kind, Cache],
        *,
        others: Mapping[Kind, Cache] | None = None,
        refs: Callable[[Json], Iterable[Ref]] = _no_refs,
    ) -> None:
        self.kind = kind
        self._roots = roots
        self._children = dict(children)
        self._others = dict(others or {})
        self._refs = refs

    @property
    def children(self) -> Collection[Kind]:
        """Return the kinds of children."""
        return self._children.keys()

    @cached_property
    def caches(self) -> Mapping[Kind, Cache]:
        """Return the cache of each kind."""
        return {**self._others, **self._children, self.kind: self._roots}

    def root(self, namespace: str, name: str) -> Json | None:
        """Return the root as it was last told, or None."""
        return self._roots.get(namespace, name)

    def refs(self, root: Json) -> tuple[Ref, ...]:
        """List what the root refers to and is followed here, each once."""
        return tuple(dict.fromkeys(ref for ref in self._refs(root) if ref.kind in self.caches))

    def seen(self, root: Json, facts: tuple[GuestFact, ...], *, now: datetime, entropy: str) -> Seen:
        """Gather all that may influence a pass over the root; the order of events leaves no trace in it."""
        return Seen(
            now=now,
            root=root,
            children=tuple(self._children_of(root)),
            related=tuple((ref, self._get(ref)) for ref in self.refs(root)),
            facts=facts,
            entropy=entropy,
        )

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
        return self.caches[ref.kind].get(ref.namespace, ref.name)
