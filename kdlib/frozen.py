"""Canonical JSON, digests, and reading into JSON values that nobody may change.

Objects of the Kubernetes API are plain decoded JSON everywhere in this library. By law nobody changes one that
somebody else made: a change is a new value, made by `merged` or by a copy.

Layer: pure.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, TypeAlias

import orjson

__all__ = ["Json", "canonical", "copied", "dig", "digest", "short_digest", "without_nulls"]

Json: TypeAlias = dict[str, Any]
"""A decoded JSON object. `Any` stands for JSON values: this is the edge where types end."""

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Letters of generated name suffixes: no vowels and no look-alikes, so no words arise."""


def canonical(value: Any) -> bytes:
    """Encode a JSON value so that equal values give equal bytes: keys sorted, no blanks, UTF-8."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def copied(value: Any) -> Any:
    """Copy a JSON value deeply."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copied(item) for item in value]
    return value


def without_nulls(value: Any) -> Any:
    """Copy a JSON value, fields that are null left out: users and servers write some, and nobody means them."""
    match value:
        case dict():
            return {key: without_nulls(item) for key, item in value.items() if item is not None}
        case list() | tuple():
            return [without_nulls(item) for item in value]
        case _:
            return value


def digest(value: Any) -> str:
    """Return the SHA-256 of a JSON value's canonical form, as 64 hex digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def short_digest(*parts: object, length: int = 5) -> str:
    """Return `length` name characters that depend on all parts and on their borders."""
    number = int.from_bytes(hashlib.sha256(canonical([str(part) for part in parts])).digest(), "big")
    letters = []
    for _ in range(length):
        number, index = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[index])
    return "".join(letters)


def dig(value: Any, *path: str | int, default: Any = None) -> Any:
    """Return what lies at the path of keys and indexes, or `default` where a step is missing or null."""
    for step in path:
        # Nearly every value on the way is a dict, and this is asked for in every pass and every write.
        if isinstance(value, dict):
            value = value.get(step)
            continue
        if value is None:
            return default
        match value, step:
            case Mapping(), str() if step in value:
                value = value[step]
            case list(), int() if -len(value) <= step < len(value):
                value = value[step]
            case _:
                return default
    return default if value is None else value
