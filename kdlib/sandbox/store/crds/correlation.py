"""Which part of an old object a part of a new one corresponds to, and whether it is unchanged.

What was invalid before and is unchanged is let pass, as by the reference server. See
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-ratcheting.

Layer: pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import orjson

from kdlib.frozen import Json
from kdlib.wire import Schema

__all__ = ["Pair", "old_item"]


@dataclass
class Pair:
    """A value and the one that stood in its place before."""

    schema: Schema
    new: Any
    old: Any
    is_end: bool = False
    """True where no part of the new value has an old one: this pair stands for what is around them."""

    def below(self, step: str | int) -> "Pair":
        """Return the pair of a property or an item, or the end of correlation where there is none."""
        if self.is_end:
            return self
        found = self.key(step) if isinstance(step, str) else self.index(step)
        return found or replace(self, is_end=True)

    def key(self, name: str) -> "Pair | None":
        """Return the pair of a property; None where one of both has none, or no schema says what it is."""
        if not isinstance(self.new, dict) or not isinstance(self.old, dict):
            return None
        node = self.schema.fields.get(name)
        if node is None and isinstance(self.schema.raw.get("additionalProperties"), Mapping):
            node = self.schema.additional
        if node is None or name not in self.new or name not in self.old:
            return None
        return Pair(node, self.new[name], self.old[name])

    def index(self, index: int) -> "Pair | None":
        """Return the pair of an item of a keyed list; None for other lists, whose items have no names."""
        if not isinstance(self.new, list) or not isinstance(self.old, list):
            return None
        found = old_item(self.schema, self.new[index], self.old)
        return None if found is None else Pair(self.schema.items, self.new[index], found)

    @cached_property
    def is_unchanged(self) -> bool:
        """Tell whether the new value is the old one; keyed lists may have changed their order."""
        if isinstance(self.new, dict) and isinstance(self.old, dict):
            return len(self.new) == len(self.old) and all(_same(self.key(name)) for name in self.new)
        if isinstance(self.new, list) and isinstance(self.old, list) and self.schema.keys:
            return len(self.new) == len(self.old) and all(_same(self.index(index)) for index in range(len(self.new)))
        return _text(self.new) == _text(self.old)


def _same(pair: Pair | None) -> bool:
    return pair is not None and pair.is_unchanged


def _text(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def old_item(schema: Schema, item: Any, old: Any) -> Json | None:
    """Return the item of an old list that has the same keys as one of a new list; None for lists without keys."""
    if not schema.keys or not isinstance(old, list) or not isinstance(item, dict):
        return None
    wanted = [item.get(key) for key in schema.keys]
    return next((one for one in old if isinstance(one, dict) and [one.get(k) for k in schema.keys] == wanted), None)
