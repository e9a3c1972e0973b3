"""List: selectors, pages, and the versions that may be asked for.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list.

Layer: shell.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from kdlib.errors import api_error
from kdlib.frozen import Json
from kdlib.sandbox.store.core import Core
from kdlib.sandbox.store.faults import (
    bad_request,
    expired,
    forbidden_field,
    invalid_options,
    too_large_version,
    unsupported,
)
from kdlib.sandbox.store.resources import Resource
from kdlib.sandbox.store.selection import check_fields
from kdlib.wire import FieldSelector, LabelSelector, SelectorError, parse_fields, parse_labels

__all__ = ["Query", "list_body", "listed", "read_query", "selected"]

_GONE = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list "
    "without the continue parameter."
)


@dataclass(frozen=True, slots=True)
class Query:
    """What a list or watch asks for."""

    labels: LabelSelector = field(default_factory=LabelSelector)
    fields: FieldSelector = field(default_factory=FieldSelector)
    limit: int = 0
    token: str = ""
    version: str = ""
    match: str = ""

    @property
    def is_everything(self) -> bool:
        """Tell whether no selector chooses."""
        return self.labels.is_everything and not self.fields.terms


def read_query(resource: Resource, query: Mapping[str, str]) -> Query:
    """Read the query of a list or watch; raises ApiError 400."""
    try:
        labels = parse_labels(query.get("labelSelector", ""))
        fields = parse_fields(query.get("fieldSelector", ""))
    except SelectorError as error:
        raise bad_request(str(error)) from error
    check_fields(resource, fields)
    limit = query.get("limit") or "0"
    if not limit.lstrip("-").isdigit():
        raise bad_request(f'strconv.ParseInt: parsing "{limit}": invalid syntax')
    version, match = query.get("resourceVersion", ""), query.get("resourceVersionMatch", "")
    if version and not version.isdigit():
        what = f'strconv.ParseUint: parsing "{version}": invalid syntax'
        if query.get("watch"):
            raise api_error(500, "", what)
        raise bad_request(f'invalid resource version: resourceVersion: Invalid value: "{version}": {what}')
    _check_match(query, version, match)
    return Query(labels, fields, int(limit), query.get("continue", ""), version, match)


def _check_match(query: Mapping[str, str], version: str, match: str) -> None:
    if not match or query.get("sendInitialEvents"):
        return
    where, problem = "resourceVersionMatch", None
    if query.get("continue"):
        problem = forbidden_field(where, f"{where} is forbidden when continue is provided")
    elif not version:
        problem = forbidden_field(where, f"{where} is forbidden unless resourceVersion is provided")
    elif match not in {"Exact", "NotOlderThan"}:
        problem = unsupported(where, match, ("Exact", "NotOlderThan", ""))
    elif match == "Exact" and version == "0":
        problem = forbidden_field(where, f'{where} "exact" is forbidden for resourceVersion "0"')
    if problem is not None:
        raise invalid_options("ListOptions", [problem])


def selected(query: Query, obj: Json) -> bool:
    """Tell whether an object fulfils both selectors."""
    if not query.labels.is_everything and not query.labels.matches(obj["metadata"].get("labels")):
        return False
    return not query.fields.terms or query.fields.matches(obj)


def listed(core: Core, resource: Resource, namespace: str, query: Query) -> tuple[list[Json], Json]:
    """Return the objects of a page, in the order of namespace and name, and the list's metadata."""
    start, version = _starting_point(core, resource, query)
    objects: Mapping[tuple[str, str], Json] = core.shelves.objects(resource.storage)
    if version != core.shelves.version:
        objects = core.shelves.history(resource.storage).rewound(objects, version)
    keys = sorted(key for key in objects if (not namespace or key[0] == namespace) and key > start)
    found: list[Json] = []
    for index, key in enumerate(keys):
        if query.limit and len(found) == query.limit:
            return found, _page_metadata(version, query, keys, index)
        obj = resource.shown(objects[key])
        if query.is_everything or selected(query, obj):
            found.append(obj)
    return found, {"resourceVersion": str(version)}


def _page_metadata(version: int, query: Query, keys: list[tuple[str, str]], index: int) -> Json:
    """Return the metadata of a page that ends before the key at the index."""
    metadata: Json = {"resourceVersion": str(version), "continue": _token(version, keys[index - 1])}
    return {**metadata, "remainingItemCount": len(keys) - index} if query.is_everything else metadata


def _starting_point(core: Core, resource: Resource, query: Query) -> tuple[tuple[str, str], int]:
    current = core.shelves.version
    if query.token:
        version, start = _read_token(query.token)
        if version < core.shelves.history(resource.storage).floor:
            raise expired(_GONE)
        return start, version
    if not query.version or query.version == "0":
        return ("", ""), current
    asked = int(query.version)
    if asked > current:
        raise too_large_version(asked, current)
    if query.match != "Exact" and not (query.limit and not query.match):
        return ("", ""), current
    if asked < core.shelves.history(resource.storage).floor:
        raise expired("The resourceVersion for the provided list is too old.")
    return ("", ""), asked


def _token(version: int, last: tuple[str, str]) -> str:
    value = {"v": "meta.k8s.io/v1", "rv": version, "start": "/".join(last) + "\0"}
    return urlsafe_b64encode(orjson.dumps(value)).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, tuple[str, str]]:
    what = "invalid continue token: continue key is not valid"
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (Base64Error, ValueError) as error:
        raise bad_request(f"{what}: illegal base64 data at input byte 0") from error
    try:
        value: Any = orjson.loads(raw)
        namespace, _, name = str(value["start"]).rstrip("\0").partition("/")
        return int(value["rv"]), (namespace, name)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        first = chr(raw[0]) if raw else ""
        shown = first if first.isprintable() else f"\\u{ord(first):04x}"
        raise bad_request(f"{what}: invalid character '{shown}' looking for beginning of value") from error


def list_body(resource: Resource, items: list[Json], metadata: Json) -> Json:
    """Return the list object; items of built-in kinds do not repeat their kind."""
    if not resource.is_custom:
        items = [{key: value for key, value in item.items() if key not in {"apiVersion", "kind"}} for item in items]
    else:
        metadata = {"continue": "", **metadata}
    kind = resource.list_kind or f"{resource.kind.name}List"
    return {"kind": kind, "apiVersion": resource.kind.api_version, "metadata": metadata, "items": items}
