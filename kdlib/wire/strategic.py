"""Strategic merge patch: a merge patch that knows which lists merge, and by which key.

Directives: `$patch: replace|delete|merge` in an object or as a list item, `$deleteFromPrimitiveList/NAME`,
`$setElementOrder/NAME`, `$retainKeys`. A merged list holds the patch's own items first, as a server does, unless
`$setElementOrder` says otherwise.
See https://github.com/kubernetes/community/blob/main/contributors/devel/sig-api-machinery/strategic-merge-patch.md.

Layer: pure.
"""

from typing import Any

from kdlib.frozen import Json
from kdlib.wire.patches import PatchError
from kdlib.wire.schema import Schema

__all__ = ["strategic_merge_patch"]

_PATCH = "$patch"
_RETAIN = "$retainKeys"
_DELETE_FROM = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"


def strategic_merge_patch(target: Json, patch: Json, schema: Schema | None) -> Json:
    """Return the target with the patch merged in, as the schema's patch strategies tell; raises PatchError."""
    merged = _merged_map(target, patch, schema)
    return merged if merged is not None else {}


def _merged_map(target: Json, patch: Json, schema: Schema | None) -> Json | None:
    match patch.get(_PATCH):
        case None | "merge":
            pass
        case "replace":
            return {key: value for key, value in patch.items() if key != _PATCH}
        case "delete":
            return {}
        case other:
            raise PatchError(f"unknown patch type found: {other}")
    out = _retained(target, patch)
    for name, value in patch.items():
        if name.startswith("$"):
            _apply_directive(out, name, value, patch)
        elif value is None:
            out.pop(name, None)
        else:
            node = schema.child(name) if schema is not None else None
            _merge_field(out, name, (value, patch.get(_ORDER + name)), node)
    return out


def _retained(target: Json, patch: Json) -> Json:
    keys = patch.get(_RETAIN)
    if keys is None:
        return dict(target)
    if not isinstance(keys, list):
        raise PatchError("invalid retainKeys list")
    sent = {name for name, value in patch.items() if not name.startswith("$") and value is not None}
    if not sent <= set(keys):
        raise PatchError(f"The $retainKeys list ({keys}) doesn't match the keys in the patch")
    return {name: value for name, value in target.items() if name in keys}


def _apply_directive(out: Json, name: str, value: Any, patch: Json) -> None:
    if name.startswith(_DELETE_FROM):
        field = name.removeprefix(_DELETE_FROM)
        if isinstance(out.get(field), list):
            out[field] = [item for item in out[field] if item not in value]
    elif name.startswith(_ORDER):
        field = name.removeprefix(_ORDER)
        if field not in patch and isinstance(out.get(field), list):
            key = next((next(iter(item)) for item in value if isinstance(item, dict) and item), "")
            out[field] = _ordered(out[field], value, key, ())


def _merge_field(out: Json, name: str, sent: tuple[Any, Any], schema: Schema | None) -> None:
    value, order = sent
    here = out.get(name)
    strategies = schema.patch_strategies if schema is not None else ()
    if isinstance(value, dict):
        if "replace" in strategies and _PATCH not in value:
            out[name] = _without_directives(value)
            return
        merged = _merged_map(here if isinstance(here, dict) else {}, value, schema)
        out[name] = merged
        if value.get(_PATCH) == "delete":
            out.pop(name, None)
    elif isinstance(value, list) and schema is not None and "merge" in strategies:
        out[name] = _merged_list(here if isinstance(here, list) else [], value, order, schema)
    else:
        out[name] = _without_directives(value)


def _without_directives(value: Any) -> Any:
    match value:
        case dict():
            return {
                name: _without_directives(item)
                for name, item in value.items()
                if not name.startswith("$") and item is not None
            }
        case list():
            return [
                _without_directives(item) for item in value if not (isinstance(item, dict) and set(item) == {_PATCH})
            ]
        case _:
            return value


def _merged_list(here: list[Any], patch: list[Any], order: Any, schema: Schema) -> list[Any]:
    key = schema.patch_merge_key
    if any(isinstance(item, dict) and item.get(_PATCH) == "replace" for item in patch):
        return [_without_directives(item) for item in patch if not (isinstance(item, dict) and _PATCH in item)]
    if not key:
        merged = list(dict.fromkeys([*here, *patch]))
        return _ordered(merged, order, "", patch)
    return _ordered(_merged_items(here, patch, key, schema.items), order, key, patch)


def _merged_items(here: list[Any], patch: list[Any], key: str, schema: Schema) -> list[Any]:
    out = list(here)
    for item in patch:
        if not isinstance(item, dict):
            raise PatchError("expected map items in a list with a merge key")
        if key not in item:
            raise PatchError(f"map: {item} does not contain declared merge key: {key}")
        places = [index for index, mine in enumerate(out) if isinstance(mine, dict) and mine.get(key) == item[key]]
        if item.get(_PATCH) == "delete":
            out = [mine for index, mine in enumerate(out) if index not in places]
        elif places:
            out[places[0]] = _merged_map(out[places[0]], item, schema)
        else:
            out.append(_merged_map({}, item, schema))
    return out


def _ordered(items: list[Any], order: Any, key: str, patch: Any) -> list[Any]:
    """Put the items of the patch (or those named by the order) first, the others where they were relative to these."""
    wanted = order if order is not None else patch
    names = [item.get(key) if key and isinstance(item, dict) else item for item in wanted]
    place = {name: index for index, name in enumerate(names) if isinstance(name, str | int)}

    def rank(item: Any) -> int | None:
        name = item.get(key) if key and isinstance(item, dict) else item
        return place.get(name) if isinstance(name, str | int) else None

    mine = sorted((item for item in items if rank(item) is not None), key=lambda item: rank(item) or 0)
    others = [item for item in items if rank(item) is None]
    return [*mine, *others] if order is None else _interwoven(mine, others, items)


def _interwoven(mine: list[Any], others: list[Any], items: list[Any]) -> list[Any]:
    """Merge two lists, each in its own order, taking first what stood first before."""
    place = {id(item): index for index, item in enumerate(items)}
    out: list[Any] = []
    left = right = 0
    while left < len(mine) and right < len(others):
        if place[id(mine[left])] <= place[id(others[right])]:
            out.append(mine[left])
            left += 1
        else:
            out.append(others[right])
            right += 1
    return [*out, *mine[left:], *others[right:]]
