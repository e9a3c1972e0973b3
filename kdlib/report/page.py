"""The reference page of conditions, their reasons, and the reasons of Events.

Layer: pure.
"""

from collections.abc import Iterable

from kdlib.report.conditions import CONDITIONS
from kdlib.report.reasons import EVENT_REASONS, REASONS

__all__ = ["reasons_page"]

_HEAD = """\
<!-- Generated from kdlib.report by schemas/generate.py. Do not edit. -->

# Conditions, reasons and Events

Tools that know [kstatus](https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md) read `Ready`,
`Reconciling` and `Stalled`, which are always there; `kubectl wait --for=condition=TYPE` knows all of them. The others
are there only while they have something to say. Each carries the `observedGeneration` of the spec that it speaks of.
There is one reason for each cause.
"""

_EVENTS = """\
Events are those of `events.k8s.io/v1`. Whoever makes one again, another operator or a restarted one, finds it there:
each cause is told once.
"""


def reasons_page() -> str:
    """Return the page, as Markdown."""
    parts = (
        _HEAD,
        _table("Conditions", ("type", "True means"), CONDITIONS.items()),
        _table("Reasons of conditions", ("reason", "why"), sorted((str(key), text) for key, text in REASONS.items())),
        _EVENTS,
        _table(
            "Reasons of Events",
            ("reason", "type", "why"),
            sorted((str(key), kind, text) for key, (kind, text) in EVENT_REASONS.items()),
        ),
    )
    return "\n".join(parts)


def _table(title: str, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(heads)
    lines = [f"## {title}", "", _line(names), "|" + "---|" * len(names)]
    lines += [_line([f"`{first}`", *rest]) for first, *rest in rows]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
