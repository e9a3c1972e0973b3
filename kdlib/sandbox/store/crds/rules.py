"""CEL rules of custom kinds (`x-kubernetes-validations`), compiled: run when an object is written.

See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules.

Layer: shell.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kdlib.frozen import Json
from kdlib.sandbox.store.crds.cel import EvaluationError, Program, given
from kdlib.sandbox.store.crds.correlation import Pair, old_item
from kdlib.sandbox.store.faults import FieldError, forbidden_field, invalid_value, required
from kdlib.wire import Schema, Schemas

__all__ = ["NO_RULES", "Rule", "Rules", "Views"]

_LONGEST_MESSAGE = 5 * 1024


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its program, and what is said when it does not hold.

    `label` names it in messages, `field_path` is where it points to below its own node.
    """

    program: Program
    label: str
    message: str
    message_program: Program | None = None
    reason: str = "FieldValueInvalid"
    field_path: str = ""
    optional_old: bool = False

    @property
    def uses_old(self) -> bool:
        """Tell whether the rule is about the change."""
        return "oldSelf" in self.program.names


@dataclass(frozen=True, slots=True)
class Views:
    """What makes of a node's values what its rules see: of a new one; of the old one, given the new; for optionals."""

    new: Callable[[Any], Any]
    old: Callable[[Any, Any], Any]
    functions: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Rules:
    """The rules of a node and of the nodes below it."""

    schema: Schema
    own: tuple[Rule, ...] = ()
    views: Views = field(default_factory=lambda: Views(lambda new: new, lambda _, old: old))
    fields: Mapping[str, "Rules"] = field(default_factory=dict)
    items: "Rules | None" = None
    additional: "Rules | None" = None
    every: tuple["Rules", ...] = ()
    """The rules of its `allOf`."""

    @property
    def is_empty(self) -> bool:
        """Tell whether there is no rule here or below."""
        return not (self.own or self.fields or self.items or self.additional or self.every)

    def errors(self, new: Any, old: Any, path: str, pair: Pair | None) -> Iterator[FieldError]:
        """Yield the rules that a value breaks.

        `old` is what stood there before, None for nothing. `pair` is the nearest value around that has an old one:
        where it is unchanged, errors are yielded as tolerated.
        """
        if new is None:
            return
        if self.own:
            yield from self._judged_errors(new, old, path, pair)
        for rules in self.every:
            yield from rules.errors(new, old, path, None)
        match new:
            case dict():
                yield from self._field_errors(new, old if isinstance(old, dict) else {}, path, pair)
            case list():
                yield from self._item_errors(new, old, path, pair)

    def _judged_errors(self, new: Any, old: Any, path: str, pair: Pair | None) -> Iterator[FieldError]:
        for error, is_about_change in self._own_errors(new, old, path):
            # Comparing takes its time, and nearly every object breaks no rule.
            is_tolerated = pair is not None and not is_about_change and pair.is_unchanged
            yield replace(error, is_tolerated=True) if is_tolerated else error

    def _item_errors(self, new: list[Any], old: Any, path: str, pair: Pair | None) -> Iterator[FieldError]:
        for index, item in enumerate(new if self.items is not None else ()):
            inner = None if pair is None else pair.below(index)
            before = old_item(self.schema, item, old)
            yield from (self.items or NO_RULES).errors(item, before, f"{path}[{index}]", inner)

    def _field_errors(self, new: Json, old: Json, path: str, pair: Pair | None) -> Iterator[FieldError]:
        for name, item in new.items():
            rules, where = self.fields.get(name), f"{path}.{name}" if path else name
            if rules is None and self.additional is not None:
                rules, where = self.additional, f"{path}[{name}]"
            if rules is not None:
                inner = None if pair is None else pair.below(name)
                yield from rules.errors(item, old.get(name), where, inner)

    def _own_errors(self, new: Any, old: Any, path: str) -> Iterator[tuple[FieldError, bool]]:
        seen = _Seen(self.views, new, old)
        for rule in self.own:
            if rule.uses_old and old is None and not rule.optional_old:
                continue
            context = seen.optional if rule.optional_old else seen.plain
            try:
                if rule.program.run(context) is True:
                    continue
            except EvaluationError as error:
                yield invalid_value(path or "<nil>", self.schema.type, _failed(rule, str(error))), True
                continue
            message = _message(rule, seen.plain)
            yield self._broken(rule, new, path, message), rule.uses_old

    def _broken(self, rule: Rule, value: Any, path: str, message: str) -> FieldError:
        where = ".".join(part for part in (path, rule.field_path) if part) or "<nil>"
        is_shown = self.schema.type not in {"object", "array"}
        match rule.reason:
            case "FieldValueRequired":
                return required(where, message)
            case "FieldValueForbidden":
                return forbidden_field(where, message)
            case "FieldValueDuplicate":
                duplicate = FieldError(where, "FieldValueDuplicate", "")
                return replace(duplicate, value=value) if is_shown else duplicate
            case _:
                return invalid_value(where, value, message) if is_shown else FieldError(where, rule.reason, message)


NO_RULES = Rules(Schema({}, Schemas({}, {})))
"""The rules of a kind without any."""


class _Seen:
    """The contexts that the rules of one node share for one value, made when first needed."""

    def __init__(self, views: Views, new: Any, old: Any) -> None:
        self._views = views
        self._pair = (new, old)
        self._plain: Any = None
        self._optional: Any = None

    @property
    def plain(self) -> Any:
        """Return the context in which the old value is one, or is not there."""
        if self._plain is None:
            self._plain = self._context(is_optional=False)
        return self._plain

    @property
    def optional(self) -> Any:
        """Return the context in which the old value is an optional."""
        if self._optional is None:
            self._optional = self._context(is_optional=True)
        return self._optional

    def _context(self, *, is_optional: bool) -> Any:
        new, old = self._pair
        variables = {"self": self._views.new(new)}
        if old is not None:
            variables["oldSelf"] = self._views.old(new, old)
        return given(variables, self._views.functions, optional="oldSelf" if is_optional else "")


def _failed(rule: Rule, what: str) -> str:
    if what.startswith("no such overload"):
        words = "call arguments did not match a supported operator, function or macro signature for rule"
        return f"'{what}': {words}: {rule.label}"
    return f"{what} evaluating rule: {rule.label}"


def _message(rule: Rule, context: Any) -> str:
    """Return what a rule says that is broken; an expression without a fitting value leaves the plain message."""
    if rule.message_program is None:
        return rule.message
    try:
        found = rule.message_program.run(context)
    except EvaluationError:
        return rule.message
    text = found.strip() if isinstance(found, str) else ""
    is_fit = text and "\n" not in text and len(text.encode()) <= _LONGEST_MESSAGE
    return text if is_fit else rule.message
