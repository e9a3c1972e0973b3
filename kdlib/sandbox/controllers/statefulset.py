"""The StatefulSet controller.

Layer: shell.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from kdlib.errors import AlreadyExistsError, ApiError, NotFoundError, api_error
from kdlib.frozen import Json, dig
from kdlib.sandbox.controllers.claiming import claim
from kdlib.sandbox.controllers.desk import Desk
from kdlib.sandbox.controllers.pods import controller_uid, is_terminating
from kdlib.sandbox.controllers.queue import Queue
from kdlib.sandbox.controllers.retention import is_stale, keeps_all, owners_due
from kdlib.sandbox.controllers.revisions import due_revision, new_revision, obsolete, template_of
from kdlib.sandbox.controllers.statefulset_objects import claims_of, is_identified, make_pod, mended, uses_claims
from kdlib.sandbox.controllers.statefulset_plan import (
    Create,
    Delete,
    Member,
    Mend,
    Order,
    Step,
    member,
    order_of,
    ordinal_of,
    plan,
)
from kdlib.wire import CONTROLLER_REVISION, PERSISTENT_VOLUME_CLAIM, POD, STATEFUL_SET

__all__ = ["StatefulSets"]

_SOURCE = "statefulset-controller"
_STEPS_AT_ONCE = 25
"""Pods created or deleted before others get their turn; the commits bring the set back for the rest."""


@dataclass(frozen=True)
class _History:
    current: Json
    update: Json
    collision_count: int
    revisions: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    version: tuple[str, int | None]
    """UID and generation of the set that it was worked out for."""
    member: Member


class StatefulSets:
    """Keeps the pods and claims of every StatefulSet."""

    name = "statefulset"
    watches = frozenset({("apps/v1", "StatefulSet"), ("v1", "Pod")})

    def __init__(self, desk: Desk, queue: Queue) -> None:
        self._desk = desk
        self._queue = queue
        self._members: dict[str, _Known] = {}
        self._telling = ""

    def keys(self, event: str, obj: Json, old: Json | None) -> Iterator[str]:
        """Yield the sets that a commit concerns, as namespace/name."""
        namespace, name = obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
        if obj["kind"] == "StatefulSet":
            key = f"{namespace}/{name}"
            if key != self._telling:
                yield key
            return
        if event == "DELETED":
            self._members.pop(obj["metadata"]["uid"], None)
        parent, ordinal = ordinal_of(name)
        if ordinal >= 0 and self._desk.index.get(STATEFUL_SET, namespace, parent):
            yield f"{namespace}/{parent}"
        for each in (obj, old):
            owner = each and self._desk.index.by_uid(controller_uid(each))
            if owner and owner["kind"] == "StatefulSet" and owner["metadata"]["name"] != parent:
                yield f"{namespace}/{owner['metadata']['name']}"

    def sync(self, key: str) -> int:
        """Look at one set; returns how many pods it has."""
        namespace, _, name = key.partition("/")
        live = self._desk.index.get(STATEFUL_SET, namespace, name)
        if live is None:
            return 0
        order = order_of(live)
        members = self._claimed(live, order)
        history = self._history(live, order)
        if history is None:
            return len(members)
        current, update = history.current["metadata"]["name"], history.update["metadata"]["name"]
        decided = plan(order, members, current=current, update=update)
        try:
            self._carry_out(live, history, decided.steps)
        finally:
            current = self._record(live, history, dict(decided.counts))
        self._truncate(live, history, {current, update, *(each.revision for each in members)})
        if decided.again_seconds is not None:
            self._queue.add_after((self.name, key), decided.again_seconds)
        return len(members)

    def _claimed(self, live: Json, order: Order) -> list[Member]:
        """Return the set's pods; what was worked out for one holds until the pod or the set changes."""
        metadata, index = live["metadata"], self._desk.index
        version = (metadata["uid"], metadata.get("generation"))
        members, unknown = [], []
        for pod in index.dependents(metadata["uid"], POD):
            known = self._known(pod, version)
            if known is None:
                unknown.append(pod)
            else:
                members.append(known)
        name = metadata["name"]
        candidates = [*unknown, *index.orphans(POD, metadata["namespace"])]
        pods = claim(self._desk, live, candidates, accepts=lambda pod: ordinal_of(pod["metadata"]["name"])[0] == name)
        lasting = keeps_all(live) and not index.owns(metadata["uid"], PERSISTENT_VOLUME_CLAIM)
        for pod in pods:
            made = self._member(live, order, pod)
            members.append(made)
            if lasting and made.consistent and not made.pending and not made.available_in:
                self._members[pod["metadata"]["uid"]] = _Known(version, made)
        return members

    def _known(self, pod: Json, version: tuple[str, int | None]) -> Member | None:
        """Return what was worked out for this very pod at this version of the set, None where that is nothing."""
        known = self._members.get(pod["metadata"]["uid"])
        if known is None or known.version != version or known.member.pod is not pod:
            return None
        return known.member

    def _member(self, live: Json, order: Order, pod: Json) -> Member:
        made = member(pod, order.min_ready_seconds, self._desk.now())
        consistent = (
            is_identified(pod)
            and uses_claims(live, pod)
            and (not made.pending or self._has_claims(live, made.ordinal))
            and not self._misowned(live, order, pod)
        )
        return made if consistent else replace(made, consistent=False)

    def _has_claims(self, live: Json, ordinal: int) -> bool:
        return all(self._stored(each) for each in claims_of(live, ordinal))

    def _stored(self, claim_made: Json) -> Json | None:
        metadata = claim_made["metadata"]
        return self._desk.index.get(PERSISTENT_VOLUME_CLAIM, metadata["namespace"], metadata["name"])

    def _misowned(self, live: Json, order: Order, pod: Json) -> list[tuple[Json, list[Json]]]:
        """Return the pod's claims whose owners are not what the retention policy asks for, with those owners."""
        owners = (live["metadata"]["uid"], pod["metadata"]["uid"])
        if keeps_all(live) and not any(self._desk.index.owns(each, PERSISTENT_VOLUME_CLAIM) for each in owners):
            return []
        ordinal = ordinal_of(pod["metadata"]["name"])[1]
        found = []
        for each in claims_of(live, ordinal):
            stored = self._stored(each)
            if stored is None:
                continue
            due = owners_due(stored, live, pod, condemned=not order.wants(ordinal))
            if due is not None:
                found.append((stored, due))
        return found

    def _history(self, live: Json, order: Order) -> _History | None:
        """Find or make the set's revisions; None for a set on its way out that has none."""
        desk, namespace = self._desk, live["metadata"]["namespace"]
        known = claim(
            desk,
            live,
            [
                *desk.index.dependents(live["metadata"]["uid"], CONTROLLER_REVISION),
                *desk.index.orphans(CONTROLLER_REVISION, namespace),
            ],
        )
        known.sort(key=lambda each: (each["revision"], each["metadata"].get("creationTimestamp", "")))
        collisions = dig(live, "status", "collisionCount", default=0)
        if order.terminating:
            return _History(known[-1], known[-1], collisions, tuple(known)) if known else None
        due = due_revision(live["spec"]["template"], known)
        if due.known is None:
            update, collisions = self._create_revision(live, due.number, collisions)
            known.append(update)
        elif due.number != due.known["revision"]:
            update = desk.update({**due.known, "revision": due.number})
            known = [*(each for each in known if each is not due.known), update]
        else:
            update = due.known
        name = dig(live, "status", "currentRevision")
        current = next((each for each in known if each["metadata"]["name"] == name), update)
        return _History(current, update, collisions, tuple(known))

    def _create_revision(self, live: Json, number: int, collisions: int) -> tuple[Json, int]:
        """Create the revision; where another object has its name, count up and hash again."""
        while True:
            made = new_revision(live, number, collisions)
            try:
                return self._desk.create(made), collisions
            except AlreadyExistsError:
                metadata = made["metadata"]
                there = self._desk.index.get(CONTROLLER_REVISION, metadata["namespace"], metadata["name"])
                if there is not None and there["data"] == made["data"]:
                    return there, collisions
                collisions += 1

    def _carry_out(self, live: Json, history: _History, steps: tuple[Step, ...]) -> None:
        order = order_of(live)
        for step in steps[:_STEPS_AT_ONCE]:
            match step:
                case Create(ordinal, updated):
                    self._create(live, history.update if updated else history.current, ordinal)
                case Delete(pod):
                    self._delete(live, pod)
                case Mend(pod):
                    self._mend(live, order, pod)

    def _create(self, live: Json, revision: Json, ordinal: int) -> None:
        pod = make_pod(live, template_of(revision), revision["metadata"]["name"], ordinal)
        name = pod["metadata"]["name"]
        for each in claims_of(live, ordinal):
            stored = self._stored(each)
            if stored is not None and is_stale(stored, live, name):
                return
        try:
            self._create_claims(live, name, ordinal)
            created = self._desk.create(pod)
        except AlreadyExistsError:
            raise
        except ApiError as error:
            self._say(live, "Create", name, error)
            raise
        for stored, owners in self._misowned(live, order_of(live), created):
            self._desk.update_metadata(stored, ownerReferences=owners or None)
        self._say(live, "Create", name)

    def _create_claims(self, live: Json, pod_name: str, ordinal: int) -> None:
        set_name = live["metadata"]["name"]
        for each in claims_of(live, ordinal):
            stored, claim_name = self._stored(each), each["metadata"]["name"]
            if stored is not None:
                if is_terminating(stored):
                    raise api_error(409, "Conflict", f"pvc {claim_name} is being deleted")
                continue
            try:
                self._desk.create(each)
            except ApiError as error:
                text = f"Create Claim {claim_name} for Pod {pod_name} in StatefulSet {set_name} failed error: {error}"
                self._desk.tell(live, _SOURCE, "FailedCreate", text, warning=True)
                raise
            text = f"Create Claim {claim_name} Pod {pod_name} in StatefulSet {set_name} success"
            self._desk.tell(live, _SOURCE, "SuccessfulCreate", text)

    def _delete(self, live: Json, pod: Json) -> None:
        try:
            self._desk.delete(pod)
        except ApiError as error:
            self._say(live, "Delete", pod["metadata"]["name"], error)
            raise
        self._say(live, "Delete", pod["metadata"]["name"])

    def _mend(self, live: Json, order: Order, pod: Json) -> None:
        name = pod["metadata"]["name"]
        try:
            if order.wants(ordinal_of(name)[1]):
                self._create_claims(live, name, ordinal_of(name)[1])
            for stored, owners in self._misowned(live, order, pod):
                self._desk.update_metadata(stored, ownerReferences=owners or None)
            if is_identified(pod) and uses_claims(live, pod):
                return
            self._desk.update(mended(live, pod))
        except NotFoundError:
            return
        except ApiError as error:
            self._say(live, "Update", name, error)
            raise
        self._say(live, "Update", name)

    def _say(self, live: Json, verb: str, pod_name: str, error: ApiError | None = None) -> None:
        text = f"{verb} Pod {pod_name} in StatefulSet {live['metadata']['name']}"
        if error is None:
            self._desk.tell(live, _SOURCE, f"Successful{verb}", f"{text} successful")
        else:
            self._desk.tell(live, _SOURCE, f"Failed{verb}", f"{text} failed error: {error}", warning=True)

    def _record(self, live: Json, history: _History, counts: dict[str, int]) -> str:
        """Write the status where it differs; a roll-out is complete when all pods are new and ready.

        Returns the name of the revision that is the current one from here on.
        """
        spec, update = live["spec"], history.update["metadata"]["name"]
        current: str = history.current["metadata"]["name"]
        rolling = dig(spec, "updateStrategy", "type", default="RollingUpdate") == "RollingUpdate"
        replicas = order_of(live).replicas
        if rolling and all(counts[each] == replicas for each in ("updatedReplicas", "readyReplicas", "replicas")):
            current, counts["currentReplicas"] = update, counts["updatedReplicas"]
        optional = {key: counts[key] for key in ("readyReplicas", "currentReplicas", "updatedReplicas") if counts[key]}
        status = {
            "observedGeneration": live["metadata"].get("generation", 1),
            "replicas": counts["replicas"],
            **optional,
            "currentRevision": current,
            "updateRevision": update,
            "collisionCount": history.collision_count,
            "availableReplicas": counts["availableReplicas"],
        }
        if status != (live.get("status") or {}):
            # It tells what was just seen, so the set need not be looked at again because of it.
            self._telling = f"{live['metadata']['namespace']}/{live['metadata']['name']}"
            try:
                self._desk.update_status(live, status)
            finally:
                self._telling = ""
        return current

    def _truncate(self, live: Json, history: _History, in_use: set[str]) -> None:
        """Delete the oldest revisions beyond the set's limit that nothing uses."""
        limit = live["spec"].get("revisionHistoryLimit", 10)
        if len(history.revisions) > limit:
            for each in obsolete(history.revisions, in_use, limit):
                self._desk.delete(each)
