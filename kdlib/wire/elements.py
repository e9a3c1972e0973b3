"""How the items of granular lists are named: by their keys, or by their value.

Layer: pure.
"""

from functools import lru_cache
from typing import Any

import orjson

from kdlib.frozen import Json
from kdlib.wire.schema import Schema

__all__ = ["ShapeError", "item_element", "item_elements"]


class ShapeError(Exception):
    """An object does not have the shape of its schema; `problems` are (path, what) pairs."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        texts = [f"{path}: {what}" if path else what for path, what in problems]
        super().__init__(texts[0] if len(texts) == 1 else "\n  ".join(["errors:", *texts]))


def item_element(schema: Schema, item: Any) -> str:
    """Return the path element that names an item of a granular list.

    Raises ShapeError where the item has none of the key fields, or is no value that a set may hold.
    """
    keys = schema.keys
    if not keys:
        return _set_element(item)
    if not isinstance(item, dict):
        kind = "a null element" if item is None else "non-map elements"
        raise ShapeError([("", f"associative list with keys may not have {kind}")])
    value = item.get(keys[0])
    if len(keys) == 1 and type(value) is str:
        return _keyed_element(keys[0], value)
    return _compound_element(schema, item)


def item_elements(schema: Schema, items: list[Any]) -> tuple[str, ...]:
    """Return the path elements that name the items of a granular list; raises ShapeError like `item_element`."""
    keys = schema.keys
    if len(keys) == 1:
        key = keys[0]
        try:
            names = tuple([item[key] for item in items])
        except (KeyError, TypeError):
            names = ()
        if names and _TEXT.issuperset(map(type, names)):
            return _keyed_elements(key, names) if len(names) <= _FEW else _named_elements(key, names)
    return tuple([item_element(schema, item) for item in items])


_TEXT = frozenset({str})
_FEW = 64


def _set_element(item: Any) -> str:
    if type(item) is str:
        return _text_element(item)
    if isinstance(item, dict | list) or item is None:
        raise ShapeError([("", _no_set_item(item))])
    return "v:" + _json(item)


def _compound_element(schema: Schema, item: Json) -> str:
    named = {**schema.key_defaults, **{key: item[key] for key in schema.keys if key in item}}
    if not named:
        quoted = " ".join(f'"{key}"' for key in schema.keys)
        what = f"associative list with keys has an element that omits all key fields [{quoted}]"
        raise ShapeError([("", f"{what} (and doesn't have default values for any key fields)")])
    return "k:" + _json(dict(sorted(named.items())))


@lru_cache(maxsize=4096)
def _text_element(item: str) -> str:
    return "v:" + _json(item)


@lru_cache(maxsize=4096)
def _keyed_element(key: str, value: str) -> str:
    # The same few names come again in every object of an application, and each is asked for many times in one write.
    return "k:" + _json({key: value})


def _named_elements(key: str, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple([_keyed_element(key, name) for name in names])


# One write names the items of each list several times.
_keyed_elements = lru_cache(maxsize=1024)(_named_elements)


def _no_set_item(item: Any) -> str:
    match item:
        case dict():
            return "associative list without keys has an element that's a map type"
        case list():
            return "not supported: associative list with lists as elements"
        case _:
            return "associative list without keys has an element that's an explicit null"


def _json(value: Any) -> str:
    text = orjson.dumps(value).decode()
    # The reference server escapes these three, so that keys compare equal as text.
    if "<" in text or ">" in text or "&" in text:
        text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return text
