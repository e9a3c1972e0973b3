"""How a Deployment goes from old ReplicaSets to the new one.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#updating-a-deployment.

Layer: pure.
"""

from collections.abc import Sequence

from kdlib.frozen import Json, dig
from kdlib.sandbox.controllers.objects import controller_reference
from kdlib.sandbox.controllers.revisions import revision_hash

__all__ = [
    "REVISION",
    "made_replica_set",
    "newest_revision",
    "next_sizes",
    "of_template",
    "size_annotations",
    "status_of",
    "superfluous",
]

REVISION = "deployment.kubernetes.io/revision"
_HASH_LABEL = "pod-template-hash"


def made_replica_set(deployment: Json, revision: int) -> Json:
    """Make the ReplicaSet of the present template, without replicas yet."""
    template, metadata, spec = deployment["spec"]["template"], deployment["metadata"], deployment["spec"]
    digits = revision_hash(template, dig(deployment, "status", "collisionCount", default=0))
    own = {_HASH_LABEL: digits}
    labels = {**(dig(template, "metadata", "labels") or {}), **own}
    selector = spec["selector"]
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{metadata['name']}-{digits}",
            "namespace": metadata["namespace"],
            "labels": labels,
            "annotations": {REVISION: str(revision), **size_annotations(deployment)},
            "ownerReferences": [controller_reference(deployment)],
        },
        "spec": {
            "replicas": 0,
            **({"minReadySeconds": spec["minReadySeconds"]} if spec.get("minReadySeconds") else {}),
            "selector": {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), **own}},
            "template": {**template, "metadata": {**(template.get("metadata") or {}), "labels": labels}},
        },
    }


def size_annotations(deployment: Json) -> dict[str, str]:
    """Return what a ReplicaSet notes of its Deployment's size when it is scaled."""
    wanted = _wanted(deployment)
    return {
        "deployment.kubernetes.io/desired-replicas": str(wanted),
        "deployment.kubernetes.io/max-replicas": str(wanted + _limits(deployment)[0]),
    }


def of_template(deployment: Json, replica_sets: Sequence[Json]) -> Json | None:
    """Return the oldest ReplicaSet of the Deployment's present template, None where there is none."""
    wanted = _without_hash(deployment["spec"]["template"])
    fitting = [each for each in replica_sets if _without_hash(each["spec"]["template"]) == wanted]
    return min(fitting, key=lambda each: str(each["metadata"].get("creationTimestamp", "")), default=None)


def newest_revision(replica_sets: Sequence[Json]) -> int:
    """Return the highest revision number among the ReplicaSets, 0 for none."""
    return max((int(dig(each, "metadata", "annotations", REVISION, default="0")) for each in replica_sets), default=0)


def next_sizes(deployment: Json, new: Json, old: Sequence[Json]) -> list[tuple[Json, int]]:
    """Return the size that each ReplicaSet shall have now."""
    if dig(deployment, "spec", "strategy", "type") == "Recreate":
        ended = not any(dig(each, "status", "replicas") for each in old)
        return [*((each, 0) for each in old), (new, _wanted(deployment) if ended else _size(new))]
    return _rolling(deployment, new, old)


def _rolling(deployment: Json, new: Json, old: Sequence[Json]) -> list[tuple[Json, int]]:
    wanted, surge, unavailable = _wanted(deployment), *_limits(deployment)
    total = _size(new) + sum(_size(each) for each in old)
    room = max(0, wanted + surge - total)
    grown = min(wanted, _size(new) + room) if _size(new) < wanted else wanted
    available = sum(_available(each) for each in (new, *old))
    may_go = total - (wanted - unavailable) - (_size(new) - _available(new))
    healthy_may_go = available - (wanted - unavailable)
    sizes: list[tuple[Json, int]] = []
    for each in sorted(old, key=lambda each: str(each["metadata"].get("creationTimestamp", ""))):
        size = _size(each)
        unhealthy = max(0, min(size - _available(each), may_go))
        may_go, size = may_go - unhealthy, size - unhealthy
        healthy = max(0, min(size, may_go, healthy_may_go))
        may_go, healthy_may_go = may_go - healthy, healthy_may_go - healthy
        sizes.append((each, size - healthy))
    return [(new, grown), *sizes]


