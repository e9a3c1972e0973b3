"""Values that a structural schema accepts, and small mutations of them."""

import copy
import re
from functools import cache

from hypothesis import strategies as st

ODD = (
    *(None, True, False, 0, 1, -1, 7, 512, 65536, 1001, 2**31, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**30),
    *(3.0, -0.0, 1.5, 1e300, -1e19, 5e-324),
    *("", " ", "a", "1", "1\n", "/a", "/a\n", "/a/", "/", "no", "true", "null", "NaN", "x" * 15, "x" * 16, "x" * 64),
    *("\u0000", "\u0661", "\u00e9\u0301", "\U0001f600" * 15, "\u2028", "x" * 300, "2 Gi", "1e9999", ".", "--a"),
    *("http://x", "file:///\n.tgz", "file:///a.tgz", "https://x.png\n", "/tmp", "2030-01-01T00:00:00Z", "2030-13-01"),
    *([], {}, [None], [[]], [{}], {"": None}, {"a": None}, {"a": 1}, {"name": "x"}, ["a", "a"]),
)
"""What a program sends where it should send something else."""


def objects(schema):
    """Return a strategy for values that the schema accepts."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return st.integers(-(2**31), 2**31 - 1) | _strings(schema)
    match schema["type"]:
        case "string":
            made = _strings(schema)
        case "integer":
            made = st.integers(schema.get("minimum", -(2**63)), schema.get("maximum", 2**63 - 1))
        case "boolean":
            made = st.booleans()
        case "array":
            made = _lists(schema)
        case _:
            made = _maps(schema)
    return made | st.none() if schema.get("nullable") else made


def _strings(schema):
    least, most = schema.get("minLength", 0), schema.get("maxLength", 20)
    if "pattern" in schema:
        return _matching(schema["pattern"]).filter(lambda text: least <= len(text) <= schema.get("maxLength", 10_000))
    return st.text(min_size=least, max_size=most)


@cache
def _matching(pattern):
    return st.from_regex(re.sub(r"\$(?=$|\|)", r"\\Z", pattern))


def _lists(schema):
    keys = schema.get("x-kubernetes-list-map-keys")
    unique = (lambda item: tuple(item[key] for key in keys)) if keys else None
    if schema.get("x-kubernetes-list-type") == "set":
        unique = str
    return st.lists(objects(schema["items"]), min_size=schema.get("minItems", 0), max_size=2, unique_by=unique)


def _maps(schema):
    if "additionalProperties" in schema:
        return st.dictionaries(st.text(max_size=5), objects(schema["additionalProperties"]), max_size=3)
    made = {name: objects(part) for name, part in schema.get("properties", {}).items()}
    required = schema.get("required", [])
    return _some({name: made[name] for name in required}, {k: v for k, v in made.items() if k not in required})


@st.composite
def _some(draw, required, optional):
    """Draw an object with all required fields and a few of the others."""
    names = draw(st.lists(st.sampled_from(sorted(optional)), max_size=4, unique=True)) if optional else []
    return {name: draw(required.get(name, optional.get(name))) for name in (*required, *names)}


@st.composite
def mutated(draw, values):
    """Draw a value, and change up to two things in it."""
    root = {"value": copy.deepcopy(draw(values))}
    for _ in range(draw(st.integers(0, 2))):
        holder, key = draw(st.sampled_from(list(_places(root))))
        match draw(st.sampled_from(["replace", "replace", "remove", "add", "double"])), holder[key]:
            case "remove", _ if holder is not root:
                del holder[key]
            case "add", dict() as inner:
                inner[draw(st.sampled_from(["new", "id", "spec", "\u00e9"]))] = copy.deepcopy(
                    draw(st.sampled_from(ODD))
                )
            case "double", list() as inner if inner:
                inner.append(copy.deepcopy(inner[0]))
            case _:
                holder[key] = copy.deepcopy(draw(st.sampled_from([*spoiled(holder[key]), draw(st.sampled_from(ODD))])))
    return root["value"]


def spoiled(value):
    """Return what is nearly such a value, and what is of another type."""
    match value:
        case bool() | float() | None:
            return ("true", 0)
        case str():
            return (value + "\n", value.upper(), "", 1)
        case int():
            return (float(value), 2**63, value + 0.5, str(value), -value - 1)
        case list():
            return (None, {}, [None], value[:1] * 2)
    return (None, [], {}, {**value, "new": None}, dict.fromkeys(value))


def all_spoiled(value):
    """Yield a value with each of its parts spoiled in each way, one at a time."""
    root = {"value": value}
    for index, (holder, key) in enumerate(list(_places(root))):
        for odd in spoiled(holder[key]):
            changed = copy.deepcopy(root)
            place, name = list(_places(changed))[index]
            place[name] = odd
            yield changed["value"]


def _places(value):
    """Yield every place in a value, as the object or list that holds it, and its key there."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(inner):
        yield value, key
        yield from _places(item)
