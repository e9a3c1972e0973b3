"""Reading what users wrote into models, and saying what is wrong with it in their words.

Layer: pure.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from kdlib.errors import Problem, RefusedError
from kdlib.frozen import dig
from kdlib.model.scalars import PATTERN_WORDS

__all__ = ["api_path", "parsed", "subject"]

ModelT = TypeVar("ModelT", bound=BaseModel)

_SECRET_FIELDS = frozenset({"value", "encryptedValue", "masterEncryptionKey", "formerEncryptionKeys", "authToken"})
"""Fields whose values never appear in a message."""

_LONGEST_QUOTE = 60
_LONGEST_NUMBER_BITS = 1024
"""Python refuses to write out numbers much longer than this."""

_PLAIN: dict[str, tuple[str, str]] = {
    "missing": ("is required", "add the field"),
    "string_type": ("must be a string", "put quotes around the value"),
    "int_range": ("does not fit into 64 bits", "write a smaller number"),
    "finite_number": ("must be a finite number", "write a smaller number"),
    "int_parsing_size": ("does not fit into 64 bits", "write a smaller number"),
    "int_type": ("must be a whole number", "write it without quotes and without a fraction"),
    "int_from_float": ("must be a whole number", "write it without a fraction"),
    "bool_type": ("must be true or false", "write true or false without quotes"),
    "dict_type": ("must be an object", "write key: value pairs"),
    "model_type": ("must be an object", "write key: value pairs"),
    "model_attributes_type": ("must be an object", "write key: value pairs"),
    "tuple_type": ("must be a list", "write it as a list of items"),
    "list_type": ("must be a list", "write it as a list of items"),
    "string_unicode": ("must be Unicode text", "encode the file as UTF-8"),
}
"""What is wrong, and what to do about it, for errors that need no value."""

_TOO_LONG = {"string_too_long": ("is longer than", "characters"), "too_long": ("has more than", "items")}
"""How a bound is told, and in which unit."""


def parsed(model: type[ModelT], value: Any, further: Iterable[Problem] = ()) -> ModelT:
    """Read a decoded JSON value into the model.

    Raises RefusedError with every problem and its API path; `further` are problems found elsewhere.
    """
    problems = list(further)
    try:
        read = model.model_validate(value, by_alias=True, by_name=False)
    except ValidationError as error:
        problems += _problems(error.errors(include_url=False, include_context=True))
        raise RefusedError(subject(value, _kind(model)), problems) from None
    if problems:
        raise RefusedError(subject(value, _kind(model)), problems)
    return read


def _kind(model: type[BaseModel]) -> str:
    """Return the kind of object that the model is, or the model's own name for a part of one."""
    field = model.model_fields.get("kind")
    return str(field.default) if field else model.__name__


def subject(value: Any, kind: str) -> str:
    """Name an object in words: its kind, namespace and name, as far as it has them."""
    name = dig(value, "metadata", "name")
    namespace = dig(value, "metadata", "namespace")
    place = f"{namespace}/{name}" if namespace and name else name
    return " ".join(str(word) for word in (dig(value, "kind", default=kind), place) if word)


def api_path(location: Iterable[str | int]) -> str:
    """Write a location as a field path: `spec.roles[2].resources.limits[nvidia.com/gpu]`."""
    path = ""
    for step in location:
        if isinstance(step, int) or "." in step or "/" in step:
            path += f"[{step}]"
        else:
            path += f".{step}" if path else step
    return path or "(the object)"


def _problems(details: Iterable[ErrorDetails]) -> Iterator[Problem]:
    for detail in details:
        location = [step for step in detail["loc"] if step != "[key]"]
        what, remedy = _words(detail["type"], detail.get("ctx") or {}, detail["input"])
        hidden = _SECRET_FIELDS.intersection(str(step) for step in location)
        quoted = _quoted(detail["input"]) if not hidden and detail["type"] not in _PLAIN else ""
        yield Problem(api_path(location), f"{quoted} {what}".strip(), remedy)


def _quoted(value: Any) -> str:
    quotable = isinstance(value, str | float) or (isinstance(value, int) and value.bit_length() <= _LONGEST_NUMBER_BITS)
    text = repr(value) if quotable else ""
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}...'"


def _words(kind: str, context: Mapping[str, Any], value: Any) -> tuple[str, str]:
    """Say what is wrong and what to do about it."""
    match kind:
        case _ if kind in _PLAIN:
            return _PLAIN[kind]
        case "string_pattern_mismatch":
            return PATTERN_WORDS.get(context["pattern"], ("is not valid here", f"match {context['pattern']}"))
        case "string_too_short":
            return (
                ("is empty", "give it a value")
                if not value
                else _bound("is shorter than", context, "min_length", "characters")
            )
        case "string_too_long" | "too_long":
            words, unit = _TOO_LONG[kind]
            return _bound(words, context, "max_length", unit)
        case "greater_than_equal":
            return f"is less than {context['ge']}", f"give at least {context['ge']}"
        case "less_than_equal":
            return f"is more than {context['le']}", f"give at most {context['le']}"
        case "literal_error" | "enum":
            return "is not one of the values known here", f"use one of {context['expected']}"
    return "is not valid here", "see the field's description"


def _bound(words: str, context: Mapping[str, Any], key: str, unit: str) -> tuple[str, str]:
    limit = f"{context[key]} {unit}"
    return f"{words} {limit}", f"the limit is {limit}"
