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
            out[field] = _ordered(out[field], value, key, out[field])


def _merge_field(out: Json, name: str, sent: tuple[Any, Any], schema: Schema | None) -> None:
    value, order = sent
    here = out.get(name)
    strategies = schema.patch_strategies if schema is not None else ()
    if isinstance(value, dict) and value.get(_PATCH) == "delete":
        out.pop(name, None)
    elif isinstance(value, dict) and (_PATCH in value or "replace" not in strategies):
        out[name] = _merged_map(here if isinstance(here, dict) else {}, value, schema)
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
        return _ordered(merged, order if order is not None else patch, "", here)
    return _ordered(_merged_items(here, patch, key, schema.items), order if order is not None else patch, key, here)


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


def _ordered(items: list[Any], order: Any, key: str, here: list[Any]) -> list[Any]:
    """Put the merged items in order: those of the patch as it has them, the others as they were before.

    Where the two meet, one of the others goes first if it stood before the patch's item in the old list, and the
    patch's item else.
    """
    wanted = [_name(item, key) for item in order]
    old = [_name(item, key) for item in here]
    mine = sorted(
        (item for item in items if _name(item, key) in wanted), key=lambda item: wanted.index(_name(item, key))
    )
    others = [item for item in items if _name(item, key) not in wanted]
    out: list[Any] = []
    while mine and others:
        first, other = _name(mine[0], key), _name(others[0], key)
        stood_before = first in old and other in old and old.index(other) < old.index(first)
        out.append(others.pop(0) if stood_before else mine.pop(0))
    return [*out, *mine, *others]


def _name(item: Any, key: str) -> Any:
    return item.get(key) if key and isinstance(item, dict) else item
