"""The objects of the manifests of one check: those of KubeDirector, and those that they may refer to.

Layer: pure.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kdlib.frozen import Json, dig
from kdlib.names import GROUP
from kdlib.packages import Document
from kdlib.wire import KD_APP, KD_CLUSTER, KD_CONFIG, KD_STATUS_BACKUP

__all__ = ["LEGACY_GROUP", "OUR_KINDS", "Objects", "Subject", "text_at"]

LEGACY_GROUP = "kubedirector.bluedata.io"
"""API group of the older dialects."""

OUR_KINDS = {kind.name: kind for kind in (KD_APP, KD_CLUSTER, KD_CONFIG, KD_STATUS_BACKUP)}


def text_at(value: Json, *steps: str | int) -> str:
    """Return the text that lies at the path; empty where there is none."""
    found = dig(value, *steps)
    return found if isinstance(found, str) else ""


@dataclass(frozen=True)
class Subject:
    """One object, its place in the files, and what it is by its own words."""

    document: Document

    @property
    def value(self) -> Json:
        """Return the object."""
        return self.document.value

    @property
    def group(self) -> str:
        """Return the API group; empty for the core group, and where there is none."""
        group, slash, _ = text_at(self.value, "apiVersion").partition("/")
        return group if slash else ""

    @property
    def kind(self) -> str:
        """Return the kind; empty where there is none."""
        return text_at(self.value, "kind")

    @property
    def name(self) -> str:
        """Return the name; empty where there is none."""
        return text_at(self.value, "metadata", "name")

    @property
    def namespace(self) -> str:
        """Return the namespace; empty where the object leaves it to whoever applies it."""
        return text_at(self.value, "metadata", "namespace")

    @cached_property
    def size(self) -> int:
        """Return the number of values in the object, those that aliases repeat counted again."""
        count, todo = 0, [self.value]
        while todo:
            item: Any = todo.pop()
            count += 1
            if isinstance(item, dict):
                todo.extend(item.values())
            elif isinstance(item, list):
                todo.extend(item)
        return count

    @property
    def is_ours(self) -> bool:
        """Tell whether the object is one of KubeDirector's, by its group or its kind."""
        return self.group in (GROUP, LEGACY_GROUP) or (self.kind in OUR_KINDS and not self.group)

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name}" if self.namespace and self.name else self.name
        return f"{self.kind} {place}".strip()


class Objects:
    """All objects of the files, by group, kind and name."""

    def __init__(self, subjects: Iterable[Subject]) -> None:
        self._known: dict[tuple[str, str, str], list[Subject]] = defaultdict(list)
        self._by_kind: dict[tuple[str, str], list[Subject]] = defaultdict(list)
        for subject in subjects:
            self._by_kind[(subject.group, subject.kind)].append(subject)
            self._known[(subject.group, subject.kind, subject.name)].append(subject)

    def named(self, group: str, kind: str, name: str) -> tuple[Subject, ...]:
        """Return the objects of this name in all namespaces, in the order of the files."""
        return tuple(self._known.get((group, kind, name), ()))

    def near(self, group: str, kind: str, name: str, namespace: str) -> Subject | None:
        """Return the object of this name that may be in the namespace; one without a namespace may be in any."""
        found = self.named(group, kind, name)
        exact = [item for item in found if item.namespace == namespace]
        loose = [item for item in found if not (item.namespace and namespace)]
        return next(iter([*exact, *loose]), None)

    def of_kind(self, group: str, kind: str) -> tuple[Subject, ...]:
        """Return all objects of a kind, in the order of the files."""
        return tuple(self._by_kind.get((group, kind), ()))
