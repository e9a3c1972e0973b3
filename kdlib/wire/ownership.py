"""Server-side apply: who owns which fields, who may change them, and what leaves with its last owner.

`apply` and `update` take the live object and what a writer sent, and return the new object with its
`metadata.managedFields`. Both are functions of their arguments; the time enters as text.
See https://kubernetes.io/docs/reference/using-api/server-side-apply/.

Layer: pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from kdlib.frozen import Json
from kdlib.wire.elements import ShapeError
from kdlib.wire.fieldset import (
    LEAF,
    FieldSet,
    difference,
    intersection,
    members,
    path_text,
    recursive_difference,
    sorted_fields,
    union,
    with_named_fields,
)
from kdlib.wire.merging import merge, remove
from kdlib.wire.schema import Schema
from kdlib.wire.typed import Comparison, checked_set, compare, field_set

__all__ = [
    "ApplyConflictError",
    "Conflict",
    "Owner",
    "Owners",
    "Writer",
    "applied",
    "decoded_owners",
    "encoded_owners",
    "updated",
]

_NEVER_OWNED: FieldSet = {
    "f:apiVersion": LEAF,
    "f:kind": LEAF,
    "f:metadata": {
        ".": LEAF,
        "f:name": LEAF,
        "f:namespace": LEAF,
        "f:creationTimestamp": LEAF,
        "f:selfLink": LEAF,
        "f:uid": LEAF,
        "f:clusterName": LEAF,
        "f:generation": LEAF,
        "f:managedFields": LEAF,
        "f:resourceVersion": LEAF,
    },
}
_NEW = Comparison(added={"f:metadata": LEAF})
_MOST_UPDATERS = 10
_OLD_UPDATERS = "ancient-changes"
_BEFORE_APPLY = "before-first-apply"


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes: the field manager's name, the version and the subresource it writes through, and when.

    `ignored` are fields that this endpoint resets; nobody comes to own them through it.
    """

    manager: str
    api_version: str
    time: str
    subresource: str = ""
    ignored: FieldSet = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Owner:
    """One entry of `managedFields`."""

    manager: str
    operation: str
    api_version: str
    fields: FieldSet
    time: str = ""
    subresource: str = ""

    @property
    def key(self) -> "OwnerKey":
        """Return what tells this entry from others: appliers keep their entry across versions."""
        version = "" if self.operation == "Apply" else self.api_version
        return (self.operation, self.manager, version, self.subresource)

    def __str__(self) -> str:
        text = f'"{self.manager}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        if self.operation != "Update":
            return text
        return f"{text} using {self.api_version}"


OwnerKey: TypeAlias = tuple[str, str, str, str]
Owners: TypeAlias = Mapping[OwnerKey, Owner]


@dataclass(frozen=True, slots=True)
class Conflict:
    """One field that somebody else owns and the apply would change."""

    owner: Owner
    path: tuple[str, ...]

    @property
    def field(self) -> str:
        """Return the field's path as messages show it."""
        return path_text(self.path)


class ApplyConflictError(Exception):
    """Somebody else owns fields that were applied with other values."""

    def __init__(self, conflicts: list[Conflict]) -> None:
        self.conflicts = conflicts
        super().__init__(_conflict_text(conflicts))


def _conflict_text(conflicts: list[Conflict]) -> str:
    if len(conflicts) == 1:
        only = conflicts[0]
        return f"Apply failed with 1 conflict: conflict with {only.owner}: {only.field}"
    lines: list[str] = []
    last = None
    for conflict in conflicts:
        if conflict.owner.key != last:
            lines.append(f"conflicts with {conflict.owner}:")
            last = conflict.owner.key
        lines.append(f"- {conflict.field}")
    return f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines)


# --- reading and writing managedFields ------------------------------------------------------------------------------


def decoded_owners(entries: Any) -> Owners | None:
    """Return the owners of a `managedFields` list; None where it is not a valid one."""
    if not isinstance(entries, list):
        return {}
    owners: dict[OwnerKey, Owner] = {}
    for entry in entries:
        if entry.get("operation") not in {"Apply", "Update"} or entry.get("fieldsType") != "FieldsV1":
            return None
        if not entry.get("apiVersion"):
            return None
        owner = Owner(
            manager=entry.get("manager") or "",
            operation=entry["operation"],
            api_version=entry["apiVersion"],
            fields=entry.get("fieldsV1") or {},
            time=entry.get("time") or "",
            subresource=entry.get("subresource") or "",
        )
        owners[owner.key] = owner
    return owners


