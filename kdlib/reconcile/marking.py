"""Marks on a root: the finalizer, and what its annotations tell, in one write where both are due.

Layer: shell.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from kdlib.errors import WorldError
from kdlib.frozen import Json, dig
from kdlib.kube import Api, pruned
from kdlib.reconcile.backups import drop_backup
from kdlib.reconcile.finalizer import add_finalizer, has_finalizer
from kdlib.reconcile.mirror import version_told
from kdlib.reconcile.written import Ended, Written, written
from kdlib.rules import RESTORING_LABEL, backup_of
from kdlib.wire import Ref

__all__ = ["Marked", "marked", "paused", "resumed"]


@dataclass(frozen=True, slots=True)
class Marked:
    """A root with its marks, what was written for that, and what has to be tried again without being waited for."""

    root: Json
    facts: tuple[Written | Ended, ...] = ()
    error: WorldError | None = None


async def marked(api: Api, ref: Ref, root: Json, related: Iterable[tuple[Ref, Json | None]]) -> Marked:
    """Put the finalizer on the root (RC-08), and have its annotations tell what is so: of a status backup (OP-01).

    A backup that is to be no more is deleted once nobody is told of it. Raises WorldError where the finalizer could
    not be put there; what is told is waited for by nobody.
    """
    backup = backup_of(root, related)
    told = {**version_told(root), **(backup.annotations if backup else {})}
    if not has_finalizer(root):
        held = pruned(await add_finalizer(api, ref, root, annotations=told))
        return Marked(held, (written(ref, held),))
    try:
        if any(dig(root, "metadata", "annotations", key) != value for key, value in told.items()):
            held = pruned(await _patched(api, ref, root, {"annotations": dict(told)}))
            return Marked(held, (written(ref, held),))
        return Marked(root, await drop_backup(api, root, backup) if backup else ())
    except WorldError as error:
        return Marked(root, error=error)


async def paused(api: Api, ref: Ref, root: Json) -> Json:
    """Put the label on a root that is being restored, as the webhook does (CL-M-01); return its new state."""
    return await _patched(api, ref, root, {"labels": {RESTORING_LABEL: ""}})


async def resumed(api: Api, ref: Ref, root: Json) -> Json:
    """Take the label off a root that is restored; where there is a webhook it looks at all of the spec first."""
    return await _patched(api, ref, root, {"labels": {RESTORING_LABEL: None}})


async def _patched(api: Api, ref: Ref, root: Json, marks: Json) -> Json:
    names = {key: root["metadata"][key] for key in ("uid", "resourceVersion")}
    return await api.merge_patch(ref, {"metadata": {**names, **marks}})
