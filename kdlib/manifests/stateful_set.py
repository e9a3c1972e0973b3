"""The StatefulSet of a role (4.4, rule KO-07).

Its update strategy is OnDelete: Kubernetes by itself never restarts a member, neither when somebody edits the
template and it is put right again, nor when a set that another operator made is taken over.

Layer: pure.
"""

from kdlib.frozen import Json, dig, without_nulls
from kdlib.graph import contained
from kdlib.manifests.metadata import made, merged, pretty_name, role_labels
from kdlib.manifests.pod import pod_template
from kdlib.manifests.volumes import claim_templates
from kdlib.model import ClusterRole, Resolved, ResolvedRole
from kdlib.wire import STATEFUL_SET

__all__ = ["kept_fields", "stateful_set", "strategy_patch"]


def stateful_set(resolved: Resolved, role: ResolvedRole, replicas: int, live: Json | None) -> Json | None:
    """Return the role's StatefulSet, or None where nobody knows what it looked like.

    `live` is the set as it stands. What an API server never changes is taken from there, should it differ. A role
    that left the cluster's spec keeps all of its set but the replicas until its last member is gone (RC-21).
    """
    labels, annotations = role_labels(resolved, role.id), pretty_name(resolved)
    result = made(STATEFUL_SET, resolved, role.stateful_set, labels=labels, annotations=annotations)
    if role.spec is None:
        if live is None:
            return None
        result["spec"] = {**without_nulls(live["spec"]), "replicas": replicas}
        return result
    spec: Json = without_nulls(_spec(resolved, role, role.spec, replicas))
    result["spec"] = _immutables_kept(spec, live["spec"]) if live else spec
    return result


def kept_fields(resolved: Resolved, role: ResolvedRole, live: Json | None) -> tuple[str, ...]:
    """Name the fields in which the set that is there differs from what the spec says, and which no API server changes.

    Its selector and how it makes pods are no such fields: nothing that the spec says depends on them.
    """
    if live is None or role.spec is None:
        return ()
    wanted, found = claim_templates(role.spec), live["spec"].get("volumeClaimTemplates") or []
    differs = {
        "serviceName": (live["spec"].get("serviceName") or resolved.cluster_service) != resolved.cluster_service,
        "volumeClaimTemplates": not _alike(list(map(_storage, wanted)), list(map(_storage, found))),
    }
    return tuple(name for name, is_other in differs.items() if is_other)


def strategy_patch(live: Json, wanted: Json) -> Json | None:
    """Return the merge patch that has to come before a set of another operator's making is applied; None for none.

    What it says of rolling updates is no field of ours, so that applying leaves it there, and an API server refuses it
    beside any other strategy. The UID makes the patch fail on any other object.
    """
    if live.get("kind") != STATEFUL_SET.name or not dig(live, "spec", "updateStrategy", "rollingUpdate"):
        return None
    kind = dig(wanted, "spec", "updateStrategy", "type")
    if kind in (None, "RollingUpdate"):
        return None
    strategy = {"type": kind, "rollingUpdate": None}
    return {"metadata": {"uid": live["metadata"]["uid"]}, "spec": {"updateStrategy": strategy}}


def _spec(resolved: Resolved, role: ResolvedRole, spec: ClusterRole, replicas: int) -> Json:
    made_spec: Json = {
        "replicas": replicas,
        "podManagementPolicy": "Parallel",
        "updateStrategy": {"type": "OnDelete"},
        "serviceName": resolved.cluster_service,
        "selector": {"matchLabels": role_labels(resolved, role.id)},
        "template": pod_template(resolved, role, spec),
    }
    templates = claim_templates(spec)
    return {**made_spec, "volumeClaimTemplates": templates} if templates else made_spec


def _immutables_kept(spec: Json, live: Json) -> Json:
    """Return the spec with the parts of the live one that no API server lets anybody change, where they differ."""
    kept = dict(spec)
    if live.get("selector") and live["selector"] != spec["selector"]:
        kept["selector"] = without_nulls(live["selector"])
        labels = spec["template"]["metadata"]["labels"]
        # The labels by which the set finds its pods are those of the app that it was made for.
        chosen = merged(labels, dig(live, "selector", "matchLabels"))
        kept["template"] = {**spec["template"], "metadata": {**spec["template"]["metadata"], "labels": chosen}}
    for name in ("serviceName", "podManagementPolicy"):
        kept[name] = live.get(name) or spec[name]
    found = [_claim_intent(claim) for claim in live.get("volumeClaimTemplates") or []]
    if not _alike(spec.get("volumeClaimTemplates") or [], found):
        kept["volumeClaimTemplates"] = found
    return kept


def _alike(wanted: list[Json], found: list[Json]) -> bool:
    """Tell whether neither list of claim templates says what the other does not, what servers fill in apart."""
    return contained(wanted, found) and contained(list(map(_without_default, found)), wanted)


def _without_default(claim: Json) -> Json:
    kept = {key: value for key, value in claim["spec"].items() if (key, value) != ("volumeMode", "Filesystem")}
    return {**claim, "spec": kept}


def _storage(claim: Json) -> Json:
    """Return what a claim template says of the volume, in which name and amounts count."""
    return {"name": claim["metadata"]["name"], "spec": without_nulls(claim["spec"])}


def _claim_intent(claim: Json) -> Json:
    return {key: value for key, value in without_nulls(claim).items() if key != "status"}
