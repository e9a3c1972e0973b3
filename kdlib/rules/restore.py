"""The restore of a cluster: what it waits for, and the status that it goes on from (3.18, rules OP-02, RC-42).

Whatever comes first, app, backup, Services, sets or what it is connected to: the flags are a function of what is seen,
and the status alone, once it is restored, is not waited for again.

Layer: pure.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from kdlib.frozen import Json, dig
from kdlib.model import MemberState, RestoreProgress, Seen
from kdlib.names import GROUP
from kdlib.rules.backup import backup_ref, config_flag
from kdlib.rules.hidden_tokens import token_place, told_hidden
from kdlib.rules.restoring import BACKUP_ANNOTATION, RESTORING_LABEL
from kdlib.wire import CONFIG_MAP, KD_APP, KD_CLUSTER, SECRET, SERVICE, STATEFUL_SET, Kind, Ref

__all__ = ["Restore", "restore"]

_CONNECTED = (("clusters", KD_CLUSTER), ("configmaps", CONFIG_MAP), ("secrets", SECRET))
_LEAVING = frozenset({MemberState.DELETE_PENDING, MemberState.DELETING})


@dataclass(frozen=True, slots=True)
class Restore:
    """How far a restore has come.

    `status` is what the cluster goes on from, without what it says of the restore; `awaited` names what is missing.
    `resumes` tells that nothing is awaited, and that this is recorded: the label may be taken away.
    """

    progress: RestoreProgress
    status: Json
    awaited: tuple[str, ...] = ()
    resumes: bool = False

    def denied(self, words: str) -> "Restore":
        """Return the restore whose end was refused, with the webhook's words."""
        return replace(self, progress=self.progress.changed(error=words), resumes=False)


def restore(seen: Seen) -> Restore:
    """Compare what the cluster needs with what is there; CFG-M-08: it waits for connections unless that is allowed."""
    stored: Json = dict(seen.root.get("status") or {})
    before = stored.pop("restoreProgress", None)
    has_status = dig(before, "awaitingStatus") is False or (not before and bool(stored.get("clusterService")))
    backed_up = dig(dict(seen.related).get(backup_ref(seen.root)), "spec", "statusBackup")
    status = stored if has_status else {**(backed_up or stored)}
    status.pop("restoreProgress", None)
    awaits_status = not (has_status or backed_up)
    error = ""
    if awaits_status and dig(seen.root, "metadata", "annotations", BACKUP_ANNOTATION) == "false":
        error = f"the cluster had no status backup; remove label {RESTORING_LABEL!r}, and it goes on with what is there"
    app, resources = tuple(_missing_app(seen)), () if awaits_status else tuple(_missing_resources(seen, status))
    progress = RestoreProgress(
        awaiting_app=bool(app),
        awaiting_status=awaits_status,
        awaiting_resources=awaits_status or bool(resources),
        error=error,
    )
    awaited = (*app, *([str(backup_ref(seen.root))] if awaits_status else ()), *resources)
    recorded = before is not None and not any(dig(before, flag) for flag in _FLAGS)
    return Restore(progress, status, awaited, resumes=not awaited and recorded)


_FLAGS = ("awaitingApp", "awaitingStatus", "awaitingResources")


def _missing_app(seen: Seen) -> Iterator[str]:
    name = dig(seen.root, "spec", "app", default="")
    if not any((ref.kind, ref.name) == (KD_APP, name) and item is not None for ref, item in seen.related):
        yield f"{KD_APP.plural}.{GROUP}/{name}"


def _missing_resources(seen: Seen, status: Json) -> Iterator[str]:
    """Yield the objects that the status knows and that are not there, then what the cluster is connected to."""
    there = {(str(item.get("kind")), dig(item, "metadata", "name")) for item in seen.children}
    namespace = str(dig(seen.root, "metadata", "namespace", default=""))
    for kind, name in _known(status):
        if (kind.name, name) not in there:
            yield str(Ref(kind, namespace, name))
    secret = token_place(Ref(KD_CLUSTER, namespace, str(dig(seen.root, "metadata", "name", default=""))))
    if told_hidden(status) and (secret, None) in seen.related:
        yield str(secret)
    if not config_flag(seen.related, "allowRestoreWithoutConnections"):
        yield from _missing_connections(seen)


def _known(status: Json) -> Iterator[tuple[Kind, str]]:
    """Yield the objects that were made for members which ran.

    What was reserved for a member that never ran may never have been made: nobody waits for it.
    """
    ran = [(role, member) for role in _items(status, "roles") for member in _items(role, "members") if _ran(member)]
    if ran and status.get("clusterService"):
        yield SERVICE, str(status["clusterService"])
    for name in dict.fromkeys(str(role.get("statefulSet") or "") for role, _ in ran):
        if name:
            yield STATEFUL_SET, name
    for _, member in ran:
        if member.get("service") not in (None, "", "n/a") and member.get("state") not in _LEAVING:
            yield SERVICE, str(member["service"])


def _ran(member: Json) -> bool:
    detail: Mapping[str, object] = dig(member, "stateDetail", default={})
    return any(detail.get(key) for key in ("attempt", "configuringContainer", "lastConfiguredContainer"))


def _items(part: Json, key: str) -> Iterable[Json]:
    return [item for item in part.get(key) or () if isinstance(item, dict)]


def _missing_connections(seen: Seen) -> Iterator[str]:
    """Yield what the cluster is connected to and what was looked for in vain; CFG-M-08.

    What is not looked for, or cannot be read, is not waited for.
    """
    known, namespace = dict(seen.related), str(dig(seen.root, "metadata", "namespace", default=""))
    for field, kind in _CONNECTED:
        for name in dig(seen.root, "spec", "connections", field, default=[]):
            ref = Ref(kind, namespace, str(name))
            if ref in known and known[ref] is None:
                yield str(ref)
