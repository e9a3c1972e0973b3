"""Write docs/reference/checklist.md, what the specification numbers and the tests that show it, and conformance.md.

A test shows an item that names it in the list, or whose id stands in its docstring; a weakness where its id is in the
test's name (`w05`).
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import conformance
import yaml

HERE = Path(__file__).parent
TESTS = HERE.parent
TOP = TESTS.parent
PAGE = TOP / "docs" / "reference" / "checklist.md"
IDS = re.compile(r"\b(?:RC|KO|IC|OP)-\d\d\b")
WEAKNESSES = re.compile(r"(?<![a-z0-9])w(\d\d)(?![0-9a-z])")
HEAD = """\
<!-- Generated from tests/checklist by tests/checklist/make.py. Do not edit. -->

# What is held, and by which test

Everything that the specification of the original's behaviour numbers, with the tests that show it here. Where the
contract leaves us free, or a weakness is mended, the last column says what replaces it. Rules for what users write have
a [page of their own](rules.md).
"""


def items() -> dict[str, Mapping[str, Any]]:
    """Return what is numbered, weaknesses last."""
    found = {}
    for name in ("items.yaml", "weaknesses.yaml"):
        for key, value in yaml.safe_load((HERE / name).read_text(encoding="utf-8")).items():
            found[key] = {"says": value} if isinstance(value, str) else value
    return found


def known_tests() -> dict[str, str]:
    """Return the docstring of each test, by its name as pytest has it, from the folder of the tests."""
    return {
        f"{path.relative_to(TESTS)}::{name}": text
        for path in sorted(TESTS.rglob("test_*.py"))
        for name, text in _tests_in(path)
    }


def tests_by_id() -> dict[str, list[str]]:
    """Return the tests that show each item."""
    found: dict[str, set[str]] = defaultdict(set)
    for key, item in items().items():
        found[key].update(item.get("tests", ()))
    for test, text in known_tests().items():
        for key in _named(test.rpartition("::")[2], text):
            found[key].add(test)
    return {key: sorted(tests) for key, tests in found.items() if tests}


def page() -> str:
    """Return the page."""
    tests = tests_by_id()
    parts = [HEAD]
    for title, start in _TITLES.items():
        rows = [_row(key, item, tests.get(key, [])) for key, item in items().items() if key.startswith(start)]
        parts.append(f"## {title}\n\n| id | what | shown by | instead |\n|---|---|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


_TITLES = {
    "Reconciling": "RC-",
    "Kubernetes objects": "KO-",
    "Inside members": "IC-",
    "Operations": "OP-",
    "Weaknesses of the original": "W-",
}


def _tests_in(path: Path) -> Iterator[tuple[str, str]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name, ast.get_docstring(node) or ""


def _named(name: str, text: str) -> Iterator[str]:
    yield from IDS.findall(text)
    yield from (f"W-{number}" for number in WEAKNESSES.findall(name.replace("_", " ")))


def _row(key: str, item: Mapping[str, Any], tests: list[str]) -> str:
    told = (item.get("freed"), item.get("text"), f"Open: {item['open']}." if "open" in item else "")
    shown = "<br>".join(f"`{test}`" for test in tests)
    return f"| {key} | {item['says']} | {shown} | {' '.join(filter(None, told))} |"


def main() -> None:
    """Write the pages whose text has changed."""
    for path, text in ((PAGE, page()), (conformance.PAGE, conformance.page())):
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
