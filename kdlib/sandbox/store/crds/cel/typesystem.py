"""The types of CEL, what schemas map to, and when one type passes for another.

See https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-cel-types.

Layer: pure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from kdlib.wire import Schema

__all__ = ["BOOL", "DYN", "ERROR", "NULL", "STRING", "Type", "Unifier", "escaped", "optional_of", "type_of_schema"]


@dataclass(frozen=True, slots=True)
class Type:
    """One type: its name and parameters; for an object of a schema, its fields under the names that rules use.

    `list_type` and `keys` say how lists of a schema compare and add up. A name of one upper-case letter, with or
    without a number, stands for any type.
    """

    name: str
    parameters: "tuple[Type, ...]" = ()
    fields: "Mapping[str, Type]" = field(default_factory=dict, compare=False)
    is_object: bool = False
    list_type: str = field(default="", compare=False)
    keys: tuple[str, ...] = field(default=(), compare=False)

    @property
    def is_variable(self) -> bool:
        """Tell whether this stands for any type."""
        return self.name[0].isupper() and "." not in self.name

    @property
    def is_open(self) -> bool:
        """Tell whether nothing is known about values of this type."""
        return self.name in {"dyn", "!error!"}

    @property
    def is_nullable(self) -> bool:
        """Tell whether null passes for a value of this type."""
        return self.is_object or "." in self.name or self.name in _NULLABLE

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.parameters))})" if self.parameters else self.name


BOOL, DYN, ERROR, NULL, STRING = (Type(name) for name in ("bool", "dyn", "!error!", "null", "string"))
_NULLABLE = frozenset({"timestamp", "duration", "optional_type", "null"})

# --- schemas --------------------------------------------------------------------------------------------------------

_RESERVED = frozenset(
    {
        "as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop",
        "namespace", "null", "package", "return", "true", "var", "void", "while",
    }
)  # fmt: skip
_SPECIAL = re.compile(r"__|[-./]")
_SPELLED = {"__": "__underscores__", "-": "__dash__", ".": "__dot__", "/": "__slash__"}
_NAMEABLE = re.compile(r"[A-Za-z_./-][\w./-]*", re.ASCII)
_OF_FORMAT = {"byte": "bytes", "duration": "duration", "date": "timestamp", "date-time": "timestamp"}
_METADATA = Type("metadata", fields={"name": STRING, "generateName": STRING}, is_object=True)


@cache
def escaped(name: str) -> str | None:
    """Return a property's name as rules write it; None for one that they cannot name."""
    if name in _RESERVED:
        return f"__{name}__"
    if not _NAMEABLE.fullmatch(name):
        return None
    return _SPECIAL.sub(lambda found: _SPELLED[found[0]], name)


def type_of_schema(schema: Schema, name: str, *, is_root: bool = False) -> Type | None:
    """Return the type of a node's values under a name of its own; None where rules do not see them."""
    if schema.is_int_or_string:
        return DYN
    if is_root or schema.is_embedded:
        fields = {**_fields(schema, name), "apiVersion": STRING, "kind": STRING, "metadata": _METADATA}
        return Type(name, fields=fields, is_object=True)
    match schema.type:
        case "array":
            return _list_type(schema, name)
        case "object" if isinstance(schema.raw.get("additionalProperties"), Mapping):
            return _map_type(schema, name)
        case "object":
            return Type(name, fields=_fields(schema, name), is_object=True)
        case "string":
            return Type(_OF_FORMAT.get(str(schema.raw.get("format")), "string"))
        case kind:
            return _SCALARS.get(kind)


_SCALARS: Mapping[str, Type] = {"boolean": BOOL, "integer": Type("int"), "number": Type("double")}


def _map_type(schema: Schema, name: str) -> Type | None:
    inner = None if schema.additional is None else type_of_schema(schema.additional, f"{name}.@values")
    return None if inner is None else Type("map", (STRING, inner))


def optional_of(type_: Type) -> Type:
    """Return the type of an optional."""
    return Type("optional_type", (type_,))


def _list_type(schema: Schema, name: str) -> Type | None:
    if not isinstance(schema.raw.get("items"), Mapping):
        return None
    inner = type_of_schema(schema.items, f"{name}.@items")
    kind = str(schema.raw.get("x-kubernetes-list-type") or "")
    return None if inner is None else Type("list", (inner,), list_type=kind, keys=schema.keys)


def _fields(schema: Schema, name: str) -> dict[str, Type]:
    found = {}
    for field_name, node in schema.fields.items():
        spelled = escaped(field_name)
        inner = None if spelled is None else type_of_schema(node, f"{name}.{spelled}")
        if spelled is not None and inner is not None:
            found[spelled] = inner
    return found


# --- unification ----------------------------------------------------------------------------------------------------


class Unifier:
    """Finds which types variables stand for, while types are matched one by one."""

    def __init__(self) -> None:
        self._bound: dict[str, Type] = {}

    def all_fit(self, given: tuple[Type, ...], wanted: tuple[Type, ...]) -> bool:
        """Tell whether types pass for others, all of them; nothing is bound where one does not."""
        before = dict(self._bound)
        if len(given) == len(wanted) and all(self._fits(a, b) for a, b in zip(given, wanted, strict=True)):
            return True
        self._bound = before
        return False

    def known(self, type_: Type, *, closed: bool = False) -> Type:
        """Return a type with its variables replaced by what they stand for; `closed` takes `dyn` for the others."""
        if type_.is_variable:
            bound = self._bound.get(type_.name)
            if bound is None:
                return DYN if closed else type_
            return self.known(bound, closed=closed)
        if not type_.parameters:
            return type_
        inner = tuple(self.known(part, closed=closed) for part in type_.parameters)
        return type_ if inner == type_.parameters else Type(type_.name, inner)

    def _fits(self, given: Type, wanted: Type) -> bool:
        if wanted.is_variable:
            is_bound = wanted.name in self._bound
            if self._binds(wanted, given):
                return True
            if is_bound:
                return False
        return self._binds(given, wanted) if given.is_variable else self._agrees(given, wanted)

    def _agrees(self, given: Type, wanted: Type) -> bool:
        if given.is_open or wanted.is_open:
            return True
        if NULL in (given, wanted):
            return (wanted if given == NULL else given).is_nullable
        return given.name == wanted.name and (given.name == "type" or self.all_fit(given.parameters, wanted.parameters))

    def _binds(self, variable: Type, other: Type) -> bool:
        if variable == other:
            return True
        bound = self._bound.get(variable.name)
        if bound is not None:
            if other == bound:
                return True
            if not self._fits(other, bound):
                return False
            general = other if _is_less_specific(other, bound) else bound
            if not self._occurs(variable, general):
                self._bound[variable.name] = general
            return True
        if self._occurs(variable, other):
            return False
        self._bound[variable.name] = other
        return True

    def _occurs(self, variable: Type, within: Type) -> bool:
        found = self.known(within)
        return found == variable or any(self._occurs(variable, part) for part in found.parameters)


def _is_less_specific(one: Type, other: Type) -> bool:
    if one.is_open or one.is_variable:
        return True
    if other.is_open or other.is_variable:
        return False
    if one.name != other.name or len(one.parameters) != len(other.parameters):
        return False
    return all(_is_less_specific(a, b) for a, b in zip(one.parameters, other.parameters, strict=True))
