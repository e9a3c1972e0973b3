"""What a disruption budget comes to: the pods that it expects, those that are healthy, and how many may go.

Source: https://kubernetes.io/docs/tasks/run-application/configure-pdb/.

Layer: pure.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from kdlib.frozen import Json
from kdlib.sandbox.controllers.objects import timestamp
from kdlib.sandbox.controllers.pods import is_ready, is_terminating
from kdlib.sandbox.store import with_allowance
from kdlib.wire import LabelSelector, SelectorError, from_label_selector

__all__ = ["Budgets", "budget_status", "counts_scale", "failed_status", "seconds_left", "selector_of", "selector_text"]

_PATIENCE = timedelta(minutes=2)
"""For so long a pod that was evicted counts as gone, though nothing of it is to be seen."""


class Budgets:
    """The budgets by what they select, so that those of a pod are found without a look at all of them."""

    def __init__(self) -> None:
        self._filed: dict[str, dict[tuple[str, ...], dict[tuple[str, ...], dict[str, LabelSelector]]]] = {}

    def file(self, budget: Json, name: str) -> None:
        """Take a budget in."""
        keys, values = _signature(budget)
        places = self._filed.setdefault(budget["metadata"]["namespace"], {})
        places.setdefault(keys, {}).setdefault(values, {})[name] = selector_of(budget)

    def drop(self, budget: Json, name: str) -> None:
        """Take a budget out again, as it was when it was filed."""
        keys, values = _signature(budget)
        named = self._filed.get(budget["metadata"]["namespace"], {}).get(keys, {}).get(values, {})
        named.pop(name, None)

    def of(self, pod: Json) -> Iterator[str]:
        """Yield the names of the budgets that select a pod."""
        labels = pod["metadata"].get("labels") or {}
        for keys, places in self._filed.get(pod["metadata"]["namespace"], {}).items():
            if all(key in labels for key in keys):
                named = places.get(tuple(labels[key] for key in keys), {})
                yield from (name for name, selector in named.items() if selector.matches(labels))


def _signature(budget: Json) -> tuple[tuple[str, ...], tuple[str, ...]]:
    terms = sorted(((budget["spec"].get("selector") or {}).get("matchLabels") or {}).items())
    return tuple(key for key, _ in terms), tuple(value for _, value in terms)


def selector_of(budget: Json) -> LabelSelector:
    """Return what a budget selects; nothing where that cannot be read."""
    with suppress(SelectorError):
        return from_label_selector(budget["spec"].get("selector"))
    return LabelSelector(nothing=True)


def selector_text(budget: Json) -> str:
    """Return the selector as the reference's events print it."""
    selector = budget["spec"].get("selector") or {}
    labels = "".join(f"{key}: {value}," for key, value in sorted((selector.get("matchLabels") or {}).items()))
    expressions = "".join(
        f"LabelSelectorRequirement{{Key:{each['key']},Operator:{each['operator']},"
        f"Values:[{' '.join(each.get('values') or ())}],}},"
        for each in selector.get("matchExpressions") or ()
    )
    matches = f"MatchLabels:map[string]string{{{labels}}},MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},"
    return f"&LabelSelector{{{matches}}}"


def counts_scale(budget: Json) -> bool:
    """Tell whether the budget is a share of what controllers want, not a number of pods."""
    spec = budget["spec"]
    return spec.get("maxUnavailable") is not None or isinstance(spec.get("minAvailable"), str)


def budget_status(budget: Json, pods: Sequence[Json], scale: int, now: datetime) -> Json:
    """Return the status of a budget that selects these pods, whose controllers want `scale` in all."""
    disrupted = _disrupted(budget, pods, now)
    expected, desired = _wanted(budget["spec"], len(pods), scale)
    healthy = sum(is_ready(each) and not is_terminating(each) and _name(each) not in disrupted for each in pods)
    allowed = max(0, healthy - desired) if expected > 0 else 0
    status: Json = {
        **_kept(budget),
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "expectedPods": expected,
        "observedGeneration": budget["metadata"].get("generation", 1),
    }
    if disrupted:
        status["disruptedPods"] = disrupted
    return with_allowance(status, allowed, timestamp(now))


def failed_status(budget: Json, problem: str, now: datetime) -> Json:
    """Return the status of a budget that could not be counted: nothing may go."""
    return with_allowance(budget.get("status") or {}, 0, timestamp(now), problem=problem)


def seconds_left(status: Json, now: datetime) -> float | None:
    """Return in how many seconds the first evicted pod counts again; None where there is none."""
    times = [_since(each) + _PATIENCE - now for each in (status.get("disruptedPods") or {}).values()]
    return max(0.0, min(times).total_seconds()) if times else None


def _kept(budget: Json) -> Json:
    return {key: value for key, value in (budget.get("status") or {}).items() if key != "disruptedPods"}


def _disrupted(budget: Json, pods: Iterable[Json], now: datetime) -> Json:
    """Return which pods were evicted and do not show it yet, and when."""
    staying = {_name(each) for each in pods if not is_terminating(each)}
    known = (budget.get("status") or {}).get("disruptedPods") or {}
    return {name: at for name, at in known.items() if name in staying and _since(at) + _PATIENCE > now}


def _wanted(spec: Json, pods: int, scale: int) -> tuple[int, int]:
    """Return how many pods are expected, and how many of them must be healthy."""
    if spec.get("maxUnavailable") is not None:
        return scale, max(0, scale - _scaled(spec["maxUnavailable"], scale))
    least = spec.get("minAvailable", 0)
    if isinstance(least, str):
        return scale, _scaled(least, scale)
    return pods, least


def _scaled(bound: int | str, total: int) -> int:
    """Return a bound as a number of pods; shares are rounded up."""
    return bound if isinstance(bound, int) else -(-total * int(bound.removesuffix("%")) // 100)


def _since(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _name(pod: Json) -> str:
    return str(pod["metadata"]["name"])
