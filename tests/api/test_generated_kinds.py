"""Custom kinds and objects made at random: the embedded API server prunes, defaults and refuses as a real one does.

The seeds are fixed, so that a difference can be looked at again: `-k "test_both_servers and [7]"`.
"""

import importlib.util
import json
import random
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.control_plane

GROUP = "generated.example.org"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
PATIENCE_SECONDS = 30
OBJECTS = 12
FORMATS = {
    "byte": "aGk=",
    "cidr": "10.0.0.0/8",
    "date": "2020-01-01",
    "date-time": "2020-01-01T00:00:00Z",
    "duration": "1h",
    "email": "x@y.z",
    "hostname": "a.b",
    "ipv4": "1.2.3.4",
    "mac": "0a:1b:2c:3d:4e:5f",
    "uri": "http://a/b",
    "uuid": "123e4567-e89b-12d3-a456-426614174000",
}
ANY = [0, 1, 3, 7, -1, 1.5, 2.0, 0.25, 2**31, 2**53, True, False, None, "", "a", "ab", "abc", "A1", "1", "1 day", "é"]
ANY += [*FORMATS.values(), [], {}, ["a"], {"a": 1}]


def _client():
    path = Path(__file__).parent / "test_conformance.py"
    spec = importlib.util.spec_from_file_location("conformance_cases", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Client


CLIENT = _client()


@pytest.fixture(scope="module")
def servers(real_credentials, sandbox_credentials):
    found = [CLIENT(*real_credentials), CLIENT(*sandbox_credentials)]
    yield found
    for client in found:
        client.close()


# --- schemas and objects --------------------------------------------------------------------------------------------


def scalar(dice):
    kinds = [
        {
            "type": "integer",
            **dice.choice([{}, {"minimum": 2}, {"multipleOf": 2}, {"format": "int32"}, {"enum": [1, 2]}]),
        },
        {"type": "integer", "maximum": 3, "exclusiveMaximum": True},
        {"type": "number", **dice.choice([{}, {"minimum": 0.5}, {"maximum": 2}, {"format": "double"}])},
        {"type": "boolean"},
        {"x-kubernetes-int-or-string": True, **dice.choice([{}, {"maximum": 5}, {"pattern": "^a"}])},
        {"type": "string", "format": dice.choice(sorted(FORMATS))},
        {"type": "string", "enum": ["a", "b"]},
        {"type": "string", **dice.choice([{}, {"minLength": 2}, {"maxLength": 2}, {"pattern": "^[a-z]+$"}])},
        {"type": "string", "nullable": True},
    ]
    return dice.choice(kinds)


def keyed(dice):
    key = dice.choice([{"type": "string"}, {"type": "string", "default": "x"}])
    items = {"type": "object", "properties": {"k": key, "v": scalar(dice)}}
    if "default" not in key:
        items["required"] = ["k"]
    return {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "items": items}


def structure(dice, depth):
    names = dice.sample("abcde", dice.randrange(1, 4))
    made = {"type": "object", "properties": {name: node(dice, depth - 1) for name in names}}
    chances = [
        (0.4, {"required": dice.sample(names, 1)}),
        (0.2, {"x-kubernetes-preserve-unknown-fields": True}),
        (0.15, {"minProperties": 2}),
        (0.15, {"maxProperties": 1}),
        (0.2, {dice.choice(["oneOf", "anyOf"]): [{"required": [name]} for name in sorted(names)]}),
        (0.1, {"not": {"required": [min(names)]}}),
    ]
    for chance, more in chances:
        if dice.random() < chance:
            made |= more
    return made


def node(dice, depth):
    kind = dice.randrange(10) if depth else 0
    if kind < 4:
        return scalar(dice)
    if kind < 7:
        return {**structure(dice, depth), **dice.choice([{}, {}, {}, {"nullable": True}])}
    if kind == 7:
        return {"type": "object", "additionalProperties": node(dice, depth - 1)}
    if kind == 8:
        return {"type": "array", "items": node(dice, depth - 1), **dice.choice([{}, {"minItems": 1}, {"maxItems": 1}])}
    return dice.choice([keyed(dice), {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}])


def with_defaults(dice, schema):
    for child in schema.get("properties", {}).values():
        with_defaults(dice, child)
        if dice.random() < 0.25 and "type" in child and child["type"] not in {"object", "array"}:
            child["default"] = fitting(child)


def fitting(schema):
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "string":
        return FORMATS.get(schema.get("format"), "ab")
    return {"integer": 2, "number": 1.5, "boolean": True}.get(schema.get("type"), 1)


def value(dice, schema, wrong):
    """Return a value that fits more or less; `wrong` is how likely a part of it is something else."""
    if dice.random() < wrong:
        return dice.choice(ANY)
    match schema.get("type"):
        case "object" if "additionalProperties" in schema:
            names = dice.sample("pqr", dice.randrange(3))
            return {name: value(dice, schema["additionalProperties"], wrong) for name in names}
        case "object":
            chosen = [name for name in schema["properties"] if dice.random() < 0.75]
            made = {name: value(dice, schema["properties"][name], wrong) for name in chosen}
            return {**made, "unknown": dice.choice(ANY)} if dice.random() < 0.15 else made
        case "array":
            return [value(dice, schema["items"], wrong) for _ in range(dice.randrange(4))]
        case _:
            return fitting(schema)


# --- servers --------------------------------------------------------------------------------------------------------


def ask(client, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    code, _, answer = client.ask(method, path, data, {"Content-Type": "application/json"})
    return code, answer


def until(client, path, wanted):
    end = time.monotonic() + PATIENCE_SECONDS
    while ask(client, "GET", path)[0] != wanted:
        assert time.monotonic() < end, f"{path}: never {wanted}"
        time.sleep(0.05)  # a real server tells no client when a new kind is served


def outcome(code, answer):
    """Return what an answer says: the spec as stored, or what is wrong, in no order."""
    if code < 300:
        return code, answer.get("spec")
    causes = answer.get("details", {}).get("causes", [])
    return code, sorted((each.get("field", ""), each["reason"], each["message"]) for each in causes)


def definition(plural, schema):
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": plural, "kind": plural.capitalize()}
    spec = {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]}
    return {"metadata": {"name": f"{plural}.{GROUP}"}, "spec": spec}


@pytest.mark.parametrize("seed", range(20))
def test_both_servers_answer_alike(servers, seed):
    dice = random.Random(seed)
    spec = structure(dice, 3)
    with_defaults(dice, spec)
    objects = [value(dice, spec, dice.choice([0, 0.05, 0.15])) for _ in range(OBJECTS)]
    plural = f"things{seed}"
    collection = f"/apis/{GROUP}/v1/namespaces/default/{plural}"
    told = []
    for client in servers:
        body = definition(plural, {"type": "object", "properties": {"spec": spec}})
        code, answer = ask(client, "POST", DEFINITIONS, body)
        assert code == 201, answer
        until(client, collection, 200)
        asked = [
            {"apiVersion": f"{GROUP}/v1", "kind": plural.capitalize(), "metadata": {"name": f"a{index}"}, "spec": each}
            for index, each in enumerate(objects)
        ]
        told.append([outcome(*ask(client, "POST", f"{collection}?dryRun=All", each)) for each in asked])
        ask(client, "DELETE", f"{DEFINITIONS}/{plural}.{GROUP}")

    real, embedded = told
    for sent, wanted, found in zip(objects, real, embedded, strict=True):
        assert found == wanted, f"{json.dumps(sent)} of {json.dumps(spec)}"
