"""What is wrong with a disruption budget, in the words of the reference server.

See https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/pod-disruption-budget-v1/.

Layer: pure.
"""

import re
from collections.abc import Iterator
from typing import Any

from kdlib.frozen import Json
from kdlib.sandbox.store.faults import FieldError, invalid_value, unsupported
from kdlib.sandbox.store.metadata import label_errors

__all__ = ["budget_errors", "prepare_budget"]

_PERCENT = re.compile(r"[0-9]+%")
_PERCENT_RULE = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for"
    " validation is '[0-9]+%')"
)
_POLICIES = ("AlwaysAllow", "IfHealthyBudget")


def prepare_budget(budget: Json) -> None:
    """Give a new budget the status of one that nobody has counted for."""
    budget["status"] = dict.fromkeys(("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"), 0)


def budget_errors(budget: Json) -> Iterator[FieldError]:
    """Yield what is wrong with a disruption budget."""
    spec = budget.get("spec") or {}
    bounds = {field: spec[field] for field in ("minAvailable", "maxUnavailable") if spec.get(field) is not None}
    if len(bounds) > 1:
        yield invalid_value("spec", spec, "minAvailable and maxUnavailable cannot be both set")
    for field, value in bounds.items():
        yield from _bound_errors(value, f"spec.{field}")
    yield from label_errors((spec.get("selector") or {}).get("matchLabels") or {}, "spec.selector.matchLabels")
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy is not None and policy not in _POLICIES:
        yield unsupported("spec.unhealthyPodEvictionPolicy", policy, _POLICIES)


def _bound_errors(value: Any, path: str) -> Iterator[FieldError]:
    if isinstance(value, str):
        if not _PERCENT.fullmatch(value):
            yield invalid_value(path, value, _PERCENT_RULE)
        elif int(value[:-1]) > 100:
            yield invalid_value(path, value, "must not be greater than 100%")
    elif value < 0:
        yield invalid_value(path, value, "must be greater than or equal to 0")
