"""The columns of StatefulSets, Deployments, ReplicaSets, ControllerRevisions and disruption budgets.

Layer: pure.
"""

from datetime import datetime
from typing import Any

from kdlib.frozen import Json, dig
from kdlib.sandbox.http.printers.column import AGE, NAME, Cell, Column, at

__all__ = [
    "CONTROLLER_REVISION",
    "DEPLOYMENT",
    "DISRUPTION_BUDGET",
    "REPLICA_SET",
    "SCALE",
    "STATEFUL_SET",
    "selector_text",
]


def selector_text(selector: Json | None) -> str:
    """Write a label selector as kubectl takes it; `<none>` for an empty one."""
    if not selector:
        return "<none>"
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    parts += [_expression_text(each) for each in selector.get("matchExpressions") or []]
    return ",".join(sorted(parts)) or "<none>"


def _expression_text(expression: Json) -> str:
    key, values = expression["key"], ",".join(sorted(expression.get("values") or []))
    match expression.get("operator"):
        case "In":
            return f"{key} in ({values})"
        case "NotIn":
            return f"{key} notin ({values})"
        case "Exists":
            return str(key)
        case _:
            return f"!{key}"


def _ready(obj: Json, _now: datetime) -> str:
    return f"{dig(obj, 'status', 'readyReplicas', default=0)}/{dig(obj, 'spec', 'replicas', default=0)}"


def _of_containers(field: str) -> Cell:
    def cell(obj: Json, _now: datetime) -> str:
        containers = dig(obj, "spec", "template", "spec", "containers", default=[])
        return ",".join(each.get(field, "") for each in containers)

    return cell


def _selector(obj: Json, _now: datetime) -> str:
    return selector_text(dig(obj, "spec", "selector"))


def _controller(obj: Json, _now: datetime) -> str:
    for owner in dig(obj, "metadata", "ownerReferences", default=[]):
        if owner.get("controller"):
            group = owner["apiVersion"].rpartition("/")[0]
            kind = owner["kind"].lower()
            return f"{kind}.{group}/{owner['name']}" if group else f"{kind}/{owner['name']}"
    return "<none>"


def _text_or_na(*path: str) -> Cell:
    def cell(obj: Json, _now: datetime) -> Any:
        value = dig(obj, *path)
        return "N/A" if value is None else str(value)

    return cell


_CONTAINERS = (
    Column("Containers", _of_containers("name"), priority=1),
    Column("Images", _of_containers("image"), priority=1),
)
_SELECTOR = Column("Selector", _selector, priority=1)


def _count(name: str, *path: str) -> Column:
    return Column(name, at(*path, default=0), type="integer")


STATEFUL_SET = (NAME, Column("Ready", _ready), AGE, *_CONTAINERS)
DEPLOYMENT = (
    NAME,
    Column("Ready", _ready),
    Column("Up-to-date", at("status", "updatedReplicas", default=0)),
    Column("Available", at("status", "availableReplicas", default=0)),
    AGE,
    *_CONTAINERS,
    _SELECTOR,
)
REPLICA_SET = (
    NAME,
    _count("Desired", "spec", "replicas"),
    _count("Current", "status", "replicas"),
    _count("Ready", "status", "readyReplicas"),
    AGE,
    *_CONTAINERS,
    _SELECTOR,
)
CONTROLLER_REVISION = (NAME, Column("Controller", _controller), Column("Revision", at("revision", default=0)), AGE)
DISRUPTION_BUDGET = (
    NAME,
    Column("Min Available", _text_or_na("spec", "minAvailable")),
    Column("Max Unavailable", _text_or_na("spec", "maxUnavailable")),
    _count("Allowed Disruptions", "status", "disruptionsAllowed"),
    AGE,
)
SCALE = (
    Column("Name", NAME.cell, description=NAME.description),
    _count("Desired", "spec", "replicas"),
    _count("Available", "status", "replicas"),
    AGE,
)
