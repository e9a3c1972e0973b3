"""Who owns a StatefulSet's claims, as its persistentVolumeClaimRetentionPolicy says.

An owner is how the policy acts: a claim that the set or the condemned pod owns is collected with it.
Source: https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#persistentvolumeclaim-retention.

Layer: pure.
"""

from kdlib.frozen import Json, dig
from kdlib.sandbox.controllers.objects import controller_reference

__all__ = ["is_stale", "keeps_all", "owners_due"]


def keeps_all(stateful_set: Json) -> bool:
    """Tell whether claims outlive both a smaller set and the set: the default."""
    return _policy(stateful_set) == ("Retain", "Retain")


def is_stale(claim: Json, stateful_set: Json, pod_name: str, pod_uid: str = "") -> bool:
    """Tell whether the claim waits to be collected with an earlier pod of this name, so a new one must wait."""
    if _policy(stateful_set)[0] == "Retain":
        return False
    return any(_names(each, "v1", "Pod", pod_name) and each["uid"] != pod_uid for each in _owners(claim))


def owners_due(claim: Json, stateful_set: Json, pod: Json, *, condemned: bool) -> list[Json] | None:
    """Return the owner references that the claim should have, None where it is right or not ours to touch."""
    owners = _owners(claim)
    ours = [each for each in owners if _is_for(each, stateful_set) or _is_for(each, pod)]
    others = [each for each in owners if each not in ours]
    if any(each["uid"] not in (_uid(stateful_set), _uid(pod)) for each in ours):
        return None
    if not keeps_all(stateful_set) and _has_controller(others):
        return others if ours else None
    due = _due(stateful_set, pod, condemned=condemned)
    return None if _are_right(ours, due) else [*others, *due]


def _due(stateful_set: Json, pod: Json, *, condemned: bool) -> list[Json]:
    """Return the references that the policy asks for: to the condemned pod, or to the set."""
    scaled, deleted = _policy(stateful_set)
    if scaled == "Delete" and condemned:
        return [controller_reference(pod)]
    return [controller_reference(stateful_set)] if deleted == "Delete" else []


def _are_right(ours: list[Json], due: list[Json]) -> bool:
    return [each["uid"] for each in due] == [each["uid"] for each in ours] and all(
        each.get("controller") for each in ours
    )


def _has_controller(references: list[Json]) -> bool:
    return any(each.get("controller") for each in references)


def _policy(stateful_set: Json) -> tuple[str, str]:
    policy = dig(stateful_set, "spec", "persistentVolumeClaimRetentionPolicy", default={})
    return policy.get("whenScaled", "Retain"), policy.get("whenDeleted", "Retain")


def _owners(claim: Json) -> list[Json]:
    return list(claim["metadata"].get("ownerReferences") or ())


def _uid(obj: Json) -> str:
    return str(obj["metadata"]["uid"])


def _is_for(reference: Json, obj: Json) -> bool:
    return _names(reference, obj["apiVersion"], obj["kind"], obj["metadata"]["name"])


def _names(reference: Json, api_version: str, kind: str, name: str) -> bool:
    return (reference["apiVersion"], reference["kind"], reference["name"]) == (api_version, kind, name)