def superfluous(deployment: Json, old: Sequence[Json]) -> list[Json]:
    """Return the oldest empty ReplicaSets beyond the history limit."""
    limit = deployment["spec"].get("revisionHistoryLimit", 10)
    empty = [each for each in old if not _size(each) and not dig(each, "status", "replicas")]
    empty.sort(key=lambda each: newest_revision([each]))
    return empty[: max(0, len(empty) - limit)]


def status_of(deployment: Json, replica_sets: Sequence[Json], now: str, *, has_new: bool) -> Json:
    """Return the Deployment's status; the new ReplicaSet is the first, where there is one."""
    counts = _counts(replica_sets, has_new=has_new)
    wanted, replicas, available = _wanted(deployment), counts["replicas"], counts["availableReplicas"]
    conditions = [_availability(enough=available >= wanted - _limits(deployment)[1])]
    if has_new:
        complete = counts["updatedReplicas"] == replicas == available == wanted
        conditions.append(_progress(replica_sets[0]["metadata"]["name"], complete=complete))
    old = deployment.get("status") or {}
    status: Json = {"observedGeneration": deployment["metadata"].get("generation", 1)}
    status |= {key: count for key, count in counts.items() if count}
    status["terminatingReplicas"] = _total(replica_sets, "terminatingReplicas")
    status["conditions"] = [_dated(each, old.get("conditions") or (), now) for each in conditions]
    if old.get("collisionCount"):
        status["collisionCount"] = old["collisionCount"]
    return status


def _counts(replica_sets: Sequence[Json], *, has_new: bool) -> dict[str, int]:
    available = sum(_available(each) for each in replica_sets)
    return {
        "replicas": _total(replica_sets, "replicas"),
        "updatedReplicas": _total(replica_sets[:1], "replicas") if has_new else 0,
        "readyReplicas": _total(replica_sets, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, sum(_size(each) for each in replica_sets) - available),
    }


def _total(replica_sets: Sequence[Json], count: str) -> int:
    return sum(dig(each, "status", count, default=0) for each in replica_sets)


def _availability(*, enough: bool) -> Json:
    if enough:
        text = "Deployment has minimum availability."
        return {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", "message": text}
    text = "Deployment does not have minimum availability."
    return {"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable", "message": text}


def _progress(name: str, *, complete: bool) -> Json:
    text = f'ReplicaSet "{name}" has successfully progressed.' if complete else f'ReplicaSet "{name}" is progressing.'
    reason = "NewReplicaSetAvailable" if complete else "ReplicaSetUpdated"
    return {"type": "Progressing", "status": "True", "reason": reason, "message": text}


def _dated(condition: Json, old: Sequence[Json], now: str) -> Json:
    for each in old:
        if each["type"] == condition["type"]:
            if all(each.get(key) == value for key, value in condition.items()):
                return each
            moved = now if each["status"] != condition["status"] else each.get("lastTransitionTime", now)
            return {**condition, "lastUpdateTime": now, "lastTransitionTime": moved}
    return {**condition, "lastUpdateTime": now, "lastTransitionTime": now}


def _limits(deployment: Json) -> tuple[int, int]:
    """Return how many pods there may be too many, and too few, during a rollout."""
    if dig(deployment, "spec", "strategy", "type") == "Recreate":
        return 0, 0
    rolling = dig(deployment, "spec", "strategy", "rollingUpdate", default={})
    wanted = _wanted(deployment)
    surge = _scaled(rolling.get("maxSurge", "25%"), wanted, up=True)
    unavailable = _scaled(rolling.get("maxUnavailable", "25%"), wanted, up=False)
    return (surge, unavailable) if surge or unavailable else (0, 1)


def _scaled(value: int | str, of: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    share = int(value.rstrip("%")) * of
    return -(-share // 100) if up else share // 100


def _wanted(deployment: Json) -> int:
    replicas = deployment["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def _size(replica_set: Json) -> int:
    replicas = replica_set["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def _available(replica_set: Json) -> int:
    return int(dig(replica_set, "status", "availableReplicas", default=0))


def _without_hash(template: Json) -> Json:
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != _HASH_LABEL}
    return {**template, "metadata": {**metadata, "labels": labels}}
