"""Label and field selectors: reading, matching and writing them, in both their forms.

See https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ and
https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/.

Layer: pure.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kdlib.frozen import Json, dig

__all__ = [
    "FieldSelector",
    "FieldTerm",
    "LabelSelector",
    "Requirement",
    "SelectorError",
    "from_label_selector",
    "label_key_problems",
    "label_value_problems",
    "parse_fields",
    "parse_labels",
]


class SelectorError(ValueError):
    """The selector cannot be read; the message is the one that an API server gives."""


# --- labels ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label; `operator` is one of `=`, `!=`, `in`, `notin`, `exists`, `!`, `gt`, `lt`."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether the labels fulfil the condition; a missing label fulfils `!=` and `notin`."""
        value = labels.get(self.key)
        match self.operator:
            case "=" | "in":
                return value is not None and value in self.values
            case "!=" | "notin":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "!":
                return value is None
            case _:
                return value is not None and self._compares(value)

    def _compares(self, value: str) -> bool:
        try:
            mine, limit = int(value), int(self.values[0])
        except ValueError:
            return False
        return mine > limit if self.operator == "gt" else mine < limit

    def __str__(self) -> str:
        match self.operator:
            case "=" | "!=":
                return f"{self.key}{self.operator}{self.values[0]}"
            case "in" | "notin":
                return f"{self.key} {self.operator} ({','.join(sorted(self.values))})"
            case "exists":
                return self.key
            case "!":
                return f"!{self.key}"
            case _:
                return f"{self.key}{'>' if self.operator == 'gt' else '<'}{self.values[0]}"


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Conditions that must all be fulfilled; none match everything."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False
    """True for a selector that matches no object at all, such as a null `metav1.LabelSelector`."""

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        """Tell whether the labels fulfil every condition."""
        if self.nothing:
            return False
        found = labels or {}
        return all(requirement.matches(found) for requirement in self.requirements)

    @property
    def is_everything(self) -> bool:
        """Tell whether there are no conditions."""
        return not self.requirements and not self.nothing

    def __str__(self) -> str:
        return ",".join(map(str, sorted(self.requirements, key=lambda term: term.key)))


_WORD = re.compile(r"\s*(==|=|!=|!|>|<|\(|\)|,|[^\s=!<>(),]+)")


def parse_labels(text: str) -> LabelSelector:
    """Read a selector such as `app=dask,tier in (a,b),!old`.

    Raises SelectorError with the words of an API server.
    """
    words = _WORD.findall(text)
    terms: list[Requirement] = []
    position = 0
    while position < len(words):
        requirement, position = _requirement(words, position)
        terms.append(_checked(requirement))
        if position == len(words):
            break
        if words[position] != ",":
            raise SelectorError(f"found '{words[position]}', expected: ',' or 'end of string'")
        position += 1
        if position == len(words) or words[position] in _MARKS - {"!"}:
            found = words[position] if position < len(words) else ""
            raise SelectorError(f"found '{found}', expected: identifier after ','")
    return LabelSelector(tuple(terms))


def _unparsable(what: str) -> SelectorError:
    return SelectorError(f"unable to parse requirement: {what}")


_MARKS = frozenset({"==", "=", "!=", "!", ">", "<", "(", ")", ","})