def encoded_owners(owners: Owners) -> list[Json]:
    """Return the `managedFields` list of the owners, in the order in which servers keep it."""
    ordered = sorted(owners.values(), key=lambda own: (own.operation, own.time, own.manager, own.key))
    return [_entry(owner) for owner in ordered]


def _entry(owner: Owner) -> Json:
    entry: Json = {"manager": owner.manager, "operation": owner.operation, "apiVersion": owner.api_version}
    if owner.time:
        entry["time"] = owner.time
    entry["fieldsType"] = "FieldsV1"
    entry["fieldsV1"] = owner.fields
    if owner.subresource:
        entry["subresource"] = owner.subresource
    return entry


def _live_owners(live: Json) -> Owners:
    return decoded_owners(_entries(live)) or {}


# --- update ---------------------------------------------------------------------------------------------------------


def updated(schema: Schema, live: Json | None, new: Json, writer: Writer) -> list[Json]:
    """Return the `managedFields` after a create, replace or patch made `new` out of `live`.

    `live` is None for a create. Where `new` brings valid entries of its own they are the starting point, an empty
    list or one empty entry throws all of them away, and without any the live ones stay.
    """
    owners = _starting_owners(live, new, writer)
    if not owners and live is not None:
        return []
    before = schema.zero if live is None else _bare(live)
    try:
        owners = _after_update(schema, (before, _bare(new)), owners, writer)
    except ShapeError:
        # What has not the shape of its schema is refused by validation or owned by nobody.
        return []
    return encoded_owners(_capped(owners))


def _starting_owners(live: Json | None, new: Json, writer: Writer) -> Owners:
    mine = _entries(live or {})
    sent = mine if writer.subresource else _entries(new)
    if sent is not mine and sent in ([], [{}]):
        return {}
    return decoded_owners(sent) or decoded_owners(mine) or {}


def _entries(obj: Json) -> Any:
    return (obj.get("metadata") or {}).get("managedFields")


def _bare(value: Json) -> Json:
    metadata = value.get("metadata") or {}
    if "managedFields" not in metadata:
        return value
    return {**value, "metadata": {key: item for key, item in metadata.items() if key != "managedFields"}}


def _after_update(schema: Schema, pair: tuple[Json, Json], owners: Owners, writer: Writer) -> Owners:
    difference_found = _filtered(compare(schema, *pair), writer.ignored)
    if difference_found.is_same:
        return owners
    self_key: OwnerKey = ("Update", writer.manager, writer.api_version, writer.subresource)
    out = _robbed(owners, difference_found)
    taken = union(difference_found.modified, difference_found.added)
    taken = difference(taken, _NEVER_OWNED)
    if taken:
        mine = out.get(self_key)
        fields = union(taken, mine.fields) if mine else taken
        out[self_key] = Owner(
            writer.manager, "Update", writer.api_version, sorted_fields(fields), writer.time, writer.subresource
        )
    return out


def _filtered(found: Comparison, ignored: FieldSet) -> Comparison:
    if not ignored:
        return found
    return Comparison(
        removed=recursive_difference(found.removed, ignored),
        modified=recursive_difference(found.modified, ignored),
        added=recursive_difference(found.added, ignored),
    )


def _robbed(owners: Owners, found: Comparison) -> dict[OwnerKey, Owner]:
    """Return the owners without what the change removed or took from them."""
    lost = union(union(found.modified, found.added), found.removed)
    out: dict[OwnerKey, Owner] = {}
    for key, owner in owners.items():
        fields = difference(owner.fields, lost)
        if fields:
            out[key] = owner if fields == owner.fields else replace(owner, fields=fields)
    return out


