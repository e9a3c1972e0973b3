"""Who may write a status (2.3.2).

The original gave out one-time codes, and with them refused every stale copy (W-08), but not a write to the status
itself (W-09). An API server keeps the status out of writes to the object, so those need no check at all; what is
checked are writes to the subresource: it is the operator's alone.

Layer: pure.
"""

from collections.abc import Iterator

from kdlib.errors import Problem
from kdlib.rules.request import Facts, Request

__all__ = ["by_operator", "status_is_operators"]


def by_operator(request: Request, facts: Facts) -> bool:
    """Tell whether the operator itself asks."""
    return bool(facts.operator) and request.user.username == facts.operator


def status_is_operators(request: Request, facts: Facts, rule: str) -> Iterator[Problem]:
    """CL-V-05, CL-V-06, CFG-V-04, CFG-V-05: the status is written by the operator alone.

    A write that changes nothing harms nobody. Where the operator's own name is not known nobody is refused.
    """
    if not facts.operator or by_operator(request, facts) or request.new is None:
        return
    if request.new.get("status") != (request.old or {}).get("status"):
        remedy = "leave it to the operator; what you want stands in the spec"
        yield Problem("status", f"is read-only for {request.user.username!r}", remedy, rule)
