"""A manifest file is read as far as it can be, and every fault and trap in it is told with its line."""

from pathlib import Path

import pytest
from wording import hold

from kdlib.packages import MOST_FLAWS, scan

WORDS = Path(__file__).parent / "golden" / "words.yaml"


def flaws(text, name="x.yaml"):
    found = scan(text if isinstance(text, bytes) else text.encode(), name)
    inside = [flaw for document in found.documents for flaw in document.flaws]
    for flaw in (*found.flaws, *inside):
        hold(WORDS, flaw.rule, f"{flaw.what}; {flaw.remedy}")
    return [(flaw.line, flaw.rule, flaw.what) for flaw in sorted([*found.flaws, *inside])]


def kinds(text, name="x.yaml"):
    return [document.value.get("kind") for document in scan(text.encode(), name).documents]


def test_a_document_that_cannot_be_read_hides_no_other():
    text = "kind: A\n---\nkind: [B\n---\nkind: C\n--- # words\nkind: D\n\tx: 1\n---\nkind: E\n"
    assert kinds(text) == ["A", "C", "E"]
    assert [line for line, _, _ in flaws(text)] == [4, 8]


def test_a_tab_is_named_in_the_remedy():
    found = scan(b"kind: A\nspec:\n\tx: 1\n").flaws
    assert [(flaw.line, flaw.remedy) for flaw in found] == [(3, "indent with spaces, not with tabs")]


def test_lines_after_an_unreadable_document_are_those_of_the_file():
    documents = scan(b"a: [\n---\n\nkind: B\nspec:\n  x: 1\n").documents
    assert (documents[0].line, documents[0].line_of("spec.x")) == (4, 6)


def test_json_has_the_line_of_every_field():
    text = '{"kind": "A",\n "spec": {"roles": [\n  {"id": "x",\n   "members": 2},\n  {}]}}\n'
    document = scan(text.encode(), "x.json").documents[0]
    assert document.value == {"kind": "A", "spec": {"roles": [{"id": "x", "members": 2}, {}]}}
    paths = ["kind", "spec.roles", "spec.roles[0].id", "spec.roles[0].members", "spec.roles[1].id"]
    assert [document.line_of(path) for path in paths] == [1, 2, 3, 4, 5]


def test_a_character_that_yaml_does_not_allow_is_told_with_its_line():
    assert flaws(b"kind: A\nx: a\x07b\n") == [(2, "CK-F-02", "holds a character that YAML does not allow")]


def test_tag_directives_are_bounded():
    text = "".join(f"%TAG !a{number}! x\n" for number in range(2000))
    assert [rule for _, rule, _ in flaws(f"{text}--- a\n")] == ["CK-F-05"]


def test_a_path_without_end_is_looked_up_in_time():
    assert scan(b"kind: A\nspec: 1\n").documents[0].line_of("spec.x]" + ".a" * 1_000_000) == 2


def test_keys_in_brackets_are_found_as_rules_write_them():
    document = scan(b"kind: A\nspec:\n  labels:\n    a.b/c: 1\n    d: 2\n").documents[0]
    assert [document.line_of(f"spec.labels[{key}]") for key in ("a.b/c", "d", "none")] == [4, 5, 3]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1', "the text ends too early"),
        ('{"a" 1}', "':' is missing"),
        ('{"a": 1 "b": 2}', "',' or '}' is missing"),
        ('{"a": [1 2]}', "',' or ']' is missing"),
        ("{a: 1}", "a key in quotes is missing"),
        ('{"a": }', "a value is missing"),
        ('{"a": "b\nc"}', "a text has no end"),
        ('{"a": "\\x"}', "a text has no end"),
        ('{"a": NaN}', "a value is missing"),
    ],
)  # fmt: skip
def test_what_is_no_json_is_told_in_a_json_file(text, words):
    (found,) = flaws(text, "x.json")
    assert (found[:2], words in found[2]) == ((1, "CK-F-02"), True)


def test_a_number_without_end_is_refused_in_json():
    assert [rule for _, rule, _ in flaws('{"a": 1e999}', "x.json")] == ["CK-Y-04"]
    assert [rule for _, rule, _ in flaws(f'{{"a": {"9" * 5000}}}', "x.json")] == ["CK-Y-04"]


def test_half_of_a_surrogate_pair_becomes_a_replacement_character():
    document = scan(b'{"kind": "A", "x": "\\ud800", "y": "\\ud83d\\ude00"}').documents[0]
    assert (document.value["x"], document.value["y"]) == ("�", "😀")
    assert [flaw.rule for flaw in document.flaws] == ["CK-Y-06"]


TRAPS = [
    ("a: no", "CK-Y-02", "no is read as false"),
    ("a: 'no'", "", ""),
    ("a: true", "", ""),
    ("n: a", "CK-Y-02", "n is read as false"),
    ("a: 0644", "CK-Y-03", "0644 is read as octal: 420"),
    ("a: 0", "", ""),
    (f"a: {'1' * 41}", "CK-Y-03", f"{'1' * 40}... does not fit into 64 bits and loses digits"),
    ("a: 1_000", "CK-Y-03", "1_000 is read as the number 1000"),
    ("a: 12345678901234567890", "CK-Y-03", "12345678901234567890 does not fit into 64 bits and loses digits"),
    ("a: !foo x", "CK-Y-05", "tag '!foo' is passed over by Kubernetes"),
    ("a: !!str x", "", ""),
    ("a: 12:30", "CK-Y-07", "12:30 is a text for Kubernetes, and no text for other readers of YAML"),
    ("a: 2001-01-01", "CK-Y-07", "2001-01-01 is a text for Kubernetes, and no text for other readers of YAML"),
    ("a: img:1.0", "", ""),
    ("a: 1\na: 2", "CK-Y-01", "key 'a' occurs twice"),
]


@pytest.mark.parametrize(("text", "rule", "what"), TRAPS)
def test_what_reads_otherwise_than_it_looks_is_told(text, rule, what):
    assert [(found[1], found[2]) for found in flaws(text)] == ([(rule, what)] if rule else [])


def test_flaws_of_an_item_of_a_list_stand_in_its_document():
    text = "kind: List\nitems:\n- kind: A\n- kind: B\n  x: no\n- 3\n"
    found = scan(text.encode())
    assert [[(flaw.steps, flaw.line) for flaw in document.flaws] for document in found.documents] == [[], [(("x",), 5)]]
    assert [(flaw.line, flaw.rule) for flaw in found.flaws] == [(6, "CK-F-04")]


def test_the_number_of_flaws_is_bounded():
    assert len(flaws("".join(f"k{number}: no\n" for number in range(500)))) == MOST_FLAWS
    assert len(flaws("a: ]\n---\n" * 500)) == MOST_FLAWS


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "latin-1"])
def test_a_text_in_another_encoding_is_refused(codec):
    (found,) = flaws("kind: Ä\n".encode(codec))
    assert found[1] in {"CK-F-02", "CK-F-03"}


def test_a_byte_order_mark_and_windows_line_ends_are_no_flaw():
    document = scan(b"\xef\xbb\xbfkind: A\r\nspec:\r\n  x: b\r\n").documents[0]
    assert (document.value, document.line_of("spec.x")) == ({"kind": "A", "spec": {"x": "b"}}, 3)
