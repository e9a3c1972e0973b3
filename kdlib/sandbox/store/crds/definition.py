"""CustomResourceDefinitions: their defaults, and what makes one invalid.

See https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/custom-resource-definition-v1/.

Layer: pure.
"""

import re
from collections.abc import Iterator
from typing import Any

from kdlib.frozen import Json, dig
from kdlib.sandbox.store.crds.compiling import compile_rules
from kdlib.sandbox.store.crds.shapes import schema_errors
from kdlib.sandbox.store.faults import FieldError, invalid_value, required, unsupported
from kdlib.sandbox.store.metadata import dns_subdomain_problems
from kdlib.wire import Schemas

__all__ = ["default_definition", "definition_errors", "definition_update_errors", "prepare_definition"]

_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_NO_DEFINITIONS = Schemas({}, {})
_LABEL_RULE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character,"
    " and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)


def default_definition(definition: Json) -> None:
    """Fill in the names that follow from others, and the conversion."""
    spec = definition.setdefault("spec", {})
    names = spec.setdefault("names", {})
    kind = names.get("kind") or ""
    names["singular"] = names.get("singular") or kind.lower()
    names["listKind"] = names.get("listKind") or (f"{kind}List" if kind else "")
    spec.setdefault("conversion", {"strategy": "None"})
    spec.pop("preserveUnknownFields", None)


def prepare_definition(definition: Json) -> None:
    """Give a new definition its first status."""
    versions = dig(definition, "spec", "versions", default=[])
    stored = [version["name"] for version in versions if version.get("storage")][-1:]
    definition["status"] = {
        "conditions": None,
        "acceptedNames": {"plural": "", "kind": ""},
        "storedVersions": stored or None,
    }


def definition_errors(definition: Json) -> Iterator[FieldError]:
    """Yield what is wrong with a definition."""
    spec, metadata = definition["spec"], definition["metadata"]
    names = spec["names"]
    wanted = f"{names.get('plural', '')}.{spec.get('group', '')}"
    if metadata.get("name") != wanted:
        what = 'must be spec.names.plural+"."+spec.group'
        yield invalid_value("metadata.name", metadata.get("name", ""), what)
    yield from _group_errors(spec)
    yield from _scope_errors(spec)
    yield from _version_errors(spec)
    yield from _name_errors(names)
    yield from _stored_errors(spec, definition.get("status") or {})
    for path, raw in _schemas(spec):
        found = list(schema_errors(raw, path))
        yield from found or compile_rules(raw, _NO_DEFINITIONS, path)[1]


def _group_errors(spec: Json) -> Iterator[FieldError]:
    group = spec.get("group") or ""
    if not group:
        yield required("spec.group")
        return
    for problem in dns_subdomain_problems(group):
        yield invalid_value("spec.group", group, problem)
    if "." not in group:
        yield invalid_value("spec.group", group, "should be a domain with at least one dot")


def _scope_errors(spec: Json) -> Iterator[FieldError]:
    scope = spec.get("scope")
    if not scope:
        yield required("spec.scope")
    elif scope not in {"Cluster", "Namespaced"}:
        yield unsupported("spec.scope", scope, ("Cluster", "Namespaced"))


def _version_errors(spec: Json) -> Iterator[FieldError]:
    versions: list[Json] = spec.get("versions") or []
    if sum(bool(version.get("storage")) for version in versions) != 1:
        shown = [_internal(version) for version in versions] or None
        yield invalid_value("spec.versions", shown, "must have exactly one version marked as storage version")
    names = [version.get("name") or "" for version in versions]
    for index, (name, version) in enumerate(zip(names, versions, strict=True)):
        path = f"spec.versions[{index}]"
        if not _LABEL.fullmatch(name):
            yield invalid_value(f"{path}.name", name, _LABEL_RULE)
        if name in names[:index]:
            yield invalid_value("spec.versions", name, "must contain unique version names")
        if dig(version, "schema", "openAPIV3Schema") is None:
            yield required(f"{path}.schema.openAPIV3Schema")


def _internal(version: Json) -> Json:
    """Return a version as the reference server's message shows it."""
    return {
        "Name": version.get("name", ""),
        "Served": bool(version.get("served")),
        "Storage": bool(version.get("storage")),
        "Deprecated": bool(version.get("deprecated")),
        "DeprecationWarning": version.get("deprecationWarning"),
        "Schema": None,
        "Subresources": None,
        "AdditionalPrinterColumns": None,
        "SelectableFields": None,
    }


def _name_errors(names: Json) -> Iterator[FieldError]:
    for field in ("plural", "singular", "kind", "listKind"):
        yield from _one_name_errors(
            f"spec.names.{field}", names.get(field) or "", is_kind=field.lower().endswith("kind")
        )
    if names.get("kind") and names.get("kind") == names.get("listKind"):
        what = "kind and listKind may not be the same"
        yield invalid_value("spec.names.listKind", names["listKind"], what)
    for index, name in enumerate(names.get("shortNames") or ()):
        if not _LABEL.fullmatch(name):
            yield invalid_value(f"spec.names.shortNames[{index}]", name, _LABEL_RULE)


def _one_name_errors(path: str, name: str, *, is_kind: bool) -> Iterator[FieldError]:
    if not name:
        yield required(path)
    elif not _LABEL.fullmatch(name.lower() if is_kind else name):
        what = f"may have mixed case, but should otherwise match: {_LABEL_RULE}" if is_kind else _LABEL_RULE
        yield invalid_value(path, name, what)


def _stored_errors(spec: Json, status: Json) -> Iterator[FieldError]:
    stored = status.get("storedVersions") or []
    if not stored:
        yield invalid_value("status.storedVersions", None, "must have at least one stored version")
        return
    for version in spec.get("versions") or ():
        if version.get("storage") and version["name"] not in stored:
            yield invalid_value("status.storedVersions", stored, f"must have the storage version {version['name']}")


def _schemas(spec: Json) -> Iterator[tuple[str, Json]]:
    """Yield the schemas with their paths; one that all versions share is reported under the old name of its place."""
    versions = spec.get("versions") or []
    found: list[Any] = [dig(version, "schema", "openAPIV3Schema") for version in versions]
    if found and all(schema == found[0] for schema in found):
        if isinstance(found[0], dict):
            yield "spec.validation.openAPIV3Schema", found[0]
        return
    for index, schema in enumerate(found):
        if isinstance(schema, dict):
            yield f"spec.versions[{index}].schema.openAPIV3Schema", schema


def definition_update_errors(new: Json, old: Json) -> Iterator[FieldError]:
    """Yield what is wrong with a changed definition."""
    yield from definition_errors(new)
    for path in (("group",), ("scope",), ("names", "kind"), ("names", "plural")):
        after, before = dig(new, "spec", *path), dig(old, "spec", *path)
        if after != before:
            yield invalid_value(".".join(("spec", *path)), after, "field is immutable")
