"""The whole status of a cluster, as a function of what was seen and what was done.

Two operators that saw the same write the same bytes; the time of a condition that changes in that write apart.

Layer: pure.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from kdlib import lifecycle
from kdlib.errors import RefusedError
from kdlib.frozen import Json, copied, dig
from kdlib.model import ClusterState, Life, Outcome, Resolved, Seen
from kdlib.report.conditions import CONDITION_TYPES, FALSE, TRUE, Claim, conditions
from kdlib.report.pausing import is_paused, paused
from kdlib.report.reasons import Reason
from kdlib.report.rollup import rollup
from kdlib.report.sealing import sealed
from kdlib.report.tally import Tally, first_few
from kdlib.report.verdict import verdict
from kdlib.rules import BACKUP_ANNOTATION
from kdlib.wire import Ref

__all__ = ["Advanced", "behind_namesake", "refused", "status", "unmoved", "with_claim"]

_MOST_PROBLEMS = 20


class Advanced(Protocol):
    """What a pass wants, as far as the report needs it: the answers, and where the members stand."""

    @property
    def life(self) -> Life:
        """Return where the members stand."""

    @property
    def resolved(self) -> Resolved:
        """Return the cluster's answers."""

    @property
    def kept_fields(self) -> Iterable[tuple[Ref, tuple[str, ...]]]:
        """Return the fields of objects that say otherwise than the spec, and that no API server changes."""


def status(seen: Seen, desired: Advanced, outcome: Outcome | None = None) -> Json:
    """Return the cluster's status after a pass (1.3, 3.2, 3.15).

    Without an outcome nothing was applied yet: this is how a reservation is recorded.
    """
    resolved, life, done = desired.resolved, desired.life, outcome or Outcome()
    tally = Tally.of(life.status, sum(role.wanted for role in resolved.roles))
    claims = [*verdict(resolved, life, done, tally), *_kept(desired)]
    stored = dig(seen.root, "status", "conditions", default=[])
    found = lifecycle.without_hidden_tokens(life.status).changed(
        state=_state(resolved, life, done),
        restore_progress=None,
        member_state_rollup=rollup(life.status),
        members=tally.fraction,
        observed_generation=resolved.generation,
        conditions=tuple(conditions(claims, stored, generation=resolved.generation, now=seen.now)),
    )
    return sealed(found.dumped())


def _kept(desired: Advanced) -> Iterator[Claim]:
    """Say which sets cannot be as the spec says, and how they are made anew around their members."""
    named = [(ref, f"{ref} keeps its {' and '.join(fields)}") for ref, fields in desired.kept_fields]
    if named:
        first = named[0][0]
        anew = f"kubectl delete statefulset {first.name} --cascade=orphan -n {first.namespace}"
        what = f"{first_few([words for _, words in named])}, which nobody can change, though the spec says otherwise"
        remedy = f"to have one made anew around its members, whose claims stay as they are: {anew}"
        yield Claim("SetsKept", TRUE, Reason.SETS_KEPT, f"{what}; {remedy}")


def _state(resolved: Resolved, life: Life, outcome: Outcome) -> str:
    """Return the contract's state: creating until configured for the first time, then updating (3.2).

    While an object could not be applied, members that are all settled leave the state as it is.
    """
    before = resolved.status.state
    if life.paused:
        return before or ClusterState.CREATING
    pending = ClusterState.CREATING if before in ("", ClusterState.CREATING) else ClusterState.UPDATING
    is_behind = life.rollout is not None and life.rollout.is_upgrade
    if life.reservation_pending or is_behind or not lifecycle.settled(life.status):
        return pending
    return (before or pending) if outcome.failures else ClusterState.CONFIGURED


def refused(seen: Seen, error: RefusedError) -> Json:
    """Return the status of a cluster whose spec cannot be done: members and their states stay as they are.

    The conditions list every problem with its remedy, and the state of a new cluster is creating.
    """
    problems = [str(problem) for problem in error.problems[:_MOST_PROBLEMS]]
    more = len(error.problems) - len(problems)
    message = "; ".join([*problems, f"and {more} more"] if more else problems) or str(error)
    claims = [
        Claim("Ready", FALSE, Reason.REFUSED, message),
        Claim("Reconciling", FALSE, Reason.REFUSED, "the spec cannot be done; what is there stays as it is"),
        Claim("Stalled", TRUE, Reason.REFUSED, message),
    ]
    return _unmoved(seen, claims)


def behind_namesake(seen: Seen, left: Sequence[Ref]) -> Json:
    """Return the status of a new cluster that waits until what a former one of its name left is gone."""
    name, namespace = (dig(seen.root, "metadata", key, default="") for key in ("name", "namespace"))
    takes = f"kubectl annotate kdcluster {name} {BACKUP_ANNOTATION}=false -n {namespace}"
    words = (
        f"waits until the garbage collector has taken what a former cluster of this name left: "
        f"{first_few(list(map(str, left)))}; to take it over instead, as the former cluster made again: {takes}"
    )
    claims = [
        Claim("Ready", FALSE, Reason.NAMESAKE_LEAVING, words),
        Claim("Reconciling", TRUE, Reason.NAMESAKE_LEAVING, words),
        Claim("Stalled", FALSE, Reason.NOT_STALLED, "nothing waits for a person"),
    ]
    return _unmoved(seen, claims)


def _unmoved(seen: Seen, claims: list[Claim]) -> Json:
    """Return the stored status with these conditions, and those of other types that stay."""
    stored = seen.root.get("status") or {}
    claims = [*claims, paused(seen)] if is_paused(seen) else claims
    # Whether there is a backup is found out anew with each status.
    told = {"BackedUp", "Paused", *(claim.type for claim in claims)}
    kept = [item for item in stored.get("conditions") or () if item.get("type") in {*CONDITION_TYPES[3:]} - told]
    return unmoved(seen, claims, stored, kept=kept)


def unmoved(
    seen: Seen, claims: list[Claim], base: Json, *, kept: Iterable[Json] = (), restore_progress: Json | None = None
) -> Json:
    """Return a status in which nothing moves: `base` with these conditions, those kept, and how its restore stands."""
    made: Json = copied(base)
    generation = int(dig(seen.root, "metadata", "generation", default=0))
    fresh = conditions(claims, _stored(seen), generation=generation, now=seen.now)
    made["conditions"] = _ordered([*fresh, *kept])
    made["observedGeneration"] = generation
    made.setdefault("state", str(ClusterState.CREATING))
    made.pop("restoreProgress", None)
    return sealed({**made, "restoreProgress": restore_progress} if restore_progress else made)


def with_claim(seen: Seen, made: Json, claim: Claim) -> Json:
    """Return a status with one more condition."""
    generation = int(dig(seen.root, "metadata", "generation", default=0))
    further = conditions([claim], _stored(seen), generation=generation, now=seen.now)
    others = [item for item in made.get("conditions") or () if item.get("type") != claim.type]
    return sealed({**made, "conditions": _ordered([*others, *further])})


def _stored(seen: Seen) -> list[Json]:
    found: list[Json] = dig(seen.root, "status", "conditions", default=[])
    return found


def _ordered(found: list[Json]) -> list[Json]:
    order = {kind: index for index, kind in enumerate(CONDITION_TYPES)}
    return sorted(found, key=lambda item: order[item["type"]])
