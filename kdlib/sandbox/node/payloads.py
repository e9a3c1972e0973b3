"""The files of ConfigMap, Secret, downward API and projected volumes.

Source: https://kubernetes.io/docs/concepts/storage/projected-volumes/ and .../volumes/.

Layer: pure.
"""

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kdlib.frozen import Json, dig
from kdlib.sandbox.node.environment import ConfigurationError, Sources, field_value, resource_value

__all__ = ["PAYLOADS", "File", "TokenSource", "payload"]

PAYLOADS = ("configMap", "secret", "downwardAPI", "projected")
"""The volume sources whose files are computed."""

_DEFAULT_MODE = 0o644

TokenSource = Callable[[str, str], str]
"""Returns a token for the service account (`namespace`, `name`)."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of a volume."""

    data: bytes
    mode: int


def payload(volume: Json, sources: Sources, token: TokenSource) -> dict[str, File]:
    """Return the files of the volume, by their paths below its root.

    Raises: ConfigurationError for a missing object or key that is not optional.
    """
    if "projected" in volume:
        mode = dig(volume, "projected", "defaultMode", default=_DEFAULT_MODE)
        files: dict[str, File] = {}
        for source in dig(volume, "projected", "sources", default=[]):
            files |= _files(source, sources, token, mode=mode)
        return files
    name = next(each for each in PAYLOADS if each in volume)
    return _files(volume, sources, token, mode=dig(volume, name, "defaultMode", default=_DEFAULT_MODE))


def _files(source: Json, sources: Sources, token: TokenSource, *, mode: int) -> dict[str, File]:
    match source:
        case {"configMap": dict(wanted)}:
            return _selected("ConfigMap", wanted, sources, mode)
        case {"secret": dict(wanted)}:
            return _selected("Secret", wanted, sources, mode)
        case {"downwardAPI": dict(wanted)}:
            return {each["path"]: _downward(each, sources, mode) for each in wanted.get("items") or ()}
        case {"serviceAccountToken": dict(wanted)}:
            account = sources.pod["spec"].get("serviceAccountName") or "default"
            text = token(sources.pod["metadata"]["namespace"], account)
            return {wanted["path"]: File(text.encode(), mode)}
        case _:
            raise ConfigurationError(f"volume source {sorted(source)} is not supported by the sandbox")


def _selected(kind: str, wanted: Json, sources: Sources, mode: int) -> dict[str, File]:
    name = wanted.get("secretName") or wanted.get("name") or ""
    found, is_optional = sources.lookup(kind, name), bool(wanted.get("optional"))
    if found is None and not is_optional:
        raise ConfigurationError(f'{kind.lower()} "{name}" not found')
    data = _contents(kind, found or {})
    items = _items(wanted, data)
    missing = [item["key"] for item in items if item["key"] not in data]
    if missing and not is_optional:
        raise ConfigurationError(f"references non-existent {kind.lower()} key: {missing[0]}")
    return {item["path"]: File(data[item["key"]], item.get("mode", mode)) for item in items if item["key"] in data}


def _items(wanted: Json, data: Iterable[str]) -> list[Json]:
    """Return which keys become files, and where: all of them under their own names, if nothing is said."""
    return wanted.get("items") or [{"key": key, "path": key} for key in sorted(data)]


def _contents(kind: str, found: Json) -> dict[str, bytes]:
    data, binary = found.get("data") or {}, found.get("binaryData") or {}
    if kind == "Secret":
        return {key: base64.b64decode(value) for key, value in data.items()}
    texts = {key: value.encode() for key, value in data.items()}
    return texts | {key: base64.b64decode(value) for key, value in binary.items()}


def _downward(item: Json, sources: Sources, mode: int) -> File:
    chosen = item.get("mode", mode)
    if "fieldRef" in item:
        return File(field_value(item["fieldRef"]["fieldPath"], sources.pod).encode(), chosen)
    reference = item["resourceFieldRef"]
    containers = sources.pod["spec"].get("containers") or []
    container: Json = next((each for each in containers if each["name"] == reference.get("containerName")), {})
    return File(resource_value(reference, container, sources.capacity).encode(), chosen)