def _capped(owners: Owners) -> Owners:
    """Fold the oldest updaters into one entry per version where there are more than ten."""
    updaters = sorted(
        (owner for owner in owners.values() if owner.operation == "Update"), key=lambda own: (own.time, own.key)
    )
    surplus = len(updaters) - _MOST_UPDATERS
    if surplus <= 0:
        return owners
    out = dict(owners)
    first: dict[str, Owner] = {}
    for owner in updaters:
        if surplus <= 0:
            break
        version = owner.api_version
        if version not in first:
            first[version] = owner
            continue
        bucket = Owner(_OLD_UPDATERS, "Update", version, {}, owner.time)
        older = out.pop(first[version].key, None) or out.get(bucket.key) or bucket
        first[version] = bucket
        out.pop(owner.key, None)
        out[bucket.key] = replace(bucket, fields=sorted_fields(union(older.fields, owner.fields)))
        surplus -= 1
    return out


# --- apply ----------------------------------------------------------------------------------------------------------


def applied(schema: Schema, live: Json | None, intent: Json, writer: Writer, *, force: bool) -> tuple[Json, list[Json]]:
    """Lay an applied intent over the live object; return the new object and its `managedFields`.

    The object comes back without `managedFields`, undefaulted. `live` is None where the object is to be created.
    Raises ShapeError for an intent that does not fit its schema, ApplyConflictError where other managers own fields
    that it would change and `force` is not set.
    """
    said = recursive_difference(checked_set(schema, intent), writer.ignored)
    base, owners = _starting_point(schema, live, writer)
    merged: Json = merge(schema, base, intent)
    self_key: OwnerKey = ("Apply", writer.manager, "", writer.subresource)
    last = owners.get(self_key)
    fields = difference(said, _NEVER_OWNED)
    owners = {key: owner for key, owner in owners.items() if key != self_key}
    if last is not None and last.fields != fields:
        merged = _pruned(schema, merged, last.fields, _all_fields(owners, said))
    # Nobody can be robbed of what is not there yet, so there the comparison is spared.
    found = _filtered(compare(schema, base, merged), writer.ignored) if live is not None else _NEW
    conflicts = _conflicts(owners, union(found.modified, found.added))
    if conflicts and not force:
        raise ApplyConflictError(conflicts)
    owners = _robbed(owners, found)
    if fields:
        owners[self_key] = _applier(writer, fields, last, changes=not found.is_same)
    return merged, encoded_owners(owners)


def _starting_point(schema: Schema, live: Json | None, writer: Writer) -> tuple[Json, Owners]:
    """Return what is applied to, and its owners; what nobody owns yet was there before the first apply."""
    if live is None:
        return schema.zero, {}
    base, owners = _bare(live), _live_owners(live)
    if not owners:
        first = replace(writer, manager=_BEFORE_APPLY, subresource="")
        owners = _after_update(schema, (schema.zero, base), {}, first)
    return base, owners


def _applier(writer: Writer, fields: FieldSet, last: Owner | None, *, changes: bool) -> Owner:
    """Return the entry of an applier.

    Who applies what is there already changes nothing: then the entry keeps its time, or gets none.
    """
    time = writer.time if changes else last.time if last is not None else ""
    kept = last.fields if last is not None and last.fields == fields else sorted_fields(fields)
    return Owner(writer.manager, "Apply", writer.api_version, kept, time, writer.subresource)


def _all_fields(owners: Owners, fields: FieldSet) -> FieldSet:
    for owner in owners.values():
        fields = union(fields, owner.fields)
    return fields


def _conflicts(owners: Owners, changed: FieldSet) -> list[Conflict]:
    found: list[Conflict] = []
    for owner in sorted(owners.values(), key=lambda own: own.key):
        found.extend(Conflict(owner, path) for path in members(intersection(owner.fields, changed)))
    return found


def _pruned(schema: Schema, merged: Json, last: FieldSet, managed: FieldSet) -> Json:
    """Take away what this manager applied last time, not this time, and nobody else owns."""
    if not difference(last, managed):
        return merged
    mine = with_named_fields(last, schema)
    everything = with_named_fields(field_set(schema, merged), schema)
    cut = remove(schema, merged, mine) or {}
    left = with_named_fields(field_set(schema, cut), schema)
    # What others own comes back, with the way that leads to it.
    kept = union(left, with_named_fields(managed, schema))
    cut = remove(schema, merged, difference(everything, kept)) or {}
    left = with_named_fields(field_set(schema, cut), schema)
    # What nobody applied last time was not this manager's to take away.
    return remove(schema, merged, intersection(difference(everything, left), mine)) or {}
