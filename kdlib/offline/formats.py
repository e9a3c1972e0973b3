"""Findings written down: for people, for programs, as SARIF, and as commands of a GitHub workflow.

Every text ends with a line feed and is printable ASCII or UTF-8.

Layer: pure.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import PurePosixPath
from urllib.parse import quote

from kdlib.frozen import Json
from kdlib.offline.finding import LEVELS, Checked, Finding
from kdlib.offline.table import OWN_RULES
from kdlib.rules import rule_titles

__all__ = ["as_github", "as_json", "as_sarif", "as_text"]

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def as_text(checked: Checked) -> str:
    """Write one line for each finding, as compilers do, and a line of sums."""
    lines = [f"{item.file}:{item.line}: {item.level}: {item} [{item.rule}]\n" for item in checked.findings]
    return "".join([*lines, f"{_sums(checked)}\n"])


def _sums(checked: Checked) -> str:
    found = ", ".join(_counted(checked.count(level), level) for level in LEVELS)
    seen = [
        _counted(checked.objects, "object"),
        f"{_counted(checked.files, 'file')}",
        _counted(checked.packages, "package"),
    ]
    rest = f"; passed over {_counted(checked.passed_over, 'other document')}" if checked.passed_over else ""
    return f"checked {seen[0]} in {seen[1]}, {seen[2]}: {found}{rest}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number or 'no'} {noun}s"


def as_json(checked: Checked) -> str:
    """Write one object: `findings` as a list, with the fields of `Finding`, and the sums."""
    value: Json = {
        "version": 1,
        "findings": [asdict(finding) for finding in checked.findings],
        "errors": checked.count("error"),
        "warnings": checked.count("warning"),
        "notes": checked.count("note"),
        "objects": checked.objects,
        "files": checked.files,
        "packages": checked.packages,
        "passedOver": checked.passed_over,
    }
    return json.dumps(value, indent=2) + "\n"


def as_sarif(checked: Checked, *, version: str = "") -> str:
    """Write a SARIF 2.1.0 log of one run, with what each rule says; `version` is that of the tool.

    See https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html.
    """
    rules = sorted({finding.rule for finding in checked.findings})
    known = _titles()
    driver = {
        "name": "kdd check",
        **({"version": version} if version else {}),
        "rules": [{"id": rule, "shortDescription": {"text": known.get(rule, f"rule {rule}")}} for rule in rules],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(finding, rules) for finding in checked.findings],
    }
    return json.dumps({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


@cache
def _titles() -> Mapping[str, str]:
    """Return what each rule says; no other form of the findings needs it, so it is read when first asked for."""
    return rule_titles() | {rule: own.title for rule, own in OWN_RULES.items()}


def _sarif_result(finding: Finding, rules: list[str]) -> Json:
    path = PurePosixPath(finding.file)
    place = {"artifactLocation": {"uri": _uri(path)}, "region": {"startLine": finding.line}}
    logical = " ".join(part for part in (finding.subject, finding.path) if part)
    return {
        "ruleId": finding.rule,
        "ruleIndex": rules.index(finding.rule),
        "level": finding.level,
        "message": {"text": str(finding)},
        "locations": [
            {
                "physicalLocation": place,
                **({"logicalLocations": [{"fullyQualifiedName": logical}]} if logical else {}),
            }
        ],
    }


def _uri(path: PurePosixPath) -> str:
    return f"file://{quote(str(path))}" if path.is_absolute() else quote(str(path))


def as_github(checked: Checked) -> str:
    """Write workflow commands, which mark the lines of a pull request, and the sums.

    See https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
    """
    lines = [
        f"::{_COMMANDS[item.level]} file={_property(item.file)},line={item.line},title={_property(item.rule)}::"
        f"{_message(str(item))}\n"
        for item in checked.findings
    ]
    return "".join([*lines, f"{_sums(checked)}\n"])


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
