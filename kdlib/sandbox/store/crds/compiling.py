"""Compiling the rules of a schema, and what is wrong with those that cannot be run.

Layer: shell.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import orjson

from kdlib.frozen import Json, canonical
from kdlib.sandbox.store.crds.cel import (
    CompileError,
    Program,
    Type,
    aligner,
    compile_program,
    optional_of,
    reader,
    type_of_schema,
)
from kdlib.sandbox.store.crds.fieldpaths import written_path
from kdlib.sandbox.store.crds.rules import Rule, Rules, Views
from kdlib.sandbox.store.faults import FieldError, invalid_value, required, unsupported
from kdlib.wire import Schema, Schemas

__all__ = ["compile_rules", "has_rules"]

_REASONS = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")
_BREAK = re.compile(r"[\n\r]")


def has_rules(raw: Json) -> bool:
    """Tell whether there is a rule in a schema, those within `allOf` alone not counted."""
    if raw.get("x-kubernetes-validations"):
        return True
    below = [*(raw.get("properties") or {}).values(), raw.get("items"), raw.get("additionalProperties")]
    return any(has_rules(node) for node in below if isinstance(node, dict))


def compile_rules(raw: Json, table: Schemas, path: str) -> tuple[Rules, tuple[FieldError, ...]]:
    """Compile the rules of a kind's schema; return them and what is wrong with those that cannot be run.

    What was compiled lately is kept: a process that makes many clusters, as tests do, gives them the same kinds.
    """
    return _compiled(canonical(raw), table, path)


@lru_cache(maxsize=32)
def _compiled(text: bytes, table: Schemas, path: str) -> tuple[Rules, tuple[FieldError, ...]]:
    compiler, schema = _Compiler(), Schema(orjson.loads(text), table)
    rules = compiler.node(schema, _Place(path, type_of_schema(schema, "selfType", is_root=True), is_root=True))
    return rules, (*compiler.described, *compiler.failed)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a node stands: its path, its type, and the list around it that keeps old and new apart."""

    path: str
    type: Type | None
    is_root: bool = False
    uncorrelatable: str = ""


@dataclass
class _Compiler:
    described: list[FieldError] = field(default_factory=list)
    """What is wrong with how rules are described; it keeps rules around from being compiled."""
    failed: list[FieldError] = field(default_factory=list)

    def node(self, schema: Schema, place: _Place) -> Rules:
        """Compile the rules of a node and of those below; where one is described wrongly, those around it are left."""
        before = len(self.described)
        below = self._below(schema, place)
        raws: list[Json] = schema.raw.get("x-kubernetes-validations") or []
        where = f"{place.path}.x-kubernetes-validations"
        for index, raw in enumerate(raws):
            self.described += _description_errors(raw, f"{where}[{index}]", schema)
        if not raws or len(self.described) > before:
            return Rules(schema, **below)
        if place.type is None:
            what = (
                "internal error: failed to construct type information for x-kubernetes-validations rules: "
                "unable to convert structural schema to CEL declarations"
            )
            self.failed.append(FieldError(where, "InternalError", what))
            return Rules(schema, **below)
        found = [self._rule(raw, f"{where}[{index}]", (schema, place, place.type)) for index, raw in enumerate(raws)]
        own = tuple(rule for rule in found if rule is not None)
        return Rules(schema, own, _views(schema, own, is_root=place.is_root), **below)

    def _below(self, schema: Schema, place: _Place) -> dict[str, Any]:
        path, around = place.path, place.uncorrelatable
        fields = {name: self._inner(node, f"{path}.properties[{name}]", around) for name, node in schema.fields.items()}
        found: dict[str, Any] = {"fields": {name: rules for name, rules in fields.items() if rules is not None}}
        if isinstance(schema.raw.get("additionalProperties"), Mapping) and schema.additional is not None:
            found["additional"] = self._inner(schema.additional, f"{path}.additionalProperties", around)
        if isinstance(schema.raw.get("items"), Mapping):
            found["items"] = self._inner(schema.items, f"{path}.items", around or ("" if schema.keys else path))
        found["every"] = tuple(self._parts(schema, place))
        return found

    def _parts(self, schema: Schema, place: _Place) -> Iterator[Rules]:
        for index, part in enumerate(schema.raw.get("allOf") or ()):
            if _is_ruled(part):
                there = replace(place, path=f"{place.path}.allOf[{index}]")
                yield self.node(Schema(_grafted(schema.raw, part), schema.table), there)

    def _inner(self, schema: Schema, path: str, uncorrelatable: str) -> Rules | None:
        if not _is_ruled(schema.raw):
            return None
        rules = self.node(schema, _Place(path, type_of_schema(schema, "selfType"), schema.is_embedded, uncorrelatable))
        return None if rules.is_empty else rules

    def _rule(self, raw: Json, path: str, at: tuple[Schema, _Place, Type]) -> Rule | None:
        schema, place, type_ = at
        is_optional = bool(raw.get("optionalOldSelf"))
        variables = {"self": type_, "oldSelf": optional_of(type_) if is_optional else type_}
        program = self._program(raw["rule"], variables, (f"{path}.rule", raw))
        self._check_old(raw, path, program, place)
        if program is None:
            return None
        expression, message_program = raw.get("messageExpression"), None
        if expression:
            message_program = self._program(expression, variables, (f"{path}.messageExpression", raw), is_message=True)
        message = str(raw.get("message", "")).strip()
        label = message or str(raw["rule"]).strip()
        return Rule(
            program,
            label,
            message or f"failed rule: {label}",
            message_program,
            str(raw.get("reason", "FieldValueInvalid")),
            written_path(str(raw.get("fieldPath", "")), schema) or "",
            is_optional,
        )

    def _program(
        self, text: str, variables: Mapping[str, Type], at: tuple[str, Json], *, is_message: bool = False
    ) -> Program | None:
        path, raw = at
        wanted, prefix = ("string", "messageExpression ") if is_message else ("bool", "")
        try:
            program = compile_program(text, variables)
        except CompileError as refusal:
            what = f"{prefix}compilation failed: {refusal}"
        else:
            if program.result == wanted:
                return program
            what = f"{prefix or 'cel expression '}must evaluate to a {wanted}"
        self.failed.append(invalid_value(path, _internal(raw), what))
        return None

    def _check_old(self, raw: Json, path: str, program: Program | None, place: _Place) -> None:
        if program is not None and "oldSelf" in program.names:
            if place.uncorrelatable:
                what = (
                    f"oldSelf cannot be used on the uncorrelatable portion of the schema within {place.uncorrelatable}"
                )
                self.failed.append(invalid_value(f"{path}.rule", raw["rule"], what))
        elif raw.get("optionalOldSelf") is not None:
            what = "may not be set if oldSelf is not used in rule"
            self.failed.append(invalid_value(f"{path}.optionalOldSelf", raw["optionalOldSelf"], what))


