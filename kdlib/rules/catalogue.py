"""The catalogue of rules: for each id what it says, which function it is, which test shows it, and where it holds.

Its data are in `catalogue.yaml`, and `docs/reference/rules.md` is made from it. What a CRD holds by itself is
taken from the model's CEL rules.

Layer: pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

import yaml

from kdlib.frozen import Json
from kdlib.model import cel_rules

__all__ = ["Rule", "catalogue", "rule_titles", "rules_page"]

_WORDS = {
    "schema": "schema",
    "webhook": "webhook",
    "resolve": "resolve",
    "server": "webhook server",
    "api": "API server",
    "cel": "CEL",
}

_HEAD = """\
<!-- Generated from kdlib.rules by schemas/generate.py. Do not edit. -->

# Rules

Every rule for what users write: what it says, the function that holds it, the test that shows it, and where it holds.

* **schema**: the CRD says it, so no API server stores anything else.
* **CEL**: the CRD says it, or a part of it, as an expression that the API server evaluates.
* **webhook**: the admission webhook refuses or patches a write, with all problems at once.
* **resolve**: the daemon checks it before it acts, with the webhook and without; what is wrong stands in a condition.
* **API server**, **webhook server**: it follows from how these answer.

Ids with `X` are ours: they refuse what would end in an object that no API server takes, or that could not run. `W-nn`
names a known weakness of the original that is not repeated here. Paths of functions start at `kdlib`, those of tests at
`tests`.

"""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `functions` are paths in Python, `tests` are ids of pytest, `places` where it holds, in words.

    A rule without functions is dropped on purpose, and `note` says why.
    """

    id: str
    section: str
    says: str
    functions: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    note: str = ""

    @property
    def is_dropped(self) -> bool:
        """Tell whether the rule is not held, on purpose."""
        return not self.functions


def catalogue() -> tuple[Rule, ...]:
    """Return every rule, in the order of the specification's chapters, ours after those of each chapter."""
    by_cel = {rule.rule for rule in cel_rules()}
    return tuple(_rule(section, row, in_cel=row["id"] in by_cel) for section, row in _rows())


def rule_titles() -> dict[str, str]:
    """Return what each rule says, by its id; unlike the whole catalogue it needs no CRD."""
    return {row["id"]: row["says"] for _, row in _rows()}


def _rows() -> Iterator[tuple[str, Json]]:
    text = files("kdlib.rules").joinpath("catalogue.yaml").read_text(encoding="utf-8")
    for item in yaml.safe_load(text):
        yield from ((item["section"], row) for row in item["rules"])


def _rule(section: str, row: Json, *, in_cel: bool) -> Rule:
    places = [*(["cel"] if in_cel else []), *row.get("places", ())]
    return Rule(
        row["id"],
        section,
        row["says"],
        tuple(f"kdlib.{item}" for item in row.get("functions", ())),
        tuple(f"tests/{item}" for item in row.get("tests", ())),
        tuple(_WORDS[word] for word in places),
        row.get("note", ""),
    )


def rules_page() -> str:
    """Return the text of the page with all rules, in Markdown."""
    rules = catalogue()
    titles = dict.fromkeys(rule.section for rule in rules)
    return _HEAD + "\n".join(_section(title, [rule for rule in rules if rule.section == title]) for title in titles)


def _section(title: str, rules: list[Rule]) -> str:
    return "\n".join([f"## {title}", "", *_table(rules), ""])


def _table(rules: list[Rule]) -> Iterator[str]:
    yield "| Rule | Says | Holds in | Function | Test |"
    yield "|---|---|---|---|---|"
    for rule in rules:
        says = ". ".join(text for text in (rule.says, rule.note) if text) + "."
        functions = "<br>".join(f"`{item.removeprefix('kdlib.')}`" for item in rule.functions) or "–"
        tests = "<br>".join(f"`{item.removeprefix('tests/')}`" for item in rule.tests) or "–"
        yield f"| {rule.id} | {_escaped(says)} | {', '.join(rule.places) or 'dropped'} | {functions} | {tests} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
