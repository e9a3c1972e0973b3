"""The functions that Kubernetes adds to CEL, and those of CEL that the evaluating library does in its own way.

Each takes and gives plain values; what they raise is worded as by the reference server.
See https://kubernetes.io/docs/reference/using-api/cel/#cel-community-libraries and #kubernetes-cel-libraries.

Layer: pure.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from kdlib.frozen import Json
from kdlib.sandbox.store.crds.cel.networks import NETWORK_FUNCTIONS
from kdlib.sandbox.store.crds.cel.quantities import QUANTITY_FUNCTIONS
from kdlib.sandbox.store.crds.cel.texts import formatted, quoted, text_of

__all__ = ["FUNCTIONS"]

_LEAST, _MOST = -(2**63), 2**63 - 1


def _size(value: Any) -> int:
    return len(value)


def _int(value: Any) -> int:
    match value:
        case str():
            if not re.fullmatch(r"[-+]?\d+", value, re.ASCII):
                raise ValueError(f'strconv.ParseInt: parsing "{value}": invalid syntax')
            return _checked(int(value))
        case float():
            if math.isnan(value) or not _LEAST < value < _MOST:
                raise ValueError("integer overflow")
            return int(value)
        case datetime():
            return int(value.timestamp())
        case timedelta():
            return round(value / timedelta(microseconds=1)) * 1000
        case _:
            return _checked(int(value))


def _checked(number: int) -> int:
    if not _LEAST <= number <= _MOST:
        raise ValueError("integer overflow")
    return number


def _double(value: Any) -> float:
    try:
        return float(value)
    except ValueError:
        raise ValueError(f'strconv.ParseFloat: parsing "{value}": invalid syntax') from None


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in {"1", "t", "T", "true", "TRUE", "True"}:
        return True
    if value in {"0", "f", "F", "false", "FALSE", "False"}:
        return False
    raise ValueError("type conversion error from 'string' to 'bool'")


def _timestamp(value: Any) -> datetime:
    match value:
        case int():
            return datetime.fromtimestamp(value, UTC)
        case datetime():
            return value
        case _:
            return _read_time(str(value))


def _read_time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("type conversion error from 'string' to 'google.protobuf.Timestamp'") from None


def _calendar(part: Callable[[datetime], int]) -> Callable[[datetime, str], int]:
    def read(moment: datetime, zone: str) -> int:
        return part(moment.astimezone(_zone(zone)))

    return read


def _zone(name: str) -> tzinfo:
    shift = re.fullmatch(r"([-+]?)(\d\d):(\d\d)", name)
    if shift is None:
        return ZoneInfo(name)
    sign = -1 if shift[1] == "-" else 1
    return timezone(sign * timedelta(hours=int(shift[2]), minutes=int(shift[3])))


# --- text -----------------------------------------------------------------------------------------------------------


def _char_at(text: str, index: int) -> str:
    if not 0 <= index <= len(text):
        raise ValueError(f"index out of range: {index}")
    return text[index : index + 1]


def _index_of(value: Any, wanted: Any, start: int = 0) -> int:
    if not isinstance(value, str):
        return next((index for index, item in enumerate(value) if item == wanted), -1)
    if not 0 <= start <= len(value):
        raise ValueError(f"index out of range: {start}")
    return value.find(wanted, start)


def _last_index_of(value: Any, wanted: Any, end: int | None = None) -> int:
    if not isinstance(value, str):
        return next((index for index in range(len(value) - 1, -1, -1) if value[index] == wanted), -1)
    if end is None:
        return value.rfind(wanted)
    if not 0 <= end <= len(value):
        raise ValueError(f"index out of range: {end}")
    return value.rfind(wanted, 0, end + len(wanted))


def _lower(text: str) -> str:
    return "".join(sign.lower() if sign.isascii() else sign for sign in text)


def _upper(text: str) -> str:
    return "".join(sign.upper() if sign.isascii() else sign for sign in text)


def _replace(text: str, old: str, new: str, limit: int = -1) -> str:
    return text.replace(old, new, limit)


def _split(text: str, separator: str, limit: int = -1) -> list[str]:
    if limit == 0:
        return []
    if not separator:
        signs = list(text)
        return signs if limit < 0 or len(signs) <= limit else [*signs[: limit - 1], "".join(signs[limit - 1 :])]
    return text.split(separator, limit - 1 if limit > 0 else -1)


def _substring(text: str, start: int, end: int | None = None) -> str:
    stop = len(text) if end is None else end
    if not 0 <= start <= len(text):
        raise ValueError(f"index out of range: {start}")
    if not 0 <= stop <= len(text):
        raise ValueError(f"index out of range: {stop}")
    if start > stop:
        raise ValueError(f"invalid substring range. start: {start}, end: {stop}")
    return text[start:stop]


def _join(items: list[str], separator: str = "") -> str:
    return separator.join(items)


def _find(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    return found[0] if found else ""


def _find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    found = [each[0] for each in re.finditer(pattern, text)]
    return found if limit < 0 else found[:limit]


# --- lists ----------------------------------------------------------------------------------------------------------


def _sum(items: list[Any]) -> Any:
    if items and isinstance(items[0], timedelta):
        return sum(items, timedelta())
    total = sum(items)
    return _checked(total) if isinstance(total, int) else total


def _min(items: list[Any]) -> Any:
    if not items:
        raise ValueError("min called on empty list")
    return min(items)


def _max(items: list[Any]) -> Any:
    if not items:
        raise ValueError("max called on empty list")
    return max(items)


def _is_sorted(items: list[Any]) -> bool:
    return all(one <= other for one, other in pairwise(items))


def _contains(items: list[Any], parts: list[Any]) -> bool:
    return all(part in items for part in parts)


def _slice(items: list[Any], start: int, end: int) -> list[Any]:
    if start < 0 or end < 0:
        raise ValueError(f"cannot slice({start}, {end}), negative indexes not supported")
    if start > end:
        raise ValueError(f"cannot slice({start}, {end}), start index must be less than or equal to end index")
    if end > len(items):
        raise ValueError(f"cannot slice({start}, {end}), list is length {len(items)}")
    return items[start:end]


def _flatten(items: list[Any], depth: int = 1) -> list[Any]:
    if depth <= 0:
        return items
    flat: list[Any] = []
    for item in items:
        flat += _flatten(item, depth - 1) if isinstance(item, list) else [item]
    return flat


def _distinct(items: list[Any]) -> list[Any]:
    kept: list[Any] = []
    for item in items:
        if item not in kept:
            kept.append(item)
    return kept


def _same(one: list[Any], other: Any) -> bool:
    """Compare lists whose order says nothing."""
    return isinstance(other, list) and len(one) == len(other) and all(item in other for item in one)


def _merged(one: list[Any], other: list[Any], keys: list[str]) -> list[Any]:
    """Add sets as sets, keyed lists by their keys: what the second has stands in the place that it has in the first."""
    if not keys:
        return [*one, *(item for item in other if item not in one)]
    names = [_key(item, keys) for item in one]
    theirs = {_key(item, keys): item for item in other}
    return [
        *(theirs.get(name, item) for name, item in zip(names, one, strict=True)),
        *(item for item in other if _key(item, keys) not in names),
    ]


def _key(item: Json, keys: list[str]) -> tuple[Any, ...]:
    return tuple(item.get(key) for key in keys)


# --- optionals and what macros need ---------------------------------------------------------------------------------


def _select(value: Any, key: Any) -> Any:
    """Return what stands under a key or index as an optional; an optional is looked into."""
    # The library is there by now: it calls this.
    from cel import OptionalValue

    if isinstance(value, OptionalValue):
        if not value.has_value():
            return value
        value = value.value()
    is_there = 0 <= key < len(value) if isinstance(value, list) else key in value
    return OptionalValue.of(value[key]) if is_there else OptionalValue.none()


def _ends(position: int) -> Callable[[list[Any]], Any]:
    def read(items: list[Any]) -> Any:
        return _select(items, position % len(items) if items else 0)

    return read


def _present(items: list[Any], optional: list[int]) -> list[Any]:
    kept = []
    for index, item in enumerate(items):
        if index not in optional:
            kept.append(item)
        elif item.has_value():
            kept.append(item.value())
    return kept


def _entries(keys: list[Any], values: list[Any], optional: list[int]) -> Json:
    found: Json = {}
    for index, (key, value) in enumerate(zip(keys, values, strict=True)):
        if index not in optional:
            found[key] = value
        elif value.has_value():
            found[key] = value.value()
    return found


def _gathered(maps: list[Json]) -> Json:
    found: Json = {}
    for each in maps:
        for key, value in each.items():
            if key in found:
                raise ValueError(f"insert failed: key {key} already exists")
            found[key] = value
    return found


def _indices(value: Any) -> list[Any]:
    # The order is that of no map: two calls must give the same.
    return sorted(value, key=text_of) if isinstance(value, dict) else list(range(len(value)))


_CALENDAR: Mapping[str, Callable[..., Any]] = {
    "getDate": _calendar(lambda at: at.day),
    "getDayOfMonth": _calendar(lambda at: at.day - 1),
    "getDayOfWeek": _calendar(lambda at: at.isoweekday() % 7),
    "getDayOfYear": _calendar(lambda at: at.timetuple().tm_yday - 1),
    "getFullYear": _calendar(lambda at: at.year),
    "getHours": _calendar(lambda at: at.hour),
    "getMilliseconds": _calendar(lambda at: at.microsecond // 1000),
    "getMinutes": _calendar(lambda at: at.minute),
    "getMonth": _calendar(lambda at: at.month - 1),
    "getSeconds": _calendar(lambda at: at.second),
}
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "size": _size,
    "string": text_of,
    "int": _int,
    "double": _double,
    "bool": _bool,
    "timestamp": _timestamp,
    "charAt": _char_at,
    "indexOf": _index_of,
    "lastIndexOf": _last_index_of,
    "lowerAscii": _lower,
    "upperAscii": _upper,
    "replace": _replace,
    "split": _split,
    "substring": _substring,
    "trim": str.strip,
    "join": _join,
    "find": _find,
    "findAll": _find_all,
    "sum": _sum,
    "min": _min,
    "max": _max,
    "isSorted": _is_sorted,
    "sort": sorted,
    "sets_contains": _contains,
    "sets_equivalent": lambda one, other: _contains(one, other) and _contains(other, one),
    "sets_intersects": lambda one, other: any(item in other for item in one),
    "slice": _slice,
    "flatten": _flatten,
    "distinct": _distinct,
    "reverse": lambda items: items[::-1],
    "first": _ends(0),
    "last": _ends(-1),
    "lists_range": lambda count: list(range(count)),
    "same": _same,
    "merged": _merged,
    "select": _select,
    "present": _present,
    "entries": _entries,
    "gathered": _gathered,
    "indices": _indices,
    "format": formatted,
    "strings_quote": quoted,
    "sortBy": lambda items, keys: [items[at] for at in sorted(range(len(items)), key=keys.__getitem__)],
    **_CALENDAR,
    **NETWORK_FUNCTIONS,
    **QUANTITY_FUNCTIONS,
}
"""Every function that an expression as written for the library may call, without the prefix of its name."""
