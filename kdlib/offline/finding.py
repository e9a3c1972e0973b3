"""One finding of a check, and the whole of them.

Layer: pure.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["LEVELS", "Checked", "Finding", "Level", "plain_text"]

Level: TypeAlias = Literal["error", "warning", "note"]

LEVELS: tuple[Level, ...] = ("error", "warning", "note")
"""What is refused; what is accepted and most likely not meant; what nobody can tell from the files alone."""

_LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that is wrong, or worth knowing, with its place.

    `line` counts from 1, `subject` names the object (`KubeDirectorApp demo`), `path` the field in it, or a file inside
    a setup package. All texts are printable and at most 500 characters long.
    """

    file: str
    line: int
    subject: str
    path: str
    what: str
    remedy: str
    level: Level
    rule: str

    def __str__(self) -> str:
        place = " ".join(part for part in (self.subject, self.path) if part)
        words = f"{place}: {self.what}" if place else self.what
        return f"{words}; {self.remedy}" if self.remedy else words


@dataclass(frozen=True, slots=True)
class Checked:
    """Everything that a check found, sorted by file and line, and what it looked at."""

    findings: tuple[Finding, ...]
    files: int = 0
    """Manifest files that were read."""
    objects: int = 0
    """Objects of KubeDirector that were checked."""
    packages: int = 0
    """Setup packages that were checked."""
    passed_over: int = 0
    """Documents of other kinds."""

    def count(self, level: Level) -> int:
        """Return the number of findings of a level."""
        return Counter(finding.level for finding in self.findings)[level]

    def is_clean(self, *, strict: bool = False) -> bool:
        """Tell whether there is no error, and where `strict` no warning either."""
        return not (self.count("error") or (strict and self.count("warning")))

    @classmethod
    def of(cls, findings: Iterable[Finding], *, files: int, objects: int, packages: int, passed_over: int) -> "Checked":
        """Sort the findings, each of them once."""
        return cls(tuple(sorted(set(findings))), files, objects, packages, passed_over)


def plain_text(text: str) -> str:
    """Make a text printable in any terminal and encoding: escape what is not, and cut what is too long."""
    cut = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut)
