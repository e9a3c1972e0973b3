"""Findings are written so that people, programs and forges can read them, whatever the files hold."""

import json
from pathlib import Path
from urllib.parse import unquote

import pytest

from kdlib import offline
from kdlib.offline import Checked, Finding

FINDINGS = (
    Finding("a b.yaml", 3, "KubeDirectorApp x", "spec.a", "is 100% wrong", "mend it", "error", "APP-V-02"),
    Finding("/tmp/ä.yaml", 1, "", "", "cannot be read", "", "warning", "CK-F-01"),
    Finding("c,d:e.yaml", 2, "KubeDirectorCluster y", "", "refers to nothing", "look", "note", "CK-R-01"),
)
CHECKED = Checked(FINDINGS, files=3, objects=1, packages=0, passed_over=2)


def test_a_text_has_a_line_for_each_finding_and_one_of_sums():
    assert offline.as_text(CHECKED).splitlines() == [
        "a b.yaml:3: error: KubeDirectorApp x spec.a: is 100% wrong; mend it [APP-V-02]",
        "/tmp/ä.yaml:1: warning: cannot be read [CK-F-01]",
        "c,d:e.yaml:2: note: KubeDirectorCluster y: refers to nothing; look [CK-R-01]",
        "checked 1 object in 3 files, no packages: 1 error, 1 warning, 1 note; passed over 2 other documents",
    ]


def test_json_has_every_field():
    value = json.loads(offline.as_json(CHECKED))
    assert [Finding(**item) for item in value["findings"]] == list(FINDINGS)
    assert (value["version"], value["errors"], value["warnings"], value["notes"], value["passedOver"]) == (
        1,
        1,
        1,
        1,
        2,
    )


def test_sarif_names_each_rule_once_and_each_place():
    log = json.loads(offline.as_sarif(CHECKED, version="1.0.0"))
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert log["version"] == "2.1.0"
    assert {rule["id"]: rule["shortDescription"]["text"] for rule in rules}["APP-V-02"] == "role ids are unique"
    assert [rules[item["ruleIndex"]]["id"] for item in run["results"]] == [item.rule for item in FINDINGS]
    places = [item["locations"][0]["physicalLocation"] for item in run["results"]]
    assert [place["region"]["startLine"] for place in places] == [3, 1, 2]
    uris = [place["artifactLocation"]["uri"] for place in places]
    assert [unquote(uri) for uri in uris] == ["a b.yaml", "file:///tmp/ä.yaml", "c,d:e.yaml"]
    assert all(uri.isascii() and " " not in uri for uri in uris)
    assert [item["level"] for item in run["results"]] == ["error", "warning", "note"]


def test_workflow_commands_escape_what_would_end_them():
    lines = offline.as_github(CHECKED).splitlines()
    assert lines[0] == "::error file=a b.yaml,line=3,title=APP-V-02::KubeDirectorApp x spec.a: is 100%25 wrong; mend it"
    assert lines[2].startswith("::notice file=c%2Cd%3Ae.yaml,line=2,title=CK-R-01::")


HOSTILE = (
    b'{"apiVersion": "kubedirector.hpe.com/v1beta1", "kind": "KubeDirectorApp", '
    b'"metadata": {"name": "a\\n::error::x\\u001b[31m"}, "spec": {"\\r\\n": 1, "\\ud800": 2, "%0A": 3}}'
)


@pytest.mark.parametrize("form", [offline.as_text, offline.as_json, offline.as_sarif, offline.as_github])
def test_what_a_file_holds_cannot_forge_a_line(form):
    text = form(offline.check([], given={"x.json": HOSTILE}))
    assert all(line.isprintable() for line in text.splitlines())
    assert not any(line.startswith("::error::x") for line in text.splitlines())
    text.encode()


def test_levels_decide_what_is_clean():
    assert not CHECKED.is_clean()
    assert Checked(FINDINGS[1:]).is_clean()
    assert not Checked(FINDINGS[1:]).is_clean(strict=True)
    assert Checked(FINDINGS[2:]).is_clean(strict=True)


def test_each_rule_of_the_check_has_a_title_and_a_level():
    assert all(rule.title and rule.level in offline.LEVELS for rule in offline.OWN_RULES.values())


def test_the_reference_lists_each_rule_as_it_is():
    page = (Path(__file__).parents[3] / "docs" / "reference" / "check.md").read_text()
    rows = [f"| {rule} | {own.level} | {own.title} |" for rule, own in offline.OWN_RULES.items()]
    assert [line for line in page.splitlines() if line.startswith("| CK-")] == rows
