"""Manifest files are read as kubectl reads them, with lines, and no file can exhaust the process."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdlib.errors import RefusedError
from kdlib.packages import MOST_BYTES, load, load_app, loads

# What kubectl 1.36 sends for each unquoted word.
AS_KUBECTL = [
    ("yes", True),
    ("no", False),
    ("on", True),
    ("y", True),
    ("N", False),
    ("TRUE", True),
    ("tRUE", "tRUE"),
    ("~", None),
    ("", None),
    ("''", ""),
    ("'no'", "no"),
    ("0644", 420),
    ("0o644", 420),
    ("0x1F", 31),
    ("-0b11", -3),
    ("08", 8),
    ("1_000", 1000),
    ("_1", "_1"),
    ("._5", "._5"),
    ("1:30", "1:30"),
    ("1e3", 1000),
    ("1.", 1),
    (".5", 0.5),
    ("0.10", 0.1),
    ("1e400", "1e400"),
    ("123e", "123e"),
    ("0x", "0x"),
    ("2001-01-01", "2001-01-01"),
    ("12345678901234567890123", 1.2345678901234568e22),
    ("9007199254740993", 9007199254740993),
    ("!!str 1", "1"),
    ('!!int "3"', 3),
    ("!!binary aGk=", "hi"),
    ("!foo x", "x"),
    ("=", "="),
]


def spec_of(body: str):
    return loads(f"kind: Foo\nspec:\n{body}".encode())[0].value["spec"]


@pytest.mark.parametrize(("text", "value"), AS_KUBECTL)
def test_a_scalar_is_what_kubectl_sends(text, value):
    read = spec_of(f"  a: {text}\n")["a"]
    assert (read, type(read)) == (value, type(value))


def test_keys_become_texts_as_for_kubectl():
    assert spec_of("  1: a\n  yes: b\n  1.5: c\n  0644: d\n") == {"1": "a", "true": "b", "1.5": "c", "420": "d"}


def test_merge_keys_and_aliases_are_followed():
    body = "  b: &b {x: 1, z: 1}\n  d: &d {x: 3, e: 1}\n  c: {<<: [*b, *d], w: 2}\n  f: *d\n"
    assert spec_of(body)["c"] == {"x": 1, "z": 1, "e": 1, "w": 2}
    assert spec_of(body)["f"] == {"x": 3, "e": 1}


def test_each_document_and_field_has_its_line():
    first, second = loads(b"# words\nkind: A\n---\n\nkind: B\nspec:\n  roles:\n  - id: x\n    members: 3\n  - id: y\n")
    assert (first.line, second.line) == (2, 5)
    assert second.line_of("spec.roles[0].members") == 9
    assert second.line_of("spec.roles[1].id") == 10
    assert second.line_of("spec.roles[1].members") == 10
    assert second.line_of("nowhere") == 5


def test_items_of_a_list_become_documents():
    text = b"kind: List\nitems:\n- kind: A\n- kind: B\n  spec:\n    x: 1\n"
    documents = loads(text)
    assert [(item.value["kind"], item.line) for item in documents] == [("A", 3), ("B", 4)]
    assert documents[1].line_of("spec.x") == 6


def test_empty_documents_are_left_out():
    assert [item.value for item in loads(b"---\n---\n# nothing\n---\nkind: A\n...\n")] == [{"kind": "A"}]


def test_json_is_read_value_by_value():
    documents = loads(b'{"kind": "A",\n\t"n": 3.0}\n\n{"kind": "B", "t": "\\ud83d\\ude00"}')
    assert [(item.line, item.value) for item in documents] == [
        (1, {"kind": "A", "n": 3.0}),
        (4, {"kind": "B", "t": "😀"}),
    ]


def test_what_json_cannot_hold_is_a_text_as_for_kubectl():
    text = b'{"a": NaN, "b": 1e999, "c": ' + b"9" * 10_000 + b"}"
    assert loads(text)[0].value == {"a": "NaN", "b": "1e999", "c": "9" * 10_000}


def test_yaml_that_begins_with_a_brace_is_yaml():
    assert loads(b"{kind: A, spec: {x: yes}}")[0].value == {"kind": "A", "spec": {"x": True}}


WRONG = [
    (b"a: 1\na: 2\n", "line 2: key 'a' occurs twice"),
    (b'{"a": 1, "a": 2}', "key 'a' occurs twice"),
    (b"a: [1\n", "is not YAML"),
    (b"a: *b\n", "alias 'b' has no anchor"),
    (b"a: &a [1, *a]\n", "alias 'a' has no anchor"),
    (b"~: 1\n", "a key is null"),
    (b"{a: b}: c\n", "a key must be a single word"),
    (b"? [a]\n: c\n", "a key must be a single word"),
    (b"a: .inf\n", ".inf cannot be written in JSON"),
    (b"- a\n", "is not an object"),
    (b"just words\n", "is not an object"),
    (b"kind: A\nx: \xff\n", "line 2: is not UTF-8 text"),
    (b"kind: A\nx: a\x00b\n", ""),
    (b"a: " + b"[" * 500, "is nested deeper"),
    (b'{"a": ' + b"[" * 100_000, "is nested deeper"),
    (b"a" * (MOST_BYTES + 1), "is larger than"),
    (b"a: 1\n  b: 2\n", "is not YAML"),
    (b"a: !!binary '*'\nb: !!binary /w==\n", ""),
    (b"<<: 3\n", "a merge needs mappings"),
]


@pytest.mark.parametrize(("text", "words"), WRONG, ids=range(len(WRONG)))
def test_what_cannot_be_read_is_refused_with_its_line(text, words):
    with pytest.raises(RefusedError, match="." if not words else words.replace("(", r"\(")):
        loads(text)


def test_aliases_cannot_grow_without_bound():
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    with pytest.raises(RefusedError, match="holds more than"):
        loads(f"a0: &a0 [x]\n{levels}".encode())


@given(st.binary(max_size=200) | st.text(alphabet="ab:-[]{}&*<>!|?'\"\\ \n\t#%,~0.1e", max_size=60).map(str.encode))
def test_any_bytes_give_documents_or_a_refusal(data):
    documents = ()
    with contextlib.suppress(RefusedError):
        documents = loads(data)
    assert all(isinstance(item.value, dict) for item in documents)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=5), JSON_VALUES, min_size=1).filter(lambda value: value.get("kind") != "List"))
def test_json_comes_back_as_it_was(value):
    assert loads(json.dumps(value).encode())[0].value == value


def test_a_folder_is_read_in_the_order_of_names(tmp_path):
    for name in ("b.yaml", "a.json", "c.txt", "d/e.yml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f'{{"kind": "{name}"}}')
    assert [item.value["kind"] for item in load(tmp_path)] == ["a.json", "b.yaml", "d/e.yml"]


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(RefusedError, match="cannot be read: No such file"):
        load(tmp_path / "nothing.yaml")


def test_an_app_is_read_from_a_file_with_one(tmp_path):
    path = tmp_path / "app.yaml"
    path.write_text(
        "apiVersion: kubedirector.hpe.com/v1beta1\nkind: KubeDirectorApp\nmetadata: {name: a}\nspec:\n"
        "  label: {name: A}\n  distroID: x/a\n  version: '1'\n  configSchemaVersion: 8\n"
        "  roles: [{id: r, cardinality: '1'}]\n  config: {selectedRoles: [r], roleServices: []}\n"
    )
    assert load_app(path).name == "a"
    path.write_text("kind: Other\n")
    with pytest.raises(RefusedError, match="holds 0 objects of kind KubeDirectorApp"):
        load_app(path)
