"""The catalogue of rules is whole and true: no specified id is missing, each function and each test exists."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from kdlib.model import cel_rules
from kdlib.rules import catalogue, rule_titles, rules_page

ROOT = Path(__file__).parents[3]
RULES = catalogue()
SPECIFIED = (Path(__file__).parent / "specified_rules.txt").read_text(encoding="utf-8").split()


def attribute(path):
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def sources():
    return [path.read_text(encoding="utf-8") for path in sorted((ROOT / "kdlib" / "rules").glob("*.py"))]


def test_no_id_of_the_specification_is_missing_and_none_stands_twice():
    ids = [rule.id for rule in RULES]
    assert len(ids) == len(set(ids))
    assert sorted(set(SPECIFIED) - set(ids)) == []
    assert {name for name in set(ids) - set(SPECIFIED) if "-X-" not in name} == set()


def test_the_titles_are_those_of_the_catalogue():
    assert rule_titles() == {rule.id: rule.says for rule in RULES}


def test_every_id_that_a_rule_gives_stands_in_the_catalogue():
    written = {
        name for text in sources() for name in re.findall(r"\b(?:APP|CL|CFG|PVC)-[VMX]-\d\d\b|\bWH-\d\d\b", text)
    }
    written |= {rule.rule for rule in cel_rules()}
    assert sorted(written - {rule.id for rule in RULES}) == []


@pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
def test_a_rule_has_functions_and_tests_or_says_why_not(rule):
    assert all(attribute(path).__doc__ for path in rule.functions)
    for test in rule.tests:
        path, _, name = test.partition("::")
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    assert bool(rule.functions) == bool(rule.tests) == bool(rule.places)
    assert rule.functions or rule.note


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.functions], ids=lambda rule: rule.id)
def test_the_docstring_of_a_function_names_its_rule(rule):
    """That of a whole server or reader names none; a function of a rule does."""
    own = [path for path in rule.functions if path.startswith("kdlib.rules.")]
    words = " ".join(
        f"{attribute(path).__doc__} {importlib.import_module(path.rpartition('.')[0]).__doc__}" for path in own
    )
    first, _, number = rule.id.rpartition("-")
    spans = re.findall(rf"{first}-(\d\d) to {first}-(\d\d)", words)
    assert not own or rule.id in words or any(low <= number <= high for low, high in spans)


def test_the_page_is_what_the_generator_writes():
    page = ROOT / "docs" / "reference" / "rules.md"
    assert page.read_text(encoding="utf-8") == rules_page(), "docs/reference/rules.md is outdated: run `make schemas`"
