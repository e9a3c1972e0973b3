"""The pods and claims of a StatefulSet, as its controller makes and mends them.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#pod-identity.

Layer: pure.
"""

from collections.abc import Sequence

from kdlib.frozen import Json
from kdlib.sandbox.controllers.objects import controller_reference
from kdlib.sandbox.controllers.statefulset_plan import REVISION_LABEL, ordinal_of

__all__ = ["claims_of", "is_identified", "make_pod", "mended", "pod_from_template", "uses_claims"]

_NAME_LABEL = "statefulset.kubernetes.io/pod-name"
_INDEX_LABEL = "apps.kubernetes.io/pod-index"


def pod_from_template(template: Json, owner: Json) -> Json:
    """Make a pod from a template, owned by the controller's object; its name is to be generated."""
    given = template.get("metadata") or {}
    metadata: Json = {
        "generateName": f"{owner['metadata']['name']}-",
        "namespace": owner["metadata"]["namespace"],
        "ownerReferences": [controller_reference(owner)],
    }
    for field in ("labels", "annotations"):
        if given.get(field):
            metadata[field] = dict(given[field])
    if given.get("finalizers"):
        metadata["finalizers"] = list(given["finalizers"])
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": dict(template.get("spec") or {})}


def make_pod(stateful_set: Json, template: Json, revision: str, ordinal: int) -> Json:
    """Make the pod of an ordinal from the template of a revision."""
    pod = pod_from_template(template, stateful_set)
    metadata, spec = pod["metadata"], pod["spec"]
    metadata["name"] = name = f"{stateful_set['metadata']['name']}-{ordinal}"
    labels = {**metadata.get("labels", {}), _NAME_LABEL: name, _INDEX_LABEL: str(ordinal), REVISION_LABEL: revision}
    metadata["labels"] = labels
    spec["hostname"] = name
    if stateful_set["spec"].get("serviceName"):
        spec["subdomain"] = stateful_set["spec"]["serviceName"]
    volumes = _volumes(stateful_set, ordinal, spec.get("volumes") or ())
    if volumes:
        spec["volumes"] = volumes
    return pod


def claims_of(stateful_set: Json, ordinal: int) -> list[Json]:
    """Make the claims of the pod of an ordinal, one for each claim template."""
    selector = stateful_set["spec"].get("selector") or {}
    made = []
    for template in stateful_set["spec"].get("volumeClaimTemplates") or ():
        given = template["metadata"]
        metadata: Json = {
            "name": _claim_name(stateful_set, template, ordinal),
            "namespace": stateful_set["metadata"]["namespace"],
            "labels": {**(given.get("labels") or {}), **(selector.get("matchLabels") or {})},
        }
        if given.get("annotations"):
            metadata["annotations"] = dict(given["annotations"])
        made.append(
            {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": template["spec"]}
        )
    return made


def is_identified(pod: Json) -> bool:
    """Tell whether the pod carries the label with its own name."""
    name = pod["metadata"]["name"]
    return bool((pod["metadata"].get("labels") or {}).get(_NAME_LABEL) == name)


def uses_claims(stateful_set: Json, pod: Json) -> bool:
    """Tell whether the pod's volumes are the claims that the set made for it."""
    templates = stateful_set["spec"].get("volumeClaimTemplates")
    if not templates:
        return True
    ordinal = ordinal_of(pod["metadata"]["name"])[1]
    have = {
        volume["name"]: (volume.get("persistentVolumeClaim") or {}).get("claimName")
        for volume in pod["spec"].get("volumes") or ()
    }
    return all(have.get(each["metadata"]["name"]) == _claim_name(stateful_set, each, ordinal) for each in templates)


def mended(stateful_set: Json, pod: Json) -> Json:
    """Return the pod with the labels of its identity and the volumes of its claims."""
    metadata = pod["metadata"]
    ordinal = ordinal_of(metadata["name"])[1]
    labels = {**(metadata.get("labels") or {}), _NAME_LABEL: metadata["name"], _INDEX_LABEL: str(ordinal)}
    volumes = _volumes(stateful_set, ordinal, pod["spec"].get("volumes") or ())
    spec = {**pod["spec"], "volumes": volumes} if volumes else pod["spec"]
    return {**pod, "metadata": {**metadata, "labels": labels}, "spec": spec}


def _volumes(stateful_set: Json, ordinal: int, given: Sequence[Json]) -> list[Json]:
    templates = stateful_set["spec"].get("volumeClaimTemplates") or ()
    claims = [
        {
            "name": each["metadata"]["name"],
            "persistentVolumeClaim": {"claimName": _claim_name(stateful_set, each, ordinal)},
        }
        for each in templates
    ]
    claimed = {each["name"] for each in claims}
    return [*claims, *(volume for volume in given if volume["name"] not in claimed)]


def _claim_name(stateful_set: Json, template: Json, ordinal: int) -> str:
    return f"{template['metadata']['name']}-{stateful_set['metadata']['name']}-{ordinal}"
