"""The Secret of hidden auth tokens: brought in step before the status says of it, and before anybody reads a token.

Layer: shell.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from kdlib import rules
from kdlib.errors import ApiError, NotFoundError, Problem, RefusedError, WorldError
from kdlib.frozen import Json, dig
from kdlib.graph import Ownership
from kdlib.kube import Api, Selection
from kdlib.manifests import Desired
from kdlib.model import ClusterStatus
from kdlib.reconcile.telling import fields_of, tell_step
from kdlib.reconcile.written import Ended, Written, written
from kdlib.wire import SECRET, Ref

__all__ = ["TokensKept", "keep_tokens"]

_REFUSALS = frozenset({400, 403, 404, 405, 413, 422})
"""Answers that a further try does not change: somebody has to act."""


@dataclass(frozen=True, slots=True)
class TokensKept:
    """What was written of the Secret, or why it cannot be: then nothing that needs a token may be done."""

    facts: tuple[Written | Ended, ...] = ()
    refusal: RefusedError | None = None
    error: WorldError | None = None


async def keep_tokens(api: Api, desired: Desired) -> TokensKept:
    """CL-X-72 (ours): bring the Secret in step, before the status tells of its tokens.

    Guarantees: a token that the status says is hidden stands in the storage; what was seen, and nothing else, is
    changed. While something is to be recorded nothing is taken away, since the stored status may rest on it.
    Raises WorldError where a further try may succeed.
    """
    root = desired.resolved.seen.root
    place = rules.token_place(desired.resolved.root)
    try:
        fact = await _kept(api, desired, place)
    except ApiError as error:
        if error.code not in _REFUSALS:
            raise
        what = f"the app hides auth tokens in {place}, which cannot be written: {error}"
        remedy = "let the operator create, get, patch and delete it; a quota has to leave room for it"
        problem = Problem("spec.app", what, remedy, "CL-X-72")
        return TokensKept(refusal=RefusedError(str(desired.resolved.root), [problem]), error=error)
    if fact is None:
        return TokensKept()
    tell_step(fields_of(api, root), f"{'delete' if isinstance(fact, Ended) else 'write'} {place}")
    return TokensKept((fact,))


async def _kept(api: Api, desired: Desired, place: Ref) -> Written | Ended | None:
    live, wanted = dict(desired.resolved.seen.related).get(place), desired.token_secret
    if live is None:
        return None if wanted is None else written(place, await api.create(wanted))
    if wanted is None:
        return None if desired.life.reservation_pending else await _removed(api, desired, place, live)
    patch = _patch(live, wanted, root=desired.resolved.seen.root, only_adds=desired.life.reservation_pending)
    if patch:
        names = {key: live["metadata"][key] for key in ("uid", "resourceVersion")}
        patch["metadata"] = {**patch.get("metadata", {}), **names}
        return written(place, await api.merge_patch(place, patch))
    if _digests(desired.resolved.status).items() - _digests(desired.life.status).items():
        # What somebody changed is news for all members: it has to be what the storage has, not what was seen once.
        await _read_again(api, place, live)
    return None


def _patch(live: Json, wanted: Json, *, root: Json, only_adds: bool) -> Json:
    """Return what brings the Secret in step; empty where it is."""
    metadata: Json = {}
    labels = wanted["metadata"]["labels"]
    if any(dig(live, "metadata", "labels", key) != value for key, value in labels.items()):
        metadata["labels"] = labels
    if not Ownership(root).holds(live):
        metadata["ownerReferences"] = wanted["metadata"]["ownerReferences"]
    stored: Mapping[str, str] = live.get("data") or {}
    data: Json = {key: value for key, value in wanted["data"].items() if stored.get(key) != value}
    if not only_adds:
        data |= dict.fromkeys(sorted(set(stored) - set(wanted["data"])))
    return {key: value for key, value in (("metadata", metadata), ("data", data)) if value}


async def _removed(api: Api, desired: Desired, place: Ref, live: Json) -> Ended | None:
    """Delete a Secret that the cluster owns, and in which it has no token any more."""
    metadata = live["metadata"]
    if not rules.is_left(desired.resolved.root, desired.resolved.seen) or metadata.get("deletionTimestamp"):
        return None
    try:
        await api.delete(place, uid=metadata["uid"], resource_version=metadata["resourceVersion"])
    except NotFoundError:
        return None
    return Ended(place, metadata["uid"])


async def _read_again(api: Api, place: Ref, live: Json) -> None:
    # By a list: to get Secrets by name is a right that nothing else here needs.
    found = await api.list(Selection(SECRET, place.namespace, fields=f"metadata.name={place.name}"))
    stored: Json = found.items[0]["metadata"] if found.items else {}
    if any(stored.get(key) != live["metadata"].get(key) for key in ("uid", "resourceVersion")):
        raise WorldError(f"{place} has changed since it was seen")


def _digests(status: ClusterStatus) -> dict[str, str]:
    members = (member for role in status.roles for member in role.members)
    return {item.pod: told for item in members if (told := item.state_detail.auth_token_digest)}
