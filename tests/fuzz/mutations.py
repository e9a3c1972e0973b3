"""Mutations of manifests: of their values, and of their bytes. Each depends on its dice alone."""

import copy
import json
import random
from functools import cache

import yaml

DEEP = "[" * 80 + "]" * 80
ODD_VALUES = [
    None, True, False, 0, 1, -1, 7, 420, 65536, 2**31, 2**63, -(2**63) - 1, 10**400, 0.5, 3.0, 1e308,
    float("nan"), float("inf"), "", " ", "a", "a" * 16, "a" * 64, "a" * 300, "A_b", "no", "n", "true", "0644", "1:30",
    "\0", "\n", "\x1b[31m", "\u202e", "\ud800", "é", "𝟜", "٣", "\ufeff", "..", "../../etc/passwd", "/", "//", "/tmp",
    "/etc/../x", "/" + "x" * 5000, "1", "0", "1Gi", "1E999", "1e1000000", "1e-999999", "9" * 400, "9" * 5000, "1.5.2",
    "1+", "0+", "9" * 30 + "+", "9" * 5000 + "+", "1001", "1001+", "http://", "http://x/y.tgz", "file:///x.tgz",
    "https://[::1/x", "http://x/\n.tgz", "$(A)", "${x}", "`id`", "'; id #", "a=b", "kubedirector.hpe.com/role",
    "example.org/x", "x/y/z", "controller", "worker", "node", "head", "everything", "plain", "shared", "UID", "local",
    "system", "configure", "kd-global-config", "default", [], {}, [[]], [None], [{}], {"a": None}, {"": ""}, ["x"] * 3,
    {"cpu": "1", "memory": "1Gi"}, {"name": "x"}, {"id": "x"}, json.loads(DEEP), ["x"] * 2000, [{}] * 1500,
    {f"k{number}": "v" for number in range(300)}, {"a.b/c": "d"}, {"A": "1", "B": 2},
]  # fmt: skip
ODD_KEYS = ["", " ", "a", "no", "<<", "kind", "items", "metadata", "spec", "status", "\0", "a.b/c", "é", "x" * 300, "0"]
TOKENS = [
    b"---\n", b"...\n", b"\t", b"\r\n", b"\r", b"\n\n", b"&a ", b"*a", b"<<: *a\n", b"? ", b": ", b"- ", b"!!binary ",
    b"!!python/object:os.system ", b"!!set ", b"!foo ", b"!!int ", b"|\n", b">-\n", b"{", b"}", b"[", b"]", b",", b'"',
    b"'", b"#", b"%YAML 1.1\n", b"%TAG ! x\n", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\xc3\x28",
    b"\xed\xa0\x80", b".inf", b".nan", b"0777", b"1_0", b"1e999", b"1:30", b"2001-01-01", b"~", b"null", b"yes", b"no",
    b"=", b'"\\ud800"', b'"\\x00"', b"\\", b"\x85", b"\xe2\x80\xa8", b"[" * 100, b"{a: " * 70, b"x" * 2000,
]  # fmt: skip


def mutant(dice: random.Random, corpus: list[bytes]) -> bytes:
    """Return one mutated manifest file."""
    text = dice.choice(corpus)
    kind = dice.random()
    if kind < 0.7:
        text = of_values(dice, text)
    if kind > 0.6:
        for _ in range(dice.choice([1, 1, 2, 5, 20])):
            text = of_bytes(dice, text, corpus)
    return text


@cache
def values_of(text: bytes) -> list:
    """Return the documents of a file of the corpus."""
    return list(yaml.load_all(text, Loader=yaml.CSafeLoader))


def of_values(dice: random.Random, text: bytes) -> bytes:
    """Change the values of a file, and write it as YAML, as JSON, or as a List."""
    documents = copy.deepcopy(values_of(text))
    for _ in range(dice.choice([1, 1, 1, 2, 3, 6])):
        change(dice, documents)
    return written(dice, documents)


def places(value: object) -> list[tuple[dict | list, str | int]]:
    """List where values stand: what holds them, and under which key or index."""
    found, todo = [], [value]
    while todo:
        item = todo.pop()
        keys = list(item) if isinstance(item, dict) else range(len(item)) if isinstance(item, list) else []
        for key in keys:
            found.append((item, key))
            todo.append(item[key])
        if len(found) > 3000:
            break
    return found


def change(dice: random.Random, documents: list) -> None:
    """Change one value, key or item in place."""
    known = places(documents)
    if not known:
        return
    holder, key = dice.choice(known)
    other, name = dice.choice(known)
    match dice.randrange(8):
        case 0:
            del holder[key]
        case 1 | 2 | 3:
            holder[key] = copy.deepcopy(dice.choice(ODD_VALUES))
        case 4 if isinstance(holder, dict):
            holder[dice.choice([*ODD_KEYS, str(key) + "x", str(key).lower()])] = holder.pop(key)
        case 4 | 5 if isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        case 5:
            holder[dice.choice(ODD_KEYS)] = copy.deepcopy(dice.choice(ODD_VALUES))
        case 6:
            holder[key] = copy.deepcopy(other[name])
        case 7:
            holder[key] = dice.choice([[holder[key]], {"x": holder[key]}, str(holder[key])])


def written(dice: random.Random, documents: list) -> bytes:
    """Write documents in one of the forms that manifests have."""
    try:
        match dice.randrange(4):
            case 0:
                return "\n".join(map(json.dumps, documents)).encode()
            case 1:
                items = {"apiVersion": "v1", "kind": "List", "items": documents}
                return yaml.dump(items, Dumper=yaml.CSafeDumper).encode(errors="surrogatepass")
            case 2:
                text = yaml.dump_all(documents, Dumper=yaml.CSafeDumper, default_flow_style=True)
                return text.encode(errors="surrogatepass")
            case _:
                text = yaml.dump_all(documents, Dumper=yaml.CSafeDumper, allow_unicode=True)
                return text.encode(errors="surrogatepass")
    except (yaml.YAMLError, UnicodeError):
        return json.dumps(documents[0] if documents else None).encode()


def of_bytes(dice: random.Random, text: bytes, corpus: list[bytes]) -> bytes:
    """Change the bytes of a file at one place."""
    start = dice.randrange(len(text) + 1)
    end = min(len(text), start + dice.choice([0, 1, 2, 8, 64, 512]))
    match dice.randrange(9):
        case 0:
            return text[:start] + text[end:]
        case 1 | 2:
            return text[:start] + dice.choice(TOKENS) + text[start:]
        case 3:
            return text[:start] + dice.choice(TOKENS) + text[end:]
        case 4:
            return text[:start] + bytes([dice.randrange(256)]) + text[start + 1 :]
        case 5:
            return text[:start] + text[start:end] * dice.choice([2, 3, 200]) + text[end:]
        case 6:
            return text[:start]
        case 7:
            other = dice.choice(corpus)
            return text[:start] + other[dice.randrange(len(other)) :]
        case _:
            return text[:start] + b"\n---\n" + text[start:]
