"""CEL rules of custom kinds (`x-kubernetes-validations`): compiled when the kind is defined, run when it is written.

Kubernetes' own functions are there as far as rules of operators use them; a rule that uses another is refused when
the kind is defined, not passed over when an object is written.
See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules.

Layer: pure.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from kdlib.frozen import Json
from kdlib.sandbox.store.faults import FieldError, forbidden_field, invalid_value, required
from kdlib.wire import Quantity, QuantityError, Schema

__all__ = ["Rules", "compile_rules"]


def _is_url(text: str) -> bool:
    parts = urlsplit(text)
    return bool(parts.scheme and (parts.netloc or parts.path.startswith("/")))


def _is_quantity(text: str) -> bool:
    try:
        Quantity.parse(text)
    except QuantityError:
        return False
    return True


_FUNCTIONS: Mapping[str, Any] = {
    "isURL": _is_url,
    "isQuantity": _is_quantity,
    "sum": sum,
    "min": min,
    "max": max,
    "isSorted": lambda items: list(items) == sorted(items),
    "indexOf": lambda items, item: items.find(item) if isinstance(items, str) else _index(items, item),
    "lastIndexOf": lambda items, item: items.rfind(item) if isinstance(items, str) else _last_index(items, item),
    "find": lambda text, pattern: (re.search(pattern, text) or [""])[0],
    "findAll": lambda text, pattern: [found[0] for found in re.finditer(pattern, text)],
    "lowerAscii": lambda text: text.lower(),
    "upperAscii": lambda text: text.upper(),
    "replace": lambda text, old, new: text.replace(old, new),
    "split": lambda text, separator: text.split(separator),
    "join": lambda items, separator="": separator.join(items),
    "substring": lambda text, start, end=None: text[start:end],
    "trim": lambda text: text.strip(),
}


def _index(items: list[Any], item: Any) -> int:
    return items.index(item) if item in items else -1


def _last_index(items: list[Any], item: Any) -> int:
    return len(items) - 1 - items[::-1].index(item) if item in items else -1


@dataclass(frozen=True, slots=True)
class _Rule:
    program: Any
    text: str
    message: str
    message_program: Any
    reason: str
    field_path: str
    uses_old: bool
    optional_old: bool


@dataclass(frozen=True)
class Rules:
    """The rules of a node and of the nodes below it."""

    own: tuple[_Rule, ...] = ()
    fields: Mapping[str, "Rules"] = field(default_factory=dict)
    items: "Rules | None" = None
    additional: "Rules | None" = None

    @property
    def is_empty(self) -> bool:
        """Tell whether there is no rule here or below."""
        return not (self.own or self.fields or self.items or self.additional)

    def errors(self, schema: Schema, value: Any, old: Any, path: str) -> Iterator[FieldError]:
        """Yield the rules that a value breaks; `old` is what stood there before, None for nothing."""
        for rule in self.own:
            yield from _broken(rule, value, old, path)
        if isinstance(value, dict):
            yield from self._field_errors(schema, value, old if isinstance(old, dict) else {}, path)
        elif isinstance(value, list) and self.items is not None:
            for index, item in enumerate(value):
                before = _correlated(schema, item, old)
                yield from self.items.errors(schema.items, item, before, f"{path}[{index}]")

    def _field_errors(self, schema: Schema, value: Json, old: Json, path: str) -> Iterator[FieldError]:
        for name, item in sorted(value.items()):
            inner = self.fields.get(name) or (self.additional if name not in schema.fields else None)
            node = schema.child(name)
            if inner is not None and node is not None:
                yield from inner.errors(node, item, old.get(name), f"{path}.{name}" if path else name)


def _correlated(schema: Schema, item: Any, old: Any) -> Any:
    """Return the old item of a keyed list that has the same keys."""
    if not schema.keys or not isinstance(old, list) or not isinstance(item, dict):
        return None
    wanted = [item.get(key) for key in schema.keys]
    return next((one for one in old if isinstance(one, dict) and [one.get(k) for k in schema.keys] == wanted), None)


def _broken(rule: _Rule, value: Any, old: Any, path: str) -> Iterator[FieldError]:
    if rule.uses_old and old is None and not rule.optional_old:
        return
    import cel

    context = cel.Context({"self": value, "oldSelf": old}, dict(_FUNCTIONS))
    try:
        if rule.program.execute(context) is True:
            return
    except (TypeError, ValueError, RuntimeError, KeyError, IndexError, AttributeError) as error:
        yield _about(path or "<nil>", value, f"rule evaluation error: {error}: {rule.text}")
        return
    yield _failure(rule, value, path, context)


def _failure(rule: _Rule, value: Any, path: str, context: Any) -> FieldError:
    message = _message(rule, context)
    where = f"{path}{rule.field_path}" or "<nil>"
    match rule.reason:
        case "FieldValueRequired":
            return required(where, message)
        case "FieldValueForbidden":
            return forbidden_field(where, message)
        case "FieldValueDuplicate":
            return FieldError(where, "FieldValueDuplicate", message, value)
        case _:
            return _about(where, value, message)


def _message(rule: _Rule, context: Any) -> str:
    """Return what a rule says that is broken; an expression that cannot be worked out leaves the plain message."""
    plain = rule.message or f"failed rule: {rule.text}"
    if rule.message_program is None:
        return plain
    try:
        return str(rule.message_program.execute(context)) or plain
    except (TypeError, ValueError, RuntimeError, KeyError, IndexError, AttributeError):
        return plain


def _about(path: str, value: Any, detail: str) -> FieldError:
    """Say that a value is wrong; containers are not shown."""
    if isinstance(value, dict | list):
        return FieldError(path, "FieldValueInvalid", detail)
    return invalid_value(path, value, detail)


def compile_rules(schema: Schema, path: str) -> tuple[Rules, list[FieldError]]:
    """Compile the rules of a schema; return them and what is wrong with those that cannot be run."""
    errors: list[FieldError] = []
    return _compiled(schema, path, errors), errors


def _compiled(schema: Schema, path: str, errors: list[FieldError]) -> Rules:
    own = []
    for index, raw in enumerate(schema.raw.get("x-kubernetes-validations") or ()):
        where = f"{path}.x-kubernetes-validations[{index}]"
        rule = _compile_one(raw, where, errors)
        if rule is not None:
            own.append(rule)
    fields = {name: _compiled(node, f"{path}.properties[{name}]", errors) for name, node in schema.fields.items()}
    items = schema.raw.get("items")
    additional = schema.raw.get("additionalProperties")
    return Rules(
        tuple(own),
        {name: rules for name, rules in fields.items() if not rules.is_empty},
        _or_none(_compiled(schema.items, f"{path}.items", errors)) if isinstance(items, dict) else None,
        _or_none(_compiled(schema.additional, f"{path}.additionalProperties", errors))
        if isinstance(additional, dict) and schema.additional is not None
        else None,
    )


def _or_none(rules: Rules) -> Rules | None:
    return None if rules.is_empty else rules


def _compile_one(raw: Json, path: str, errors: list[FieldError]) -> _Rule | None:
    text = str(raw.get("rule") or "")
    if not text.strip():
        errors.append(required(f"{path}.rule", "rule is not specified"))
        return None
    program = _program(text, f"{path}.rule", errors)
    if program is None:
        return None
    message_text = raw.get("messageExpression") or ""
    message_program = _program(message_text, f"{path}.messageExpression", errors) if message_text else None
    return _Rule(
        program,
        text.strip(),
        str(raw.get("message") or ""),
        message_program,
        str(raw.get("reason") or "FieldValueInvalid"),
        str(raw.get("fieldPath") or ""),
        "oldSelf" in program.variables(),
        bool(raw.get("optionalOldSelf")),
    )


def _program(text: str, path: str, errors: list[FieldError]) -> Any:
    # Loading it takes a quarter of a second, and most embedded clusters never see a rule.
    import cel

    try:
        program = cel.compile(text)
    except ValueError as error:
        errors.append(invalid_value(path, text, f"compilation failed: {error}"))
        return None
    bound = {name for names in _BINDING.findall(text) for name in names if name}
    unknown = sorted(set(program.variables()) - {"self", "oldSelf"} - _TYPES - bound)
    unknown += sorted(name for name in program.functions() if not _is_known(name))
    if unknown:
        what = f"compilation failed: undeclared reference to '{unknown[0]}' (in container '')"
        errors.append(invalid_value(path, text, what))
        return None
    return program


_BINDING = re.compile(
    r"\.(?:all|exists|exists_one|existsOne|map|filter|transformList|transformMap)\(\s*(\w+)\s*,(?:\s*(\w+)\s*,)?"
)
_TYPES = frozenset({"int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type", "type"})
_BUILT_IN = frozenset(
    {
        "all", "exists", "exists_one", "existsOne", "map", "filter", "has", "size", "contains", "startsWith",
        "endsWith", "matches", "int", "uint", "double", "string", "bytes", "bool", "type", "dyn", "duration",
        "timestamp", "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear",
        "getHours", "getMinutes", "getSeconds", "getMilliseconds", "in",
    }
)  # fmt: skip


def _is_known(name: str) -> bool:
    return name in _BUILT_IN or name in _FUNCTIONS or not name.isidentifier() or name.startswith("_")
