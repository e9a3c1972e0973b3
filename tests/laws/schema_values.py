"""Values that a structural schema accepts, and small mutations of them.

A module beside the tests that use it: they load it by its path.
"""

import re

from hypothesis import strategies as st


def objects(schema):
    """Return a strategy for values that the schema accepts."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
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
    if schema.get("format") == "date-time":
        return st.datetimes().map(lambda time: time.isoformat(timespec="seconds") + "Z")
    least, most = schema.get("minLength", 0), schema.get("maxLength", 20)
    if "pattern" in schema:
        pattern = re.sub(r"\$(?=$|\|)", r"\\Z", schema["pattern"])
        return st.from_regex(pattern).filter(lambda text: least <= len(text) <= schema.get("maxLength", 10_000))
    return st.text(min_size=least, max_size=most)


def _lists(schema):
    keys = schema.get("x-kubernetes-list-map-keys")
    unique = (lambda item: tuple(item[key] for key in keys)) if keys else None
    if schema.get("x-kubernetes-list-type") == "set":
        unique = str
    return st.lists(objects(schema["items"]), max_size=3, unique_by=unique)


def _maps(schema):
    if "additionalProperties" in schema:
        return st.dictionaries(st.text(max_size=5), objects(schema["additionalProperties"]), max_size=3)
    properties, required = schema.get("properties", {}), schema.get("required", [])
    return st.fixed_dictionaries(
        {name: objects(properties[name]) for name in required},
        optional={name: objects(part) for name, part in properties.items() if name not in required},
    )
