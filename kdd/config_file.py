"""The file of `kdd run --config`: YAML whose keys are the long names of the flags.

Layer: shell.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import typer
import yaml

from kdlib.errors import Problem, RefusedError

__all__ = ["flag_of", "read_config"]

_TEXT, _FILE = (str, int, float, bool), "(the file)"


def read_config(path: Path, context: typer.Context) -> dict[str, Any]:
    """Return the values of a file by the names of the command's parameters.

    Raises RefusedError with every key that is unknown and every value that its flag would not take.
    """
    subject = f'config "{path}"'
    found = _document(path, subject)
    known = {flag_of(item): item for item in context.command.params if flag_of(item) not in ("config", "help")}
    problems = [*_unknown(found, known), *_unreadable(found, known, context)]
    if problems:
        raise RefusedError(subject, problems)
    return {str(known[key].name): value for key, value in found.items()}


def flag_of(parameter: Any) -> str:
    """Return the long name of a flag without dashes; it is the flag's key in the file."""
    return str(max(parameter.opts, key=len)).removeprefix("--")


def _document(path: Path, subject: str) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        remedy = "check the path and its permissions"
        raise RefusedError(subject, [Problem(_FILE, f"cannot be read: {error.strerror}", remedy)]) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        what = f"is not YAML: {' '.join(str(error).split())}"
        raise RefusedError(subject, [Problem(_FILE, what, "correct it")]) from None
    match document:
        case None:
            return {}
        case dict():
            return {str(key): value for key, value in document.items()}
        case _:
            raise RefusedError(subject, [Problem(_FILE, "is no mapping", "write one line KEY: VALUE for each setting")])


def _unknown(found: dict[str, Any], known: dict[str, Any]) -> Iterator[Problem]:
    for key in sorted(set(found) - set(known)):
        near = get_close_matches(key, known, 1)
        remedy = f"is {near[0]!r} meant?" if near else "kdd run --help lists all settings"
        yield Problem(key, "is no setting", remedy)


def _unreadable(found: dict[str, Any], known: dict[str, Any], context: typer.Context) -> Iterator[Problem]:
    for key, value in found.items():
        parameter = known.get(key)
        if parameter is None:
            continue
        wants_list = bool(getattr(parameter, "multiple", False))
        items = value if isinstance(value, list) else [value]
        if wants_list != isinstance(value, list) or not all(isinstance(item, _TEXT) for item in items):
            yield Problem(key, f"{value!r} is no {'list' if wants_list else 'single value'}", "see kdd run --help")
            continue
        try:
            parameter.process_value(context, value)
        except typer.BadParameter as error:
            told = error.message.removeprefix("Value error, ").removesuffix(".")
            yield Problem(key, f"{value!r}: {told[:1].lower()}{told[1:]}", "see kdd run --help")
