"""Programs: expressions checked, compiled by the library, and run on values.

Layer: shell.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kdlib.sandbox.store.crds.cel.checking import Checker
from kdlib.sandbox.store.crds.cel.functions import FUNCTIONS
from kdlib.sandbox.store.crds.cel.literals import literal_problems
from kdlib.sandbox.store.crds.cel.parsing import parse
from kdlib.sandbox.store.crds.cel.rendering import PREFIX, Writer
from kdlib.sandbox.store.crds.cel.scope import Problem, Scope, shown
from kdlib.sandbox.store.crds.cel.tokens import ExpressionSyntaxError
from kdlib.sandbox.store.crds.cel.tree import fields_of, names_of
from kdlib.sandbox.store.crds.cel.typesystem import Type

__all__ = ["CompileError", "EvaluationError", "Program", "compile_program", "given"]


class CompileError(Exception):
    """The expression does not compile; the message has a line, and a mark below the place, for each problem."""


class EvaluationError(Exception):
    """The expression has no value for what it was given; the message is worded as by the reference server."""


@dataclass(frozen=True, slots=True)
class Program:
    """An expression that can be run; `result` is its type.

    `names` is what it takes, `fields` which fields of each variable it looks at (None for the whole), `functions` what
    it calls of ours.
    """

    compiled: Any
    result: str
    names: frozenset[str]
    fields: Mapping[str, frozenset[str] | None]
    functions: frozenset[str]

    def run(self, context: Any) -> Any:
        """Return the expression's value in a context of `given`; raises EvaluationError."""
        try:
            return self.compiled.execute(context)
        except _FAILURES as error:
            raise EvaluationError(_worded(error)) from error


def compile_program(source: str, variables: Mapping[str, Type]) -> Program:
    """Check and compile an expression that may name the variables; raises CompileError.

    The library is loaded by the first call: that takes a quarter of a second, and most embedded clusters see no rule.
    """
    try:
        return _compiled(source, variables)
    except RecursionError as error:
        raise CompileError(shown(source, [Problem("expression recursion limit exceeded", 0)])) from error


def _compiled(source: str, variables: Mapping[str, Type]) -> Program:
    try:
        tree = parse(source)
    except ExpressionSyntaxError as problem:
        raise CompileError(_syntax_words(source, problem)) from problem
    checker = Checker()
    checker.check(tree, Scope(variables))
    problems = checker.problems or list(literal_problems(tree, checker))
    if problems:
        raise CompileError(shown(source, problems))
    writer = Writer(checker)
    text = writer.written(tree, {})
    unknown = sorted(writer.functions - FUNCTIONS.keys())
    if unknown:
        raise CompileError(shown(source, [Problem(f"function '{unknown[0]}' is not known to this server", 0)]))
    try:
        compiled = _library().compile(text)
    except ValueError as error:
        raise CompileError(_library_words(source, str(error))) from error
    fields = {name: fields_of(tree, frozenset({name})) for name in variables}
    return Program(compiled, str(checker.type_of(tree)), names_of(tree), fields, frozenset(writer.functions))


def given(variables: Mapping[str, Any], functions: frozenset[str], *, optional: str = "") -> Any:
    """Return a context for programs: the values of variables, and the functions of ours that they call.

    `optional` names a variable that is handed over as an optional, whether it is among the variables or not.
    """
    called: dict[str, Callable[..., Any]] = {PREFIX + name: FUNCTIONS[name] for name in functions}
    values = dict(variables)
    if optional:
        value = _library().OptionalValue
        values[optional] = value.of(values[optional]) if optional in values else value.none()
    return _library().Context(values, called)


def _library() -> Any:
    import cel

    # An error of a function is an answer here; the library would write each to the log, too.
    logging.getLogger("cel").setLevel(logging.CRITICAL)
    return cel


# --- words ----------------------------------------------------------------------------------------------------------


def _syntax_words(source: str, problem: ExpressionSyntaxError) -> str:
    """Return what the library's parser says about a text, where it finds anything wrong; else what ours said."""
    try:
        if not problem.is_final:
            _library().compile(source)
    except ValueError as error:
        words = _library_words(source, str(error))
        if "unsupported syntax" not in words:
            return words
    return shown(source, [Problem(str(problem), problem.at)])


def _library_words(source: str, message: str) -> str:
    """Return what the library says in the words and with the marks of the reference server."""
    starts = [0, *(index + 1 for index, sign in enumerate(source) if sign == "\n")]
    problems = []
    for line, column, what in _LIBRARY_PROBLEM.findall(message):
        if not what.startswith("Incomplete"):
            at = starts[min(int(line), len(starts)) - 1] + int(column) - 1
            problems.append(Problem(re.sub(r"expecting {<EOF>,.*}", "expecting <EOF>", what), at))
    return shown(source, problems) if problems else message


_LIBRARY_PROBLEM = re.compile(r"^.*?ERROR: <input>:(\d+):(\d+): (.*)$", re.MULTILINE)
_FAILURES = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
_OURS = re.compile(r"Function 'k_(\w+)' error: Python function call failed: (\w+): (.*)\. Check function", re.DOTALL)
_THEIRS = re.compile(r"Function '(\w+)' error: (.*?)\.? Check function arguments and their types\.", re.DOTALL)


def _worded(error: Exception) -> str:
    text = str(error)
    match error:
        case KeyError():
            return f"no such key: {error.args[0]}"
        case ZeroDivisionError():
            return "modulus by zero" if "modulo" in text else "division by zero"
        case IndexError():
            return text
        case OverflowError():
            return "integer overflow"
        case TypeError():
            return "no such overload"
        case _:
            return _called_words(text)


def _called_words(text: str) -> str:
    """Return what a function says that could not do with what it was given."""
    ours = _OURS.search(text)
    if ours is not None:
        return f"no such overload: {ours[1]}" if ours[2] in {"AttributeError", "TypeError"} else ours[3]
    theirs = _THEIRS.search(text)
    if theirs is None:
        return "no such overload" if "Undefined variable or function" in text else text
    match theirs[1]:
        case "matches":
            return f"error parsing regexp: {theirs[2].partition(chr(10))[0]}"
        case "duration":
            return "type conversion error from 'string' to 'google.protobuf.Duration'"
        case _:
            return theirs[2]
