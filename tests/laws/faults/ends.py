"""What there is in the end, without what differs from one run to another, and what must hold of it."""

import difflib
import json
import shlex
from base64 import b64encode
from collections import Counter

from faults.stage import KINDS, MARKER

from kdlib.graph import INTENT
from kdlib.names import LABEL_CLUSTER

HIDDEN = frozenset(
    {
        # Who made it when: the number of writes before it.
        "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "generationUID",
        # When it happened.
        "lastTransitionTime", "startTime", "startedAt", "finishedAt", "lastProbeTime",
        # Made of the pod's UID, and addresses in the order in which pods and Services came.
        "containerID", "lastConfiguredContainer", "configuringContainer", "podIP", "podIPs", "clusterIP", "clusterIPs",
        "nodePort", "volumeName", "observedGeneration",
        # Made of resource versions, and of UIDs.
        "lastConnectionHash", INTENT,
    }
)  # fmt: skip


def plain(value):
    """Return a value without what differs from run to run."""
    match value:
        case {"kind": _, "name": _, "version": _}:
            # What a cluster is connected to, by its resource version.
            return {key: value[key] for key in ("kind", "name")}
        case dict():
            return {key: plain(item) for key, item in value.items() if key not in HIDDEN}
        case list() | tuple():
            return [plain(item) for item in value]
    return value


def objects(stage):
    """Yield every object of the namespace that a cluster may own, and the cluster itself."""
    for resource in stage.world.registry.resources:
        if resource.kind.name in KINDS:
            for obj in stage.world.registry.list(resource.kind, "default"):
                if obj["metadata"]["name"] != "kubernetes":
                    yield obj


def lives(runs):
    """Return what each member's start script was asked for, in each container life: the net changes, sorted.

    How changes are put together into calls depends on when members became ready, and is left to the operator.
    """
    found = {}
    for pod, container, arguments in runs:
        of_pod = found.setdefault(pod, {})
        of_pod.setdefault(container, []).extend(changes(arguments))
    return {pod: [sorted(runs) for runs in of_pod.values()] for pod, of_pod in sorted(found.items())}


def changes(arguments):
    """Yield what one call of a start script tells: one line for each member that comes or goes."""
    words = shlex.split(arguments)
    if "--fqdns" not in words:
        return [arguments]
    at = words.index("--fqdns")
    return [" ".join([*words[:at], name, *words[at + 2 :]]) for name in words[at + 1].split(",")]


def snapshot(stage, first_run=0):
    """Return what is there: objects, status, what members hold, and what was run in them since the step before."""
    members = {pod for pod, _, _ in stage.members.runs}
    there = {obj["metadata"]["name"] for obj in objects(stage) if obj["kind"] == "Pod"}
    return {
        "objects": {f"{obj['kind']} {obj['metadata']['name']}": plain(obj) for obj in objects(stage)},
        "runs": lives(stage.members.runs[first_run:]),
        "configmeta": {pod: plain(stage.members.configmeta(pod)) for pod in sorted(members & there)},
        "came": dict(sorted(stage.came.items())),
        "went": dict(sorted(stage.went.items())),
    }


def broken_laws(stage):
    """Yield every law that what is there, and what was said on the way, breaks."""
    yield from orphans(stage)
    yield from leaks(stage)
    yield from (f"a defect was logged: {text}" for text in stage.log.defects)


def doubled(stage, first_run):
    """Yield what a start script was asked for twice in one container life since the step before."""
    for pod, of_pod in lives(stage.members.runs[first_run:]).items():
        for change, count in (item for runs in of_pod for item in Counter(runs).items()):
            if count > 1:
                yield f"{pod} was told {count} times in one container life: {change}"


def orphans(stage):
    """Yield objects with our label whose owner is not there."""
    there = list(objects(stage))
    owners = {obj["metadata"]["uid"] for obj in there}
    for obj in there:
        metadata = obj["metadata"]
        is_owned = LABEL_CLUSTER in (metadata.get("labels") or {}) and obj["kind"] not in stage.ownerless
        if is_owned and not metadata.get("deletionTimestamp"):
            named = {reference["uid"] for reference in metadata.get("ownerReferences") or ()}
            if not named or not named <= owners:
                yield f"{obj['kind']} {metadata['name']} is an orphan"


def leaks(stage):
    """Yield where a secret value stands that it must not reach: log, Events, conditions and words of the status."""
    registry, secrets = stage.world.registry, {MARKER, b64encode(MARKER.encode()).decode(), *tokens(stage)}
    events = [
        json.dumps(obj) for res in registry.resources if res.kind.name == "Event" for obj in registry.list(res.kind)
    ]
    words = [json.dumps(untold(obj.get("status"))) for obj in objects(stage) if obj["kind"] == "KubeDirectorCluster"]
    hidden = stage.hidden_tokens()
    plain = [json.dumps(obj) for obj in objects(stage) if obj["kind"] != "Secret"]
    yield from (f"a hidden token is in {text}" for text in plain if any(token in text for token in hidden))
    secrets |= hidden
    for where, texts in (("the log", stage.log.lines), ("an Event", events), ("the status", words)):
        for text in texts:
            if any(secret in text for secret in secrets):
                yield f"a secret value is in {where}: {text}"


def tokens(stage):
    """Yield the auth tokens of all members, of whatever step."""
    return {token for obj in objects(stage) for token in found_under("authToken", obj.get("status"))}


def untold(status):
    """Return the status without auth tokens, which stand there by contract."""
    match status:
        case dict():
            return {key: untold(item) for key, item in status.items() if key != "authToken"}
        case list():
            return [untold(item) for item in status]
    return status


def found_under(key, value):
    """Yield every text that stands under a key, however deep."""
    match value:
        case dict():
            for name, item in value.items():
                yield from [item] if name == key else found_under(key, item)
        case list():
            for item in value:
                yield from found_under(key, item)


def difference(expected, found, lines=60):
    """Return in lines how what was found differs from what was expected."""
    texts = [json.dumps(value, indent=1, sort_keys=True, default=str).splitlines() for value in (expected, found)]
    told = list(difflib.unified_diff(*texts, "without fault", "with it", n=2, lineterm=""))
    return "\n".join(told[:lines] + (["..."] if len(told) > lines else []))
