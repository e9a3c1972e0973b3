"""Rules of ours for disruption budgets: what an API server would refuse is refused here (W-42).

See https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/pod-disruption-budget-v1/.

Layer: pure.
"""

import re
from collections.abc import Iterator

from kdlib.errors import Problem
from kdlib.model import DisruptionBudget

__all__ = ["one_bound", "possible_bounds"]

_PERCENT = re.compile(r"0*([0-9]{1,2}|100)%")
_HIGHEST = 2**31 - 1


def one_bound(budget: DisruptionBudget | None, path: str) -> Iterator[Problem]:
    """CL-X-34 (ours): a disruption budget has exactly one bound."""
    if budget and (budget.min_available is None) == (budget.max_unavailable is None):
        what = "has no bound" if budget.min_available is None else "has two bounds"
        yield Problem(path, what, "give either minAvailable or maxUnavailable", "CL-X-34")


def possible_bounds(budget: DisruptionBudget | None, path: str) -> Iterator[Problem]:
    """CL-X-35 (ours): the bound of a disruption budget is a number from 0 on, or a percentage up to 100%."""
    bounds = {"minAvailable": budget.min_available, "maxUnavailable": budget.max_unavailable} if budget else {}
    for field, value in bounds.items():
        match value:
            case int() if 0 <= value <= _HIGHEST:
                continue
            case str() if _PERCENT.fullmatch(value):
                continue
            case int() | str():
                what = f"{str(value)[:80]!r} is neither a number of pods nor a part of them"
                yield Problem(f"{path}.{field}", what, 'write it as 1, or "50%"', "CL-X-35")
