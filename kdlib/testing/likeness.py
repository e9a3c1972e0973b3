"""How what is there differs from what is wanted: only what is named counts.

Layer: pure.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["differences"]

_MOST_CHARACTERS = 200


def differences(found: Any, wanted: Any) -> tuple[str, ...]:
    """Return what keeps `found` from being as wanted, each with its path; empty where it is.

    Of an object only the fields named are compared; lists are compared item by item, and have the same length. `...`
    stands for anything that is there, None for a field that is not there.
    """
    return tuple(_differences("", found, wanted))


def _differences(path: str, found: Any, wanted: Any) -> Iterator[str]:
    match wanted:
        case Mapping() if isinstance(found, Mapping):
            for key, value in wanted.items():
                yield from _field(f"{path}.{key}" if path else str(key), found.get(key), value)
        case list() | tuple() if isinstance(found, list | tuple):
            yield from _items(path, found, wanted)
        case _:
            yield from _field(path or "(the object)", found, wanted)


def _field(path: str, found: Any, wanted: Any) -> Iterator[str]:
    both = {type(found), type(wanted)}
    if wanted is ...:
        if found is None:
            yield f"{path}: is absent"
    elif found is None and wanted is not None:
        yield f"{path}: is absent, wanted {_told(wanted)}"
    elif isinstance(found, Mapping) and isinstance(wanted, Mapping):
        yield from _differences(path, found, wanted)
    elif isinstance(found, list | tuple) and isinstance(wanted, list | tuple):
        yield from _items(path, found, wanted)
    elif found != wanted or (bool in both and len(both) > 1):
        yield f"{path}: is {_told(found)}, wanted {'nothing' if wanted is None else _told(wanted)}"


def _items(path: str, found: Sequence[Any], wanted: Sequence[Any]) -> Iterator[str]:
    if len(found) != len(wanted):
        yield f"{path}: has {len(found)} items, wanted {len(wanted)}: {_told(found)}"
        return
    for index, (one, other) in enumerate(zip(found, wanted, strict=True)):
        yield from _field(f"{path}[{index}]", one, other)


def _told(value: Any) -> str:
    text = json.dumps(value, default=str, sort_keys=True)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}..."
