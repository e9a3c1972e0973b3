"""The Deployment controller, in simple form: one ReplicaSet for each pod template, rolled from old to new.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/.

Layer: shell.
"""

from collections.abc import Iterator, Sequence

from kdlib.errors import AlreadyExistsError
from kdlib.frozen import Json
from kdlib.sandbox.controllers.claiming import claim
from kdlib.sandbox.controllers.desk import Desk
from kdlib.sandbox.controllers.kinds import DEPLOYMENT, REPLICA_SET
from kdlib.sandbox.controllers.objects import timestamp
from kdlib.sandbox.controllers.pods import controller_uid, is_terminating
from kdlib.sandbox.controllers.rollout import (
    REVISION,
    made_replica_set,
    newest_revision,
    next_sizes,
    of_template,
    size_annotations,
    status_of,
    superfluous,
)

__all__ = ["Deployments"]

_SOURCE = "deployment-controller"


class Deployments:
    """Keeps the ReplicaSets of every Deployment."""

    name = "deployment"
    watches = frozenset({("apps/v1", "Deployment"), ("apps/v1", "ReplicaSet")})

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def keys(self, event: str, obj: Json, old: Json | None) -> Iterator[str]:
        """Yield the Deployments that a commit concerns, as namespace/name."""
        namespace = obj["metadata"]["namespace"]
        if obj["kind"] == "Deployment":
            yield f"{namespace}/{obj['metadata']['name']}"
            return
        owners = {controller_uid(each) for each in (obj, old) if each}
        for uid in sorted(owners - {""}):
            owner = self._desk.index.by_uid(uid)
            if owner is not None and owner["kind"] == "Deployment":
                yield f"{namespace}/{owner['metadata']['name']}"
        if "" in owners and event != "DELETED":
            yield from (
                f"{namespace}/{each['metadata']['name']}" for each in self._desk.index.all(DEPLOYMENT, namespace)
            )

    def sync(self, key: str) -> int:
        """Look at one Deployment."""
        namespace, _, name = key.partition("/")
        live = self._desk.index.get(DEPLOYMENT, namespace, name)
        if live is None or is_terminating(live):
            return 0
        known = self._desk.index.dependents(live["metadata"]["uid"], REPLICA_SET)
        owned = claim(self._desk, live, [*known, *self._desk.index.orphans(REPLICA_SET, namespace)])
        new = of_template(live, owned)
        old = [each for each in owned if each is not new]
        if live["spec"].get("paused"):
            self._record(live, new, old)
            return len(owned)
        new = self._number(new, old) if new else self._create(live, old)
        if new is None:
            return len(owned)
        live = self._renumber(live, new)
        for each, size in next_sizes(live, new, old):
            self._scale(live, each, size)
        self._record(live, new, old)
        for each in superfluous(live, old):
            self._desk.delete(each)
        return len(owned)

    def _create(self, live: Json, old: Sequence[Json]) -> Json | None:
        made = made_replica_set(live, newest_revision(old) + 1)
        made["spec"]["replicas"] = size = next(size for each, size in next_sizes(live, made, old) if each is made)
        try:
            created = self._desk.create(made)
        except AlreadyExistsError:
            collisions = (live.get("status") or {}).get("collisionCount", 0) + 1
            self._desk.update_status(live, {**(live.get("status") or {}), "collisionCount": collisions})
            return None
        if size:
            self._say(live, made["metadata"]["name"], 0, size)
        return created

    def _number(self, new: Json, old: Sequence[Json]) -> Json:
        """Give a ReplicaSet that is rolled back to the newest revision number."""
        annotations = new["metadata"].get("annotations") or {}
        number = newest_revision(old) + 1
        if int(annotations.get(REVISION, "0")) >= number:
            return new
        return self._desk.update_metadata(new, annotations={**annotations, REVISION: str(number)})

    def _renumber(self, live: Json, new: Json) -> Json:
        annotations = live["metadata"].get("annotations") or {}
        number = new["metadata"]["annotations"][REVISION]
        if annotations.get(REVISION) == number:
            return live
        # Through the status, which counts no new generation.
        numbered = {**live, "metadata": {**live["metadata"], "annotations": {**annotations, REVISION: number}}}
        return self._desk.update_status(numbered, live.get("status") or {})

    def _scale(self, live: Json, replica_set: Json, size: int) -> None:
        before, name = replica_set["spec"].get("replicas", 1), replica_set["metadata"]["name"]
        if before == size:
            return
        current = self._desk.index.by_uid(replica_set["metadata"]["uid"]) or replica_set
        metadata = current["metadata"]
        annotations = {**(metadata.get("annotations") or {}), **size_annotations(live)}
        metadata = {**metadata, "annotations": annotations}
        self._desk.update({**current, "metadata": metadata, "spec": {**current["spec"], "replicas": size}})
        self._say(live, name, before, size)

    def _say(self, live: Json, name: str, before: int, size: int) -> None:
        direction = "up" if size > before else "down"
        text = f"Scaled {direction} replica set {name} from {before} to {size}"
        self._desk.tell(live, _SOURCE, "ScalingReplicaSet", text)

    def _record(self, live: Json, new: Json | None, old: Sequence[Json]) -> None:
        sets = [self._desk.index.by_uid(each["metadata"]["uid"]) or each for each in (*([new] if new else []), *old)]
        status = status_of(live, sets, timestamp(self._desk.now()), has_new=new is not None)
        if status != (live.get("status") or {}):
            self._desk.update_status(live, status)
