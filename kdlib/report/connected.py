"""Which connections members are not told of, why, and what to do about it.

Layer: pure.
"""

from kdlib.model import Connection, Resolved
from kdlib.report.reasons import Reason

__all__ = ["missing_connections"]

_LISTED = 10
_REMEDIES = {
    Reason.CONNECTIONS_MISSING: "members are told of it as soon as it is there",
    Reason.CONNECTIONS_UNLABELLED: "add the label, with the type under which members look for it",
    Reason.CONNECTIONS_UNREADABLE: "it is tried again; members that are told of nothing else keep what they know of it",
}


def missing_connections(resolved: Resolved) -> tuple[Reason, str] | None:
    """Return why members are not told of everything that the spec connects them to, None where they are.

    The cluster goes on without what is missing, as it did in the original. The reason is that of the first one.
    """
    silent = [(_reason(item), item) for item in resolved.connections if item.problem]
    if not silent:
        return None
    named = [f"{item.ref.kind.name} {item.ref.name!r} {item.problem}" for _, item in silent[:_LISTED]]
    more = [f"and {len(silent) - _LISTED} more"] if len(silent) > _LISTED else []
    remedies = [_REMEDIES[reason] for reason in dict.fromkeys(reason for reason, _ in silent)]
    return silent[0][0], "; ".join([*named, *more, *remedies])


def _reason(item: Connection) -> Reason:
    if not item.is_known:
        return Reason.CONNECTIONS_UNREADABLE
    return Reason.CONNECTIONS_MISSING if item.found is None else Reason.CONNECTIONS_UNLABELLED
