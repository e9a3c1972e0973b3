"""The status backup of a cluster: whether there is to be one, and how the cluster tells (7.2, rule OP-01).

It is no value that is reserved: as in the original the present configuration counts, at every pass (1.4).

Layer: pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kdlib.frozen import Json, dig
from kdlib.graph import Hold, Ownership
from kdlib.rules.restoring import BACKUP_ANNOTATION, comes_from_backup
from kdlib.wire import KD_CLUSTER, KD_CONFIG, KD_STATUS_BACKUP, Ref

__all__ = ["Backup", "backup_of", "backup_ref", "config_flag", "left_words"]


@dataclass(frozen=True, slots=True)
class Backup:
    """The status backup of one cluster: wanted or not, and as it was seen."""

    wanted: bool
    live: Json | None
    is_ours: bool
    """True where it is there, stays, is nobody else's, and was not left by another cluster."""
    is_left: bool = False
    """True where it is there, stays, and has no owner, and the cluster does not come from it (CL-X-78)."""
    is_owned: bool = False
    """True where the cluster, or the one that it was before a restore, owns it: nothing else is ever deleted."""

    @property
    def annotations(self) -> Mapping[str, str]:
        """Return what the cluster is to tell: "true" only once there is a backup to be restored from.

        So a cluster that says so, and has no status, was made again by somebody, never by its user for the first time.
        """
        return {BACKUP_ANNOTATION: "true" if self.wanted and self.is_ours else "false"}


def left_words(root: Json) -> str:
    """Say that a backup of this name was there before the cluster, and both ways out."""
    ref, command = backup_ref(root), "kubectl delete kdstatusbackup"
    mark = f"{BACKUP_ANNOTATION}: 'true'"
    return (
        f"{ref} was there before the cluster and has no owner, so it is not written over; if nobody needs it,"
        f" {command} {ref.name} -n {ref.namespace}; to restore from it, make the cluster anew with annotation {mark}"
    )


def backup_ref(root: Json) -> Ref:
    """Return the name of a cluster's status backup (4.1)."""
    return Ref(
        KD_STATUS_BACKUP, str(dig(root, "metadata", "namespace", default="")), str(dig(root, "metadata", "name"))
    )


def backup_of(root: Json, related: Iterable[tuple[Ref, Json | None]]) -> Backup | None:
    """CFG-M-07, CL-X-78: say what is to be, and what is; None for a root of another kind, which has none."""
    if (root.get("apiVersion"), root.get("kind")) != (KD_CLUSTER.api_version, KD_CLUSTER.name):
        return None
    known = tuple(related)
    live = dict(known).get(backup_ref(root))
    hold = Ownership(root).hold(live) if live is not None else Hold.FOREIGN
    stays = live is not None and not dig(live, "metadata", "deletionTimestamp")
    is_owned = stays and hold in (Hold.OWN, Hold.FORMER)
    # Where nobody may look at the configuration, what was backed up goes on being so.
    is_known = any(ref.kind == KD_CONFIG for ref, _ in known)
    is_left = stays and hold is Hold.FREE and not comes_from_backup(root)
    return Backup(
        wanted=config_flag(known, "backupClusterStatus") if is_known else is_owned,
        live=live,
        is_ours=stays and hold is not Hold.FOREIGN and not is_left,
        is_left=is_left,
        is_owned=is_owned,
    )


def config_flag(related: Iterable[tuple[Ref, Json | None]], name: str) -> bool:
    """Return a flag of the global configuration, False where nobody set it; wrong fields beside it do not matter."""
    return any(ref.kind == KD_CONFIG and dig(item, "spec", name) is True for ref, item in related)
