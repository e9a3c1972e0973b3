"""Request bodies: JSON, YAML or protobuf, of limited size, with the fields that occur twice.

Layer: shell.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
import yaml
from aiohttp.web import BaseRequest

from kdlib.errors import ApiError, api_error, from_status
from kdlib.sandbox.http.protobuf import PROTOBUF, decoded_protobuf
from kdlib.wire import APPLY, JSON, JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH

__all__ = ["LIMIT_BYTES", "Body", "decoded", "media_type", "read"]

LIMIT_BYTES = 3 * 1024 * 1024
_YAML = "application/yaml"
_PATCHES = frozenset({APPLY, JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH})

Body = tuple[Any, tuple[str, ...]]
"""A decoded body, None for an empty one, and the paths of fields that occur twice in it."""


class _Loader(yaml.CSafeLoader):
    """YAML as the API server reads it: times stay text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def media_type(request: BaseRequest) -> str:
    """Return the content type of a request without parameters; JSON where it names none.

    Raises a 415 for what the method does not take.
    """
    media = request.headers.get("Content-Type", "").partition(";")[0].strip().lower() or JSON
    if request.method == "PATCH":
        if media not in _PATCHES:
            error = api_error(415, "UnsupportedMediaType", "415: Unsupported Media Type")
            raise from_status({**error.status, "details": {}})
    elif media not in (JSON, _YAML, PROTOBUF):
        message = (
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json, application/yaml, application/vnd.kubernetes.protobuf"
        )
        raise api_error(415, "UnsupportedMediaType", message)
    return media


async def read(request: BaseRequest) -> bytes:
    """Read the whole body; raises a 413 for one that is larger than the limit."""
    if (request.content_length or 0) > LIMIT_BYTES:
        raise _too_large()
    chunks, size = [], 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
        if size > LIMIT_BYTES:
            raise _too_large()
        chunks.append(chunk)
    return b"".join(chunks)


def decoded(data: bytes, media: str, *, find_duplicates: bool) -> Body:
    """Decode a body; raises a 400 where it cannot be read."""
    if media == PROTOBUF:
        return decoded_protobuf(data), ()
    if not data.strip():
        return None, ()
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        if media not in (_YAML, APPLY):
            raise _unreadable(data, media, error) from error
        return _decoded_yaml(data)
    if not find_duplicates or _has_no_duplicate(value, data):
        return value, ()
    return value, tuple(_duplicates(data))


def _decoded_yaml(data: bytes) -> Body:
    try:
        # `_Loader` is a SafeLoader that leaves times as texts, which the linter cannot see.
        value = yaml.load(data, _Loader)  # noqa: S506 - makes plain values alone, as any SafeLoader
        return _text_keys(value), ()
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        problem = getattr(error, "problem", None) or str(error)
        message = f"error decoding YAML: error converting YAML to JSON: yaml: {problem}"
        raise api_error(400, "BadRequest", message) from error


def _text_keys(value: Any) -> Any:
    match value:
        case dict():
            return {_text_key(key): _text_keys(item) for key, item in value.items()}
        case list():
            return [_text_keys(item) for item in value]
        case _:
            return value


def _text_key(key: Any) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


def _unreadable(data: bytes, media: str, error: orjson.JSONDecodeError) -> ApiError:
    if media in _PATCHES:
        return api_error(400, "BadRequest", f"error decoding patch: {error}")
    shown = data[:64].decode(errors="replace")
    return api_error(400, "BadRequest", f"couldn't get version/kind; json parse error: {error} ({shown})")


def _too_large() -> ApiError:
    return api_error(413, "RequestEntityTooLarge", f"Request entity too large: limit is {LIMIT_BYTES}")


def _has_no_duplicate(value: Any, data: bytes) -> bool:
    # Each key stands in the text before a colon, and a key that was dropped is missing where the value is written
    # again; what strings hold is counted on both sides alike. This spares most bodies the slow second look.
    return orjson.dumps(value).count(b'":') == data.count(b'":') + data.count(b'" :')


def _duplicates(data: bytes) -> list[str]:
    found: list[tuple[Any, str]] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(items)
        if len(value) != len(items):
            seen: set[str] = set()
            for key, _ in items:
                if key in seen:
                    found.append((value, key))
                seen.add(key)
        return value

    value = json.loads(data, object_pairs_hook=pairs)
    return [path for owner, key in found for path in _paths_to(value, owner, key)]


def _paths_to(value: Any, owner: Any, key: str, prefix: str = "") -> Sequence[str]:
    if value is owner:
        return [f"{prefix}.{key}" if prefix else key]
    return [path for where, item in _inside(value, prefix) for path in _paths_to(item, owner, key, where)]


def _inside(value: Any, prefix: str) -> Iterable[tuple[str, Any]]:
    """Return what a value holds, with the paths to it."""
    match value:
        case dict():
            return [(f"{prefix}.{name}" if prefix else name, item) for name, item in value.items()]
        case list():
            return [(f"{prefix}[{index}]", item) for index, item in enumerate(value)]
        case _:
            return ()
