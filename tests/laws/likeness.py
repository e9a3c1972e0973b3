"""What there is of a cluster, in words that are the same for every cluster of the same spec.

Names that the operator chose, node ids, tokens and addresses stand as what they are of (`<set of tail>`); what tells of
how a cluster came to be - generations, attempts, times, container IDs - is left out.
"""

import re

import orjson

from kdlib.graph import INTENT
from kdlib.names import LABEL_APP, LABEL_CLUSTER
from kdlib.wire import KD_CLUSTER, POD

_PASSING = frozenset({"Event", "Endpoints", "EndpointSlice", KD_CLUSTER.name})
"""Kinds that come and go with what happened, or are compared by themselves."""

_METADATA = frozenset({"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"})
_CHOSEN = frozenset(
    {
        *("clusterIP", "clusterIPs", "nodePort", "nodePorts", "healthCheckNodePort", "nodeName", "volumeName"),
        # Kubernetes chooses it by the first image, and stays with it.
        "imagePullPolicy",
    }
)
_HISTORY = frozenset(
    {
        *("generationUID", "observedGeneration", "lastTransitionTime", "lastNodeID", "nodeID", "attempt"),
        *(
            "retryHandled",
            "tokensHandled",
            "restartHandled",
            "configuringContainer",
            "lastConfiguredContainer",
            "specGenerationToProcess",
            "listedSince",
        ),
        *("lastConfigDataGeneration", "lastSetupGeneration", "configuredGeneration", "configuringGeneration"),
        *("lastConnectionVersion", "lastConnectionHash", "connectionVersion", "version", "accepted"),
    }
)
"""Fields of a status that tell how the cluster came to be what it is."""

_TOKEN = re.compile(r"kube-api-access-[a-z0-9]{5}")


def likeness(world, namespace, name="c1"):
    """Return objects by kind and name, configmeta by member, and the status, of one cluster."""
    root = world.registry.get(KD_CLUSTER, namespace, name)
    status = root.get("status") or {}
    members = [member for role in status.get("roles") or () for member in role.get("members") or ()]
    ids = {str(member["nodeID"]): f"<id of {member['pod']}>" for member in members}
    held = {member["pod"]: _with_ids(world.held(namespace, member["pod"]), ids) for member in members}
    found = {
        "objects": [_plain(obj) for obj in objects(world, namespace, name)],
        "configmeta": held,
        # A cluster that was configured once is updating for ever after, where a new one is creating.
        "status": {**_without_history(status), "state": str(status.get("state")).replace("creating", "updating")},
    }
    made = _renamed(found, _tokens(root, status))
    made["objects"] = {f"{obj['kind']} {obj['metadata']['name']}": obj for obj in made["objects"]}
    return made


def objects(world, namespace, name="c1"):
    """Return the objects of one cluster as they are stored, but for those that pass."""
    return [
        obj
        for resource in world.registry.resources
        if resource.kind.namespaced and resource.kind.name not in _PASSING
        for obj in world.registry.list(resource.kind, namespace)
        if (obj["metadata"].get("labels") or {}).get(LABEL_CLUSTER) == name and not _is_of_a_set(obj)
    ]


def differences(left, right, path=""):
    """Return where two values differ, as lines; empty where they do not."""
    match left, right:
        case dict(), dict():
            return [
                line
                for key in sorted({*left, *right}, key=str)
                for line in differences(left.get(key, "<absent>"), right.get(key, "<absent>"), f"{path}/{key}")
            ]
        case list(), list() if len(left) == len(right):
            pairs = zip(left, right, strict=True)
            return [line for index, pair in enumerate(pairs) for line in differences(*pair, f"{path}/{index}")]
    return [] if left == right else [f"{path}: {left!r:.600} and not {right!r:.600}"]


def _is_of_a_set(obj):
    """Tell whether it is a revision that the StatefulSet's own controller keeps: those remember the past."""
    owners = obj["metadata"].get("ownerReferences") or []
    return obj["kind"] == "ControllerRevision" and any(owner["kind"] == "StatefulSet" for owner in owners)