def _requirement(words: list[str], position: int) -> tuple[Requirement, int]:
    key = words[position]
    if key == "!":
        return _missing(words, position + 1)
    if key in _MARKS:
        raise SelectorError(f"found '{key}', expected: !, identifier, or 'end of string'")
    operator = words[position + 1] if position + 1 < len(words) else ","
    if operator == ",":
        return Requirement(key, "exists"), position + 1
    if operator in {"=", "==", "!=", ">", "<"}:
        return _one_value(key, operator, words, position + 2)
    if operator in {"in", "notin"}:
        return _several_values(key, operator, words, position + 2)
    raise _unparsable(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")


def _missing(words: list[str], position: int) -> tuple[Requirement, int]:
    key = words[position] if position < len(words) else ""
    if key in _MARKS or not key:
        raise _unparsable(f"found '{key}', expected: identifier")
    return Requirement(key, "!"), position + 1


def _one_value(key: str, operator: str, words: list[str], position: int) -> tuple[Requirement, int]:
    names = {"==": "=", ">": "gt", "<": "lt"}
    operator = names.get(operator, operator)
    value = words[position] if position < len(words) else ","
    if value == ",":
        if operator in {"gt", "lt"}:
            raise _unparsable("found '', expected: identifier")
        return Requirement(key, operator, ("",)), position
    if value in _MARKS:
        raise _unparsable(f"found '{value}', expected: identifier")
    return Requirement(key, operator, (value,)), position + 1


def _several_values(key: str, operator: str, words: list[str], position: int) -> tuple[Requirement, int]:
    if position >= len(words) or words[position] != "(":
        found = words[position] if position < len(words) else ""
        raise _unparsable(f"found '{found}' expected: '('")
    if ")" not in words[position:]:
        raise _unparsable("found '', expected: ',' or ')'")
    end = words.index(")", position)
    return Requirement(key, operator, tuple(sorted(set(_listed(words[position + 1 : end]))))), end + 1


def _listed(words: list[str]) -> Iterator[str]:
    """Yield the values between brackets; nothing between two commas is an empty value."""
    last = ","
    for word in words:
        if word == "," and last == ",":
            yield ""
        elif word != "," and (word in _MARKS or last != ","):
            raise _unparsable(f"found '{word}', expected: ',', or ')'")
        elif word != ",":
            yield word
        last = word
    if last == ",":
        yield ""


_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAME_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
    " (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation "
    "is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_PREFIX_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and"
    " end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


# The same few names come again in every object of an application, and are asked about in every write.
@lru_cache(maxsize=4096)
def label_key_problems(key: str) -> tuple[str, ...]:
    """Return what is wrong with a label or annotation key, in the words of an API server."""
    prefix, slash, name = key.rpartition("/")
    problems = []
    if "/" in prefix:
        rule = _NAME_RULE + " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return ("a qualified name " + rule,)
    if slash and not prefix:
        problems.append("prefix part must be non-empty")
    elif slash and not _SUBDOMAIN.fullmatch(prefix):
        problems.append("prefix part " + _PREFIX_RULE)
    elif len(prefix) > 253:
        problems.append("prefix part must be no more than 253 bytes")
    if not name:
        problems.append("name part must be non-empty")
    elif len(name) > 63:
        problems.append("name part must be no more than 63 bytes")
    if not _NAME.fullmatch(name):
        problems.append("name part " + _NAME_RULE)
    return tuple(problems)


@lru_cache(maxsize=4096)
def label_value_problems(value: str) -> tuple[str, ...]:
    """Return what is wrong with a label value, in the words of an API server."""
    problems = []
    if len(value) > 63:
        problems.append("must be no more than 63 bytes")
    if value and not _NAME.fullmatch(value):
        problems.append(_VALUE_RULE)
    return tuple(problems)


def _checked(requirement: Requirement) -> Requirement:
    problems = label_key_problems(requirement.key)
    if problems:
        raise SelectorError(f'key: Invalid value: "{requirement.key}": {"; ".join(problems)}')
    if requirement.operator in {"gt", "lt"}:
        try:
            int(requirement.values[0])
        except ValueError as error:
            shown = f'values[0]: Invalid value: "{requirement.values[0]}"'
            raise SelectorError(f"{shown}: for 'Gt', 'Lt' operators, the value must be an integer") from error
    for index, value in enumerate(requirement.values):
        problems = label_value_problems(value)
        if problems:
            what = "; ".join(problems)
            raise SelectorError(f'values[{index}][{requirement.key}]: Invalid value: "{value}": {what}')
    return requirement


_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}


def from_label_selector(selector: Json | None) -> LabelSelector:
    """Read a `metav1.LabelSelector`; null matches nothing, an empty one everything."""
    if selector is None:
        return LabelSelector(nothing=True)
    terms = [Requirement(key, "=", (value,)) for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for expression in selector.get("matchExpressions") or ():
        operator = _OPERATORS.get(expression.get("operator", ""))
        if operator is None:
            raise SelectorError(f'"{expression.get("operator", "")}" is not a valid label selector operator')
        terms.append(Requirement(expression["key"], operator, tuple(expression.get("values") or ())))
    return LabelSelector(tuple(terms))


# --- fields ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """One comparison of a field, named by its path, with a text."""

    path: str
    value: str
    is_equal: bool = True

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")
        return f"{self.path}{'=' if self.is_equal else '!='}{escaped}"


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """Comparisons that must all hold; none match everything."""

    terms: tuple[FieldTerm, ...] = ()

    def matches(self, obj: Json, read: Callable[[Json, str], str] | None = None) -> bool:
        """Tell whether the object fulfils every comparison; `read` gives a field's text by its path."""
        look = read or field_text
        return all((look(obj, term.path) == term.value) is term.is_equal for term in self.terms)

    def exact(self, path: str) -> str | None:
        """Return the value that the field at the path must have; None where any may do."""
        return next((term.value for term in self.terms if term.path == path and term.is_equal), None)

    def __str__(self) -> str:
        return ",".join(map(str, self.terms))


def field_text(obj: Json, path: str) -> str:
    """Return the text of the field at the path; empty where it is missing."""
    value: Any = dig(obj, *path.split("."))
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def parse_fields(text: str) -> FieldSelector:
    """Read a selector such as `metadata.name=a,status.phase!=Running`; raises SelectorError."""
    terms = []
    for part in _split_terms(text):
        if not part:
            continue
        found = re.match(r"((?:[^\\=!]|\\.)*?)(!=|==|=)(.*)$", part, re.DOTALL)
        if not found:
            raise SelectorError(f"invalid selector: '{part}'; can't understand '{part}'")
        path, operator, value = found.groups()
        terms.append(FieldTerm(path, _unescaped(value), operator != "!="))
    return FieldSelector(tuple(terms))


def _split_terms(text: str) -> list[str]:
    return re.findall(r"(?:[^\\,]|\\.)+", text)


def _unescaped(value: str) -> str:
    if re.search(r"(?<!\\)(\\\\)*\\[^\\,=]", value) or re.search(r"(?<!\\)=", value):
        raise SelectorError(f"invalid field selector: invalid escape sequence in value: {value}")
    return re.sub(r"\\([\\,=])", r"\1", value)
