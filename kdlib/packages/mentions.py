"""What the scripts of a setup package name: events of their calls, and services and roles that they ask configcli for.

Only what can be told without running a script: patterns of a shell's `case`, and keys written out after `--get`.

Layer: pure.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from kdlib.packages.archive import SetupPackage

__all__ = ["EVENTS", "Mention", "mentions", "names_event"]

EVENTS = ("configure", "addnodes", "delnodes", "reconnect", "decommission")
"""Events that a start script is called for, each as an option (specification 5.7)."""

# No blank is tried twice (possessive quantifiers), so that no script can make a search long.
_OPTION_WORD = r"""["']?+--[a-z_-]++["']?+"""
_CASE = re.compile(rf"^[ \t]*+\(?+[ \t]*+{_OPTION_WORD}(?:[ \t]*+\|[ \t]*+{_OPTION_WORD})*+[ \t]*+\)", re.MULTILINE)
_OPTION = re.compile(r"--([a-z_-]+)")
_KEY = re.compile(r"""(?:--get|-g)[ \t=]+["']?([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)(\.?)""")
_COMMENT = re.compile(r"^[ \t]*#.*$", re.MULTILINE)


_MOST_MATCHES = 500
"""Most events, and most keys, that are taken from one script."""


@dataclass(frozen=True, slots=True, order=True)
class Mention:
    """A name in a script, with its place: `kind` is event, service or role."""

    path: str
    line: int
    kind: str
    name: str


def mentions(package: SetupPackage) -> tuple[Mention, ...]:
    """List what the scripts of a package name, in the order of their paths and lines."""
    found = {mention for path, text in package.scripts for mention in _of_script(path, _readable(text))}
    return tuple(sorted(found))


def names_event(package: SetupPackage, event: str) -> bool:
    """Tell whether any script of the package has the event's name in it, comments apart."""
    return any(event in _readable(text) for _, text in package.scripts)


def _readable(text: bytes) -> str:
    """Return a script's text with its comments blanked, so that lines stay where they are."""
    return _COMMENT.sub("", text.decode(errors="replace"))


def _of_script(path: str, text: str) -> Iterator[Mention]:
    for line, match in _found(_CASE, text):
        for name in _OPTION.findall(match.group()):
            yield Mention(path, line, "event", name)
    for line, match in _found(_KEY, text):
        # A key that goes on with a variable is known as far as the last dot before it.
        steps = match[1].split(".")
        whole = match[2] or text[match.end() : match.end() + 1] not in ("$", "{", "`")
        for kind, name in _named(steps if whole else steps[:-1]):
            yield Mention(path, line, kind, name)


def _found(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, re.Match[str]]]:
    """Yield the first matches with their lines."""
    line, position = 1, 0
    for match in islice(pattern.finditer(text), _MOST_MATCHES):
        line += text.count("\n", position, match.start())
        position = match.start()
        yield line, match


def _named(steps: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the services and roles that a key leads through (specification 5.4)."""
    match steps:
        case ["services", service, _, role, *_]:
            yield from (("service", service), ("role", role))
        case ["services", service, *_]:
            yield "service", service
        case ["nodegroups" | "distros", *_] if "roles" in steps:
            yield from _inside_role(steps[steps.index("roles") + 1 :])


def _inside_role(steps: list[str]) -> Iterator[tuple[str, str]]:
    match steps:
        case [role, "services", service, *_]:
            yield from (("role", role), ("service", service))
        case [role, *_]:
            yield "role", role