def _plain(obj):
    metadata = {key: item for key, item in obj["metadata"].items() if key not in _METADATA}
    annotations = metadata.get("annotations") or {}
    kept = {key: item for key, item in annotations.items() if key != INTENT and "pv.kubernetes.io" not in key}
    labels = {key: item for key, item in (metadata.get("labels") or {}).items() if key != "controller-revision-hash"}
    owners = [
        {key: item for key, item in owner.items() if key != "uid"} for owner in metadata.get("ownerReferences") or ()
    ]
    metadata |= {"annotations": kept, "labels": labels, "ownerReferences": owners}
    rest = {key: item for key, item in obj.items() if key not in ("metadata", "status")}
    made = {**_without_chosen(rest), "metadata": metadata}
    match obj["kind"]:
        # No set can change its selector: its pods are called after the app that it was made for (decision 13).
        case "Pod":
            labels.pop(LABEL_APP, None)
        case "StatefulSet":
            made["spec"] = _without_app(made["spec"])
    return made


def _without_app(spec):
    template = spec["template"]
    labels = [spec["selector"]["matchLabels"], template["metadata"]["labels"]]
    selected, called = ({key: item for key, item in found.items() if key != LABEL_APP} for found in labels)
    metadata = {**template["metadata"], "labels": called}
    return {**spec, "selector": {"matchLabels": selected}, "template": {**template, "metadata": metadata}}


def _without_chosen(value):
    match value:
        case dict():
            return {
                key: "<chosen>" if key in _CHOSEN and item not in ("None", ["None"]) else _without_chosen(item)
                for key, item in value.items()
            }
        case list():
            return [_without_chosen(item) for item in value]
    return value


def _without_history(value):
    match value:
        case dict():
            kept = {key: item for key, item in value.items() if key not in _HISTORY}
            return {
                key: "<cipher>" if key == "encryptedValue" else _without_history(item) for key, item in kept.items()
            }
        case list():
            return [_without_history(item) for item in value]
    return value


def _with_ids(document, ids):
    """Return configmeta with the node ids as what they are of, wherever they stand."""
    match document:
        case dict():
            return {
                key: _ids(item, ids) if key in ("id", "node_ids", "fqdn_mappings") else _with_ids(item, ids)
                for key, item in document.items()
            }
        case list():
            return [_with_ids(item, ids) for item in document]
    return document


def _ids(value, ids):
    match value:
        case dict():
            return {key: _ids(item, ids) for key, item in value.items()}
        case list():
            return [_ids(item, ids) for item in value]
    return ids.get(value, value)


def _tokens(root, status):
    metadata = root["metadata"]
    found = {metadata["uid"]: "<uid>", metadata["namespace"]: "<namespace>"}
    found[status.get("clusterService") or "?"] = "<service>"
    found[(status.get("reserved") or {}).get("appCopy") or "?"] = "<copy>"
    for role in status.get("roles") or ():
        found[role.get("statefulSet") or "?"] = f"<set of {role['id']}>"
        for member in role.get("members") or ():
            found[member.get("authToken") or "?"] = f"<token of {member['pod']}>"
    found.pop("?", None)
    return found


def _renamed(value, tokens):
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    for name in sorted(tokens, key=len, reverse=True):
        text = text.replace(name, tokens[name])
    for name in sorted(tokens, key=len, reverse=True):
        text = text.replace(name, tokens[name])
    return orjson.loads(_TOKEN.sub("kube-api-access", text))


def states(world, namespace, name="c1"):
    """Return the states of the members by role."""
    roles = (world.registry.get(KD_CLUSTER, namespace, name).get("status") or {}).get("roles") or []
    return {role["id"]: [member["state"] for member in role["members"]] for role in roles}


def pods(world, namespace):
    """Return the names of the pods of a namespace."""
    return [pod["metadata"]["name"] for pod in world.registry.list(POD, namespace)]
