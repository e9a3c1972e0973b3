"""CustomResourceDefinitions of the four kinds, made from the models (specification 1.0).

Structural schemas have no references, no titles and no defaults: what a user leaves open stays open in the stored
object, and is filled in by `rules`. A bound that the models do not know stands in `json_schema_extra` of its field.
See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/.

Layer: pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import BaseModel

from kdlib.frozen import Json
from kdlib.model.app import App
from kdlib.model.cluster import Cluster
from kdlib.model.config import Config, StatusBackup
from kdlib.model.scalars import CONFIG_NAME_PATTERN, LONGEST_APP_NAME
from kdlib.names import GROUP
from kdlib.wire import KD_APP, KD_CLUSTER, KD_CONFIG, KD_STATUS_BACKUP, Kind

__all__ = ["KINDS", "crd", "schemas"]

_KEPT = ("type", "format", "pattern", "enum", "minLength", "maxLength", "minimum", "maximum", "nullable", "required")
"""What goes from a model's JSON schema into the CRD as it is; extensions with `x-` go too."""

_HEADER = "# Generated from kdlib.model by schemas/generate.py. Do not edit.\n"


@dataclass(frozen=True, slots=True)
class _Definition:
    """What a CRD says besides its schema; a column is name, JSON path, description and priority."""

    kind: Kind
    model: type[BaseModel]
    short_name: str
    required: tuple[str, ...]
    status: bool = False
    name_rule: Mapping[str, Any] | None = None
    columns: tuple[tuple[str, str, str, int], ...] = ()


_READY = '.status.conditions[?(@.type=="Ready")]'

_DEFINITIONS = {
    item.kind.name: item
    for item in (
        _Definition(
            KD_APP,
            App,
            "kdapp",
            ("apiVersion", "kind", "metadata", "spec"),
            name_rule={"maxLength": LONGEST_APP_NAME},
            columns=(
                ("App Name", ".spec.label.name", "Name of the app for people.", 0),
                ("Distro ID", ".spec.distroID", "Id that all versions of the app share.", 0),
                ("Version", ".spec.version", "Version of the app.", 0),
            ),
        ),
        _Definition(
            KD_CLUSTER,
            Cluster,
            "kdcluster",
            ("apiVersion", "kind", "metadata", "spec"),
            status=True,
            columns=(
                ("KDApp", ".spec.app", "App that the cluster runs.", 0),
                ("State", ".status.state", "State of the cluster.", 0),
                ("Ready", ".status.members", "Members that are ready, of those wanted.", 0),
                ("Any Down", ".status.memberStateRollup.membersDown", "A member does not run or answer.", 1),
                ("Any ConfigError", ".status.memberStateRollup.configErrors", "A member could not be configured.", 1),
                ("Reason", f"{_READY}.reason", "Why the cluster is ready or not.", 1),
            ),
        ),
        _Definition(
            KD_CONFIG,
            Config,
            "kdconfig",
            ("apiVersion", "kind", "metadata"),
            status=True,
            name_rule={"pattern": CONFIG_NAME_PATTERN},
        ),
        _Definition(KD_STATUS_BACKUP, StatusBackup, "kdstatusbackup", ("apiVersion", "kind", "metadata", "spec")),
    )
}

KINDS = tuple(item.kind for item in _DEFINITIONS.values())
"""The kinds that have a CRD."""


def crd(kind: str) -> Json:
    """Return the CustomResourceDefinition of a kind, such as `KubeDirectorCluster`; raises KeyError for others."""
    definition = _DEFINITIONS[kind]
    version: Json = {
        "name": definition.kind.version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _schema(definition)},
        "additionalPrinterColumns": _columns(definition),
    }
    if definition.status:
        version["subresources"] = {"status": {}}
    singular = kind.lower()
    names = {
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": definition.kind.plural,
        "singular": singular,
        "shortNames": [definition.short_name],
        "categories": ["kubedirector"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{definition.kind.plural}.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]},
    }


def schemas() -> dict[str, str]:
    """Return the text of each generated file by its name: a CRD in YAML for each kind."""
    return {f"{GROUP}_{kind.plural}.yaml": _HEADER + _yaml(crd(kind.name)) for kind in KINDS}


class _PlainDumper(yaml.SafeDumper):
    """Writes every value out, without anchors and references."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is PyYAML's
        """Say that no value is to be written as a reference."""
        return True


def _yaml(value: Json) -> str:
    return str(yaml.dump(value, Dumper=_PlainDumper, sort_keys=False, width=110, allow_unicode=True))


def _columns(definition: _Definition) -> list[Json]:
    columns: list[Json] = []
    for name, path, description, priority in definition.columns:
        columns.append({"name": name, "type": "string", "jsonPath": path, "description": description})
        if priority:
            columns[-1]["priority"] = priority
    columns.append({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"})
    return columns


def _schema(definition: _Definition) -> Json:
    whole = definition.model.model_json_schema(by_alias=True)
    schema = _structural(whole, whole.get("$defs", {}))
    properties = schema["properties"]
    properties["metadata"] = {"type": "object"}
    if definition.name_rule:
        properties["metadata"]["properties"] = {"name": {"type": "string", **definition.name_rule}}
    if not definition.status:
        properties.pop("status", None)
    return {**schema, "required": list(definition.required)}


def _structural(schema: Json, definitions: Json) -> Json:
    """Turn a JSON schema of pydantic's into a structural one."""
    flat = _flat(schema, definitions)
    result: Json = {}
    if "description" in flat:
        result["description"] = str(flat["description"]).split("\n\n")[0]
    result |= {key: flat[key] for key in _KEPT if key in flat}
    if result.get("type") == "integer":
        result["format"] = "int64"
    if "properties" in flat:
        result["properties"] = {key: _structural(item, definitions) for key, item in flat["properties"].items()}
    if "items" in flat:
        result["items"] = _structural(flat["items"], definitions)
    match flat.get("additionalProperties"):
        case True:
            result["x-kubernetes-preserve-unknown-fields"] = True
        case dict() as values:
            result["additionalProperties"] = _structural(values, definitions)
    return result | {key: value for key, value in flat.items() if key.startswith("x-")}


def _flat(schema: Json, definitions: Json) -> Json:
    """Resolve a reference or a choice between something and null; what stands beside it wins."""
    beside = {key: value for key, value in schema.items() if key not in {"$ref", "anyOf"}}
    if "$ref" in schema:
        return {**_flat(definitions[schema["$ref"].rpartition("/")[2]], definitions), **beside}
    if "anyOf" in schema:
        chosen = next(item for item in schema["anyOf"] if item.get("type") != "null")
        return {**_flat(chosen, definitions), **beside}
    return beside
