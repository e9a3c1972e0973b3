"""Values for every field of a cluster's spec, made from its schema: what is right, what is nearly right, what is wrong.

Whoever adds a field with an example has it covered; a field whose values mean something outside of the spec - the name
of an app, of a claim - gets a line in `MEANT`.
"""

import copy
from dataclasses import dataclass

from kdlib.model.crd import described

SPEC = described("KubeDirectorCluster")["properties"]["spec"]

MEANT = {
    "app": ("plain", "other", "nowhere"),
    "connections.clusters": (["warehouse"], ["c1"], ["warehouse", "nowhere"]),
    "connections.configmaps": (["spark-defaults"], ["nowhere"]),
    "connections.secrets": (["warehouse-login"], ["nowhere"]),
    "matchFields.key": ("metadata.name",),
    "matchFields.values": (["hollow"],),
    "roles.id": ("third", "tail", "nobody"),
    "roles.members": (3, 0, 1, 1001),
    "roles.storage.storageClassName": ("standard", "nowhere"),
    "roles.blockStorage.storageClassName": ("standard", "nowhere"),
    "roles.env.name": ("LOG_LEVEL", "NVIDIA_VISIBLE_DEVICES", "A=B"),
    "roles.secret.mountPath": ("/etc/keys", "/tmp", "/dev/shm"),
    "roles.serviceAccountName": ("spark", "nowhere"),
    "roles.resources.requests.memory": ("1Mi",),
    "roles.resources.requests.cpu": ("1m",),
    "roles.volumeProjections.pvcName": ("datasets", "nowhere"),
    "roles.volumeProjections.mountPath": ("/datasets", "/tmp", "/data"),
}
"""Values of fields that name something, or mean something to another field."""

_BY_PATTERN = {"number": ("1", "500m", "0", "1Gi", "1.50", "..", "-1", "1 Gi"), "path": ("/a", "/a/", "/", "a", "/a b")}


@dataclass(frozen=True)
class Leaf:
    """A field that holds a value of its own; lists are passed through their first item."""

    path: tuple[str, ...]
    schema: dict

    @property
    def name(self):
        """Return the path as one word, without the marks of lists."""
        return ".".join(step for step in self.path if step != "[]")

    @property
    def unit(self):
        """Return the field of the spec, or of a role, that it is a part of."""
        return ".".join(self.path[:3:2]) if self.path[0] == "roles" else self.path[0]


def leaves(schema=SPEC, path=()):
    """Yield every field of the spec that holds a value."""
    if schema.get("properties"):
        for name, inner in schema["properties"].items():
            yield from leaves(inner, (*path, name))
    elif schema.get("type") == "array" and schema["items"].get("properties"):
        yield from leaves(schema["items"], (*path, "[]"))
    else:
        yield Leaf(path, schema)


def values(leaf):
    """Return values for a field, the first of them right."""
    meant = [item for name, items in MEANT.items() if f".{leaf.name}".endswith(f".{name}") for item in items]
    found = [*meant, *leaf.schema.get("examples", ())[:1], *_typed(leaf.schema), None]
    return [item for index, item in enumerate(found) if item not in found[:index] or item in (0, 1, True, False)]


def _typed(schema):
    if "enum" in schema:
        return (*schema["enum"], "Nonsense")
    match schema.get("type"):
        case "boolean":
            return (True, False, "true")
        case "integer":
            bounds = (schema.get("minimum", -1), schema.get("maximum", 7))
            return (bounds[0], bounds[1], bounds[0] - 1, bounds[1] + 1, "1")
        case "string":
            return _texts(schema)
        case "array":
            return ([], ["a", "a"], [""], "a")
        case "object":
            return (
                {},
                {"example.org/a": "b"},
                {"a b": "c"},
                {"a": "b b"},
                {"kubedirector.hpe.com/role": "x"},
                {"a": 1},
            )
    return ({}, 1)


def _texts(schema):
    pattern = schema.get("pattern", "")
    if "[0-9.]" in pattern:
        return _BY_PATTERN["number"]
    if pattern.startswith("^/"):
        return _BY_PATTERN["path"]
    return ("a", "", "a b", "\u00e9\n", 7)


def with_value(spec, leaf, value):
    """Return the spec with the field set in its last role, and all that must stand beside it; absent for None."""
    made = copy.deepcopy(spec)
    holder, schema = made, SPEC
    for step, following in zip(leaf.path, leaf.path[1:], strict=False):
        schema = schema["items"] if step == "[]" else schema["properties"][step]
        holder = _entered(holder, step, schema, following)
    if value is None:
        holder.pop(leaf.path[-1], None)
    else:
        holder[leaf.path[-1]] = copy.deepcopy(value)
    return made


def _entered(holder, step, schema, following):
    """Return what is at a step, made from the examples of what it needs where it is not there."""
    if step == "[]":
        if not holder:
            holder.append(needed(schema))
        return holder[-1]
    if step not in holder or holder[step] is None:
        holder[step] = copy.deepcopy(schema.get("examples", [[]])[0]) if following == "[]" else needed(schema)
    return holder[step]


def needed(schema):
    """Return the smallest right value of a schema; what an operator compares with goes with it."""
    if "properties" not in schema or not schema["properties"]:
        return copy.deepcopy(schema["examples"][0]) if "examples" in schema else []
    names = schema["properties"] if "operator" in schema["properties"] else schema.get("required", ())
    return {name: needed(schema["properties"][name]) for name in names}