def _is_ruled(raw: Any) -> bool:
    """Tell whether there is a rule in a schema, in whatever part of it."""
    if not isinstance(raw, Mapping):
        return False
    if raw.get("x-kubernetes-validations"):
        return True
    below = [*(raw.get("properties") or {}).values(), raw.get("items"), raw.get("additionalProperties")]
    return any(map(_is_ruled, (*below, *(raw.get("allOf") or ()))))


def _grafted(raw: Json, part: Json) -> Json:
    """Return a node with the rules of one of its value validations in the place of its own."""
    own = {name: value for name, value in raw.items() if name not in {"x-kubernetes-validations", "allOf"}}
    grafted = {
        **own,
        "x-kubernetes-validations": part.get("x-kubernetes-validations") or [],
        "allOf": part.get("allOf"),
    }
    parts = part.get("properties") or {}
    if raw.get("properties"):
        grafted["properties"] = {
            name: _grafted(node, parts.get(name) or {}) for name, node in raw["properties"].items()
        }
    for name in ("items", "additionalProperties"):
        if isinstance(raw.get(name), Mapping):
            grafted[name] = _grafted(raw[name], part.get(name) or {})
    return grafted


def _description_errors(raw: Json, path: str, schema: Schema) -> Iterator[FieldError]:
    """Yield what is wrong with how a rule is described, whatever its expression says."""
    yield from _text_errors(raw, path)
    reason, field_path = raw.get("reason"), str(raw.get("fieldPath") or "")
    if reason is not None and reason not in _REASONS:
        yield unsupported(f"{path}.reason", reason, _REASONS)
    if field_path and not field_path.strip():
        yield invalid_value(f"{path}.fieldPath", field_path, "must be non-empty if specified")
    if _BREAK.search(field_path):
        yield invalid_value(f"{path}.fieldPath", field_path, "must not contain line breaks")
    if field_path and written_path(field_path, schema) is None:
        yield invalid_value(f"{path}.fieldPath", field_path, "must be a valid path")


def _text_errors(raw: Json, path: str) -> Iterator[FieldError]:
    rule, message = str(raw.get("rule", "")).strip(), str(raw.get("message", ""))
    said = message.strip()
    if not rule:
        yield required(f"{path}.rule", "rule is not specified")
    elif message and not said:
        yield invalid_value(f"{path}.message", message, "must be non-empty if specified")
    elif _BREAK.search(said):
        yield invalid_value(f"{path}.message", message, "must not contain line breaks")
    elif _BREAK.search(rule) and not said:
        yield required(f"{path}.message", "message must be specified if rule contains line breaks")
    if raw.get("messageExpression") and not raw["messageExpression"].strip():
        yield required(f"{path}.messageExpression", "messageExpression must be non-empty if specified")


def _internal(raw: Json) -> Json:
    """Return a rule as the reference server's messages show it."""
    return {
        "Rule": raw.get("rule") or "",
        "Message": raw.get("message") or "",
        "MessageExpression": raw.get("messageExpression") or "",
        "Reason": raw.get("reason"),
        "FieldPath": raw.get("fieldPath") or "",
        "OptionalOldSelf": raw.get("optionalOldSelf"),
    }


def _views(schema: Schema, rules: tuple[Rule, ...], *, is_root: bool) -> Views:
    """Return how the rules of a node see its values: of an object, only the fields that some rule names."""
    programs = [rule.program for rule in rules] + [rule.message_program for rule in rules if rule.message_program]
    read, read_old = (reader(schema, _used(programs, name), is_root=is_root) for name in ("self", "oldSelf"))
    functions = frozenset[str]().union(*(program.functions for program in programs))
    return Views(read, _old_view(read_old, aligner(schema)), functions)


def _used(programs: Iterable[Program], name: str) -> frozenset[str] | None:
    """Return the fields of a variable that some program looks at; None where one takes it as a whole."""
    used = frozenset[str]()
    for program in programs:
        fields = program.fields.get(name, frozenset())
        if fields is None:
            return None
        used |= fields
    return used


def _old_view(read: Callable[[Any], Any], align: Callable[[Any, Any], Any] | None) -> Callable[[Any, Any], Any]:
    if align is None:
        return lambda _, old: read(old)
    return lambda new, old: read(align(new, old))
