"""Requests to restart members, made by annotations on the cluster.

`kubedirector.hpe.com/restart` asks all members, `kubedirector.hpe.com/restart-role-<role>` those of a role, one after
the other; `kubedirector.hpe.com/restart-<pod>` asks one, at once. Each new value is one request.

Layer: pure.
"""

from collections.abc import Mapping

from kdlib.lifecycle.requests import news, noted
from kdlib.names import ANNOTATION_PREFIX

__all__ = ["RESTART", "restart_asked", "restart_asked_alone", "restart_handled"]

RESTART = f"{ANNOTATION_PREFIX}restart"


def restart_handled(annotations: Mapping[str, str], role: str, pod: str, before: str | None) -> str | None:
    """Return what to record as handled for the member."""
    return noted(annotations, _keys(role, pod), before)


def restart_asked(annotations: Mapping[str, str], role: str, pod: str, before: str | None) -> bool:
    """Tell whether there is a request for the member that was not handled yet."""
    return bool(news(annotations, _keys(role, pod), before))


def restart_asked_alone(annotations: Mapping[str, str], role: str, pod: str, before: str | None) -> bool:
    """Tell whether it was this very member that was asked for, and not handled yet."""
    return f"{RESTART}-{pod}" in news(annotations, _keys(role, pod), before)


def _keys(role: str, pod: str) -> tuple[str, ...]:
    return (RESTART, f"{RESTART}-role-{role}", f"{RESTART}-{pod}")
