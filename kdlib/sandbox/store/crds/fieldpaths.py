"""Paths of fields in rules (`.spec.size`, `['a.b']`): which are valid, and how messages write them.

Layer: pure.
"""

import re
from collections.abc import Mapping

from kdlib.wire import Schema

__all__ = ["written_path"]

_STEP = re.compile(r"\.(?P<name>[^.\[\]]+)|\['(?P<key>(?:[^'\\]|\\.)*)'\]")
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "'": "'", "\\": "\\"}


def written_path(path: str, schema: Schema) -> str | None:
    """Return a path below a node as messages write it; None where it leads nowhere."""
    written = ""
    at = 0
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            return None
        at = step.end()
        name = step["name"] if step["name"] is not None else _unescaped(step["key"])
        if name is None:
            return None
        if schema.raw.get("properties"):
            if name not in schema.fields:
                return None
            schema, written = schema.fields[name], f"{written}.{name}"
        elif isinstance(schema.raw.get("additionalProperties"), Mapping) and schema.additional is not None:
            schema, written = schema.additional, f"{written}[{name}]"
        else:
            return None
    return written.removeprefix(".")


def _unescaped(text: str) -> str | None:
    found = re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], "\0"), text)
    return None if "\0" in found else found
