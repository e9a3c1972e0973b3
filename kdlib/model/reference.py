"""The reference documentation of the four kinds, made from the same models as the CRDs.

Layer: pure.
"""

from collections.abc import Iterator
from typing import Any

import yaml

from kdlib.frozen import Json
from kdlib.model.crd import KINDS, crd, described
from kdlib.model.part import NOTE
from kdlib.model.scalars import PATTERN_WORDS

__all__ = ["example", "reference"]

_PAGES = {
    "KubeDirectorApp": "app",
    "KubeDirectorCluster": "cluster",
    "KubeDirectorConfig": "config",
    "KubeDirectorStatusBackup": "status-backup",
}
"""Names of the pages."""

_NAMES = {
    "KubeDirectorApp": "spark",
    "KubeDirectorCluster": "my-spark",
    "KubeDirectorConfig": "kd-global-config",
    "KubeDirectorStatusBackup": "my-spark",
}
"""Names of the objects in the examples."""

_INTRODUCTION = """\
<!-- Generated from kdlib.model by schemas/generate.py. Do not edit. -->

# {kind}

{summary} Group and version are `kubedirector.hpe.com/v1beta1`, the short name is `{short}`.

A field without a default may be left out and then means nothing; *required* is required where its parent is there.
A null in a field counts as absent, but where the type says *or null*. Rules are named by their ids.
"""


def example(kind: str) -> Json:
    """Return an object of this kind that has every field, with the field's example as its value."""
    schema = described(kind)
    found: Json = {"apiVersion": "kubedirector.hpe.com/v1beta1", "kind": kind, "metadata": {"name": _NAMES[kind]}}
    fields = {name: item for name, item in schema["properties"].items() if name not in found}
    return found | {name: _example(item) for name, item in fields.items()}


def reference() -> dict[str, str]:
    """Return the text of each page by the name of its file, such as `cluster.md`."""
    return {f"{_PAGES[kind.name]}.md": _page(kind.name) for kind in KINDS}


def _example(schema: Json) -> Any:
    """Return a field's example, composed of those of the fields below it where it has none of its own."""
    if "examples" in schema:
        return schema["examples"][0]
    if schema.get("type") == "array":
        return [_example(schema["items"])]
    return {name: _example(item) for name, item in schema["properties"].items()}


def _page(kind: str) -> str:
    schema, names = described(kind), crd(kind)["spec"]["names"]
    parts = [_INTRODUCTION.format(kind=kind, summary=schema["description"], short=names["shortNames"][0])]
    for name, inner in schema["properties"].items():
        if name not in {"apiVersion", "kind", "metadata"}:
            parts += _sections(inner, name, required=name in schema["required"])
    text = yaml.safe_dump(example(kind), sort_keys=False, allow_unicode=True, width=100)
    return "\n".join([*parts, "## Example with every field", "", "```yaml", text.rstrip(), "```", ""])


def _sections(schema: Json, path: str, *, required: bool) -> Iterator[str]:
    """Yield a section for an object with fields, then those of the objects below it."""
    inner = schema["items"] if schema.get("type") == "array" else schema
    where = f"{path}[]" if schema.get("type") == "array" else path
    if not inner.get("properties"):
        return
    kept = " Fields that are not listed here are kept." if inner.get("x-kubernetes-preserve-unknown-fields") else ""
    note = "" if required else " It may be left out."
    yield f"## `{where}`\n\n{schema['description']}{note}{kept}\n"
    for rule in inner.get("x-kubernetes-validations", ()):
        yield f"The API server refuses it where it breaks this rule: {rule['message']}.\n"
    needed = inner.get("required", [])
    rows = [_row(name, item, required=name in needed) for name, item in inner["properties"].items()]
    heading = "| Field | Type | Default | Meaning | Rules | Example |\n|---|---|---|---|---|---|"
    yield "\n".join([heading, *rows, ""])
    for name, item in inner["properties"].items():
        yield from _sections(item, f"{where}.{name}", required=name in needed)


def _row(name: str, schema: Json, *, required: bool) -> str:
    note = schema.get(NOTE, {})
    default = "*required*" if required else note.get("default") or ("false" if "default" in schema else "")
    rules = ", ".join(f"`{rule}`" for rule in note.get("rules", ()))
    cells = (f"`{name}`", _type(schema), default, _meaning(schema), rules, _shown(schema))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _meaning(schema: Json) -> str:
    """Return the description, and what a value must look like where a pattern says so."""
    wanted = PATTERN_WORDS.get(schema.get("pattern") or schema.get("items", {}).get("pattern", ""), ("", ""))[1]
    return f"{schema['description']} ({wanted})" if wanted else str(schema["description"])


def _type(schema: Json) -> str:
    words = _bare_type(schema)
    return f"{words} or null" if schema.get("nullable") else words


def _bare_type(schema: Json) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return "integer or string"
    match schema["type"]:
        case "array":
            return f"list of {_plural(_bare_type(schema['items']))}"
        case "object" if "additionalProperties" in schema:
            return "map of strings"
        case "string" | "integer":
            return f"{schema['type']}{_bounds(schema)}"
    return str(schema["type"])


def _plural(words: str) -> str:
    first, comma, rest = words.partition(",")
    return words if words.startswith("one of") else f"{first}s{comma}{rest}"


def _bounds(schema: Json) -> str:
    low = schema.get("minLength", schema.get("minimum"))
    high = schema.get("maxLength", schema.get("maximum"))
    unit = "" if schema["type"] == "integer" else " characters"
    match low, high:
        case None, None:
            return ""
        case 1, None if unit:
            return ", not empty"
        case _, None:
            return f", at least {low}{unit}"
        case None, _:
            return f", at most {high}{unit}"
    return f", {low} to {high}{unit}"


def _shown(schema: Json) -> str:
    """Return the example in one line, for fields that have no section of their own."""
    if "examples" not in schema:
        return "see below"
    text = yaml.safe_dump(schema["examples"][0], default_flow_style=True, width=10_000, allow_unicode=True)
    return f"`{text.strip().removesuffix('...').strip()}`"
