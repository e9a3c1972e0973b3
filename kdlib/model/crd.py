"""CustomResourceDefinitions of the four kinds, made from the models (specification 1.0).

They have no defaults: what a user leaves open stays open in the stored object, and is filled in by `rules`.
See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/.

Layer: pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml
from pydantic import BaseModel

from kdlib.frozen import Json
from kdlib.model.app import App
from kdlib.model.celrule import RULE_ID, CelRule
from kdlib.model.cluster import Cluster
from kdlib.model.config import Config, StatusBackup
from kdlib.model.scalars import CONFIG_NAME_PATTERN, LONGEST_APP_NAME
from kdlib.model.structural import FOR_READERS, structural
from kdlib.names import GROUP
from kdlib.wire import KD_APP, KD_CLUSTER, KD_CONFIG, KD_STATUS_BACKUP, Kind

__all__ = ["KINDS", "cel_rules", "crd", "described", "schemas"]

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
            columns=(
                ("State", ".status.state", "State of the configuration.", 0),
                ("Reason", f"{_READY}.reason", "Whether all of its values can be used.", 0),
            ),
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
        "schema": {"openAPIV3Schema": _bare(described(kind))},
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

    def ignore_aliases(self, _data: Any) -> bool:
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


def cel_rules() -> tuple[CelRule, ...]:
    """Return the rules that the API server holds, by kind and by their places in its schema."""
    return tuple(rule for kind in KINDS for rule in _rules(kind.name, described(kind.name), ""))


def _rules(kind: str, schema: Json, path: str) -> Iterator[CelRule]:
    for item in schema.get("x-kubernetes-validations", ()):
        what, _, remedy = item["message"].partition("; ")
        found = CelRule(item[RULE_ID], item["rule"], what, remedy, item.get("fieldPath", ""))
        yield replace(found, reason=item.get("reason", found.reason), kind=kind, path=path)
    for name, inner in schema.get("properties", {}).items():
        yield from _rules(kind, inner, f"{path}.{name}" if path else name)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from _rules(kind, schema[key], f"{path}[]")


def described(kind: str) -> Json:
    """Return a kind's structural schema with what only the documentation needs: examples, defaults, ids of rules."""
    definition = _DEFINITIONS[kind]
    schema = structural(definition.model)
    properties = schema["properties"]
    # A server refuses a CRD that says anything of the metadata but the bounds of names.
    properties["metadata"] = {"type": "object"}
    if definition.name_rule:
        properties["metadata"]["properties"] = {"name": {"type": "string", **definition.name_rule}}
    if not definition.status:
        properties.pop("status", None)
    return {**schema, "required": list(definition.required)}


def _bare(schema: Json) -> Json:
    """Return a schema as a CRD has it, without what only the documentation needs."""
    found = {key: item for key, item in schema.items() if key not in FOR_READERS}
    for key in ("items", "additionalProperties"):
        if isinstance(found.get(key), dict):
            found[key] = _bare(found[key])
    if "properties" in found:
        found["properties"] = {name: _bare(item) for name, item in found["properties"].items()}
    if "x-kubernetes-validations" in found:
        rules = found["x-kubernetes-validations"]
        found["x-kubernetes-validations"] = [{k: v for k, v in rule.items() if k != RULE_ID} for rule in rules]
    return found
