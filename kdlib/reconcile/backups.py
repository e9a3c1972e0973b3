"""Keeping the status backup of a cluster in step with its status: written before it, never more often (OP-01).

Layer: shell.
"""

from dataclasses import dataclass

from kdlib import graph
from kdlib.errors import ApiError, NotFoundError, WorldError
from kdlib.frozen import Json, canonical
from kdlib.kube import Api
from kdlib.manifests import LONGEST_BACKUP, status_backup
from kdlib.model import Seen
from kdlib.reconcile.applying import carry_out
from kdlib.reconcile.written import Ended, Written
from kdlib.rules import Backup, backup_of, backup_ref, left_words

__all__ = ["Kept", "drop_backup", "keep_backup"]

_REFUSALS = frozenset({400, 403, 404, 405, 413, 422})
"""Answers that a further try does not change: somebody has to act."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What came of a backup: what was written, or why it cannot be, in words, with the error where one was asked."""

    facts: tuple[Written | Ended, ...] = ()
    refusal: str = ""
    error: WorldError | None = None


async def keep_backup(api: Api, seen: Seen, status: Json) -> Kept:
    """Bring the backup in step with a status that is about to be stored, or is.

    Raises WorldError where a further try may succeed: then the status has to wait for it.
    """
    backup = backup_of(seen.root, seen.related)
    if backup is None or not backup.wanted:
        return Kept()
    if backup.is_left:
        return Kept(refusal=left_words(seen.root))
    wanted = status_backup(seen.root, status)
    size = len(canonical(next(iter(wanted))))
    if size > LONGEST_BACKUP:
        return Kept(refusal=f"{backup_ref(seen.root)} would be {size} bytes long, and the most is {LONGEST_BACKUP}")
    observed = (backup.live,) if backup.live else ()
    plan = graph.plan(wanted, observed, root=seen.root)
    for ref, words in plan.blocked:
        return Kept(refusal=f"{ref} {words}")
    applied = await carry_out(api, plan, observed)
    for error in applied.errors:
        if isinstance(error, ApiError) and error.code in _REFUSALS:
            return Kept(applied.facts, str(error), error)
        raise error
    return Kept(applied.facts)


async def drop_backup(api: Api, root: Json, backup: Backup) -> tuple[Ended, ...]:
    """Delete a backup of the cluster's own that is to be no more; raises WorldError."""
    if backup.wanted or not backup.is_owned or backup.live is None:
        return ()
    ref, metadata = backup_ref(root), backup.live["metadata"]
    try:
        await api.delete(ref, uid=metadata["uid"], resource_version=metadata["resourceVersion"])
    except NotFoundError:
        return ()
    return (Ended(ref, metadata["uid"]),)
