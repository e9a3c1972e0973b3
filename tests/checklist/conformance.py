"""The page docs/reference/conformance.md: what was compared with a real API server, and what stays different.

It is made from what the tests themselves read: the cases, what the real API server answered to them, the one list of
differences, and the marks of all other tests. No server is needed for it.
"""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

TESTS = Path(__file__).parents[1]
TOP = TESTS.parent
API = TESTS / "api"
PAGE = TOP / "docs" / "reference" / "conformance.md"
HEAD = """\
<!-- Generated from tests/ by tests/checklist/make.py. Do not edit. -->

# Conformance of the sandbox

Every case is a table of requests. What a real API server ({version}) answered to them is written down, and both servers
must answer just that in each run of the tests: codes, warnings, and every field of every body; only what differs
between two runs of one server (UIDs, times, versions, addresses) is compared by its equality alone. `make test` asks
the sandbox, `make test KUBE=control-plane` the real one.

{cases} cases with {requests} requests run on both.
"""
OTHERS = """
## What else runs on a real API server

Generated cases, scenarios, and the laws. A test that runs on both servers, or compares them side by side, is counted in
both columns.

| tests | what | sandbox | real API server |
|---|---|---|---|"""
AREAS = {
    "apply": "Server-side apply",
    "cel": "Rules of definitions",
    "collection": "Owners and dependents",
    "controllers": "Controllers",
    "crds": "Definitions and their objects",
    "deletion": "Deletion, finalizers, garbage collection",
    "discovery": "Discovery",
    "disruption": "Disruption budgets and evictions",
    "kinds": "Defaults and errors of built-in kinds",
    "lists": "Lists, selectors, pages",
    "objects": "Creating, reading, errors",
    "patches": "Patches",
    "subresources": "Subresources",
    "tables": "Tables",
    "watches": "Watches",
    "webhooks": "Admission webhooks",
    "writes": "Updates, dry run, field validation, generation",
}
MARK = "control_plane"
SANDBOX = {"sandbox", "sandbox_credentials", "embedded"}
"""Fixtures that are the sandbox."""
ALTERNATIVE = re.compile(r"param\('?real'?, marks=")
"""How a test or a fixture says that the real API server is one of the two that it runs on."""


@cache
def areas() -> dict[str, list[Mapping[str, Any]]]:
    """Return the cases by the name of their file."""
    return {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in sorted((API / "cases").glob("*.yaml"))}


def recorded(area: str) -> set[str]:
    """Return the names of the cases that ran on the real API server."""
    return set(json.loads((API / "recorded" / f"{area}.json").read_text("utf-8")))


def differences() -> list[Mapping[str, Any]]:
    """Return what stays different."""
    found: list[Mapping[str, Any]] = yaml.safe_load((API / "differences.yaml").read_text("utf-8"))
    return found


def page() -> str:
    """Return the page."""
    by_area = areas()
    cases = [case for found in by_area.values() for case in found]
    version = re.search(r"k8s.io/kubernetes (v[\d.]+)", (TESTS / "control-plane" / "kubernetes" / "go.mod").read_text())
    assert version
    requests = sum(len(case["steps"]) for case in cases)
    head = HEAD.format(version=version[1], cases=len(cases), requests=requests)
    return "\n".join([head, *_summary(by_area), *_differences(), *_others(), *_cases(by_area)])


def _summary(by_area: Mapping[str, list[Mapping[str, Any]]]) -> Iterator[str]:
    yield "| area | cases | requests | sandbox | real API server |\n|---|---|---|---|---|"
    for area, cases in by_area.items():
        real = len(recorded(area) & {case["name"] for case in cases})
        requests = sum(len(case["steps"]) for case in cases)
        yield f"| [{AREAS[area]}](#{_anchor(AREAS[area])}) | {len(cases)} | {requests} | {len(cases)} | {real} |"


def _differences() -> Iterator[str]:
    yield "\n## Differences that stay\n\n| what | why | met by |\n|---|---|---|"
    for each in differences():
        yield f"| {each['what']} | {each['reason']} | {each.get('case', 'no case')} |"


def _others() -> Iterator[str]:
    yield OTHERS
    for path in sorted(TESTS.rglob("test_*.py")):
        servers = [found for found in servers_by_test(path).values() if "real" in found]
        if not servers:
            continue
        what = (ast.get_docstring(_parsed(path)) or "").split("\n\n")[0].replace("\n", " ")
        both = sum("sandbox" in found for found in servers)
        yield f"| `{path.relative_to(TESTS)}` | {what} | {both or ''} | {len(servers)} |"


def _cases(by_area: Mapping[str, list[Mapping[str, Any]]]) -> Iterator[str]:
    yield "\n## Cases"
    for area, cases in by_area.items():
        yield f"\n### {AREAS[area]}\n"
        for case in cases:
            requests = len(case["steps"])
            yield f"* {case['name']} ({requests} request{'s' * (requests != 1)})"
    yield ""


def _anchor(title: str) -> str:
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", title.lower()))


# --- which servers a test needs, from its source --------------------------------------------------------------------


def servers_by_test(path: Path) -> dict[str, set[str]]:
    """Return on which servers each test of a file runs, as its marks and fixtures say; none for any other test."""
    module = _parsed(path)
    fixtures = _fixtures(path)
    is_marked = any(
        isinstance(node, ast.Assign) and "pytestmark" in ast.unparse(node) and MARK in ast.unparse(node)
        for node in module.body
    )
    found = {}
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            found[node.name] = _servers(node, fixtures, is_marked=is_marked)
    return found


def _servers(test: ast.FunctionDef | ast.AsyncFunctionDef, fixtures: Mapping[str, Any], *, is_marked: bool) -> set[str]:
    reached = [test, *(fixtures[name] for name in _closure(test, fixtures))]
    decorators = [ast.unparse(each) for node in reached for each in node.decorator_list]
    is_real = is_marked or any(MARK in text for text in decorators)
    names = _closure(test, fixtures) | _arguments(test)
    is_sandbox = bool(names & SANDBOX) or any(ALTERNATIVE.search(text) for text in decorators)
    return {"real", *(["sandbox"] if is_sandbox else [])} if is_real else set()


def _closure(test: ast.FunctionDef | ast.AsyncFunctionDef, fixtures: Mapping[str, Any]) -> set[str]:
    found: set[str] = set()
    todo = _arguments(test)
    while todo:
        name = todo.pop()
        if name in fixtures and name not in found:
            found.add(name)
            todo |= _arguments(fixtures[name])
    return found


def _arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    return {argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)}


def _fixtures(path: Path) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return the fixtures that a test file sees; nearer ones hide others."""
    folders = [folder for folder in reversed(path.parents) if folder.is_relative_to(TESTS)]
    sources = [*(folder / "conftest.py" for folder in folders), path]
    return {
        node.name: node
        for source in sources
        if source.exists()
        for node in _parsed(source).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any("fixture" in ast.unparse(each) for each in node.decorator_list)
    }


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))
