"""The steps of a cluster's upkeep: upgrade, pause, requests, loss and restoration, neighbours."""

import asyncio
import json

from faults.steps import PACKAGE, Step, configured, made
from keeping import ANNOTATION, brought_back, lost, saved
from world import SYSTEM, app, cluster

from kdlib.names import ANNOTATION_PREFIX, LABEL_ROLE
from kdlib.report import condition
from kdlib.wire import KD_APP, KD_CLUSTER, KD_CONFIG, PERSISTENT_VOLUME_CLAIM, POD

__all__ = [
    "BIGGER",
    "DELETED_BUT_CLAIMS",
    "LOST",
    "PAUSED",
    "asked_anew",
    "backed_up",
    "connected_clusters",
    "hidden_tokens",
    "in_the_dark",
    "mended",
    "moved",
    "neighbour_grown",
    "restored",
    "resumed",
    "rolled",
    "rotated",
    "stopped",
    "tails",
    "tokens",
    "with_tokens",
]

BIGGER = {"limits": {"memory": "32Mi", "cpu": "10m"}}


def states_of(stage, name: str = "c1"):
    """Return of each member of a cluster what the status says."""
    return [member for role in stage.world.status(name).get("roles") or () for member in role["members"]]


def said(stage, kind: str):
    """Return a condition of the cluster."""
    return condition(stage.world.status(), kind)


def is_read(stage):
    """Tell whether the operator has seen the spec as it is."""
    found = stage.world.cluster()
    return found["status"].get("observedGeneration") == found["metadata"]["generation"]


# --- upgrade


def moved(name: str, end, *, tokens: bool = False, hides: bool = False):
    """Return the step in which a user moves the cluster to the app of a name, which has an image of its own."""
    image = f"test/{name}:1"

    def act(stage):
        if stage.world.registry.find(KD_APP, "default", name) is None:
            of_app = app(name, PACKAGE)
            of_app["spec"] |= {"distroID": "test/shell", "hideAuthTokens": hides}
            of_app["spec"]["services"][0]["endpoint"]["hasAuthToken"] = tokens
            stage.world.create(of_app)
        stage.before = told_tokens(stage)
        stage.patch({"spec": {"app": name}})

    return Step(act, has_rolled({"image": image}, "", end))


def rolled(fields: dict, end):
    """Return the step in which a user changes what the pods of the tails have: their resources, their image."""
    wanted = {"image": fields.get("imageRepoTag", "test/shell:1"), "resources": fields["resources"]["limits"]["memory"]}
    return Step(lambda stage: write_tail(stage, fields), has_rolled(wanted, "tail", end))


def write_tail(stage, fields):
    """Set fields of the tails in the spec."""
    head, tail = stage.world.cluster()["spec"]["roles"]
    stage.patch({"spec": {"roles": [head, {**tail, **fields}]}})


def has_rolled(wanted, role, end):
    """Return the end in which all pods of a role, or all pods, have what is wanted, and nothing is under way."""

    def rolled_out(stage):
        pods = [
            pod for pod in stage.world.registry.list(POD, "default") if role in pod["metadata"]["labels"][LABEL_ROLE]
        ]
        found = [pod["spec"]["containers"][0] for pod in pods]
        has = [{"image": item["image"], "resources": item["resources"]["limits"]["memory"]} for item in found]
        return end(stage) and not said(stage, "Upgrading") and all({**item, **wanted} == item for item in has)

    return rolled_out


def stopped(stage):
    """Tell whether an upgrade has stopped, because its first member failed."""
    return said(stage, "Upgrading").get("reason") == "UpgradeStopped"


def mended(fields: dict, end):
    """Return the step in which start scripts do well again, and the user sets the tails back."""
    back = rolled(fields, end)

    def act(stage):
        stage.members.codes = {}
        back.act(stage)

    return Step(act, back.end)


# --- pause


PAUSED = Step(
    lambda stage: stage.patch({"spec": {"paused": True}}),
    lambda stage: is_read(stage) and said(stage, "Paused").get("status") == "True",
)


def in_the_dark(**members: int):
    """Return the step in which, while the cluster is paused, its spec changes and the head's container restarts."""

    async def act(stage):
        stage.world.change(**members)
        await stage.world.node.restart("default", heads(stage)[0])

    return Step(act, PAUSED.end)


def resumed(end):
    """Return the step in which the pause ends, and all is done that was left."""

    def all_done(stage):
        return end(stage) and stage.is_set_up(heads(stage)[0])

    return Step(lambda stage: stage.patch({"spec": {"paused": None}}), all_done)


def heads(stage):
    """Return the names of the pods of heads."""
    pods = [pod["metadata"] for pod in stage.world.registry.list(POD, "default")]
    return [metadata["name"] for metadata in pods if metadata["labels"][LABEL_ROLE] == "head"]


# --- requests


def asked_anew(request: str, what, end):
    """Return the step in which a user asks by an annotation for something that every member of some gets anew.

    `what` returns by pod what is to be another one afterwards.
    """

    def act(stage):
        stage.before = what(stage)
        stage.patch({"metadata": {"annotations": {f"{ANNOTATION_PREFIX}{request}": "1"}}})

    def all_anew(stage):
        now = what(stage)
        return end(stage) and all(stage.is_set_up(pod) and now.get(pod) != old for pod, old in stage.before.items())

    return Step(act, all_anew)


def tokens(stage):
    """Return the auth tokens that every member has read of, by pod."""
    held = [json.dumps(stage.members.configmeta(member["pod"])) for member in states_of(stage)]
    found = {member["pod"]: member["authToken"] for member in states_of(stage) if member.get("authToken")}
    return {pod: token for pod, token in found.items() if all(token in text for text in held)}


def tails(stage):
    """Return the UIDs of the tails' pods by name."""
    pods = [pod["metadata"] for pod in stage.world.registry.list(POD, "default")]
    return {metadata["name"]: metadata["uid"] for metadata in pods if metadata["labels"][LABEL_ROLE] == "tail"}


def hidden_tokens():
    """Return the step in which a user makes a cluster of an app that hides the token of its head."""

    def act(stage):
        of_app, of_cluster = app("shell", PACKAGE), cluster(app="shell", tails=1)
        of_app["spec"]["services"][0]["endpoint"]["hasAuthToken"] = True
        of_app["spec"]["hideAuthTokens"] = True
        stage.world.create(of_app, of_cluster)

    return Step(act, configured(head=1, tail=1))


def rotated():
    """Return the step in which a user asks for new tokens: every member holds the one that the Secret has."""

    def act(stage):
        stage.before = told_tokens(stage)
        stage.patch({"metadata": {"annotations": {f"{ANNOTATION_PREFIX}rotate-tokens": "1"}}})

    def end(stage):
        told, is_settled = told_tokens(stage), stage.world.status()["state"] == "configured"
        return is_settled and told == stage.hidden_tokens() and not told & stage.before

    return Step(act, end)


def told_tokens(stage):
    """Return the tokens of the heads that any member has read."""
    documents = [stage.members.configmeta(member["pod"]) for member in states_of(stage)]
    heads = [document["nodegroups"]["1"]["roles"]["head"] for document in documents]
    return {head["services"]["web"]["authToken"] for head in heads}


def with_tokens(end, *, hidden: bool):
    """Return the end in which members read the tokens that they read before, and these stand where they belong."""

    def same(stage):
        shown = {member["authToken"] for member in states_of(stage) if member.get("authToken")}
        in_place = (set(), stage.before) if hidden else (stage.before, set())
        return end(stage) and told_tokens(stage) == stage.before and (shown, stage.hidden_tokens()) == in_place

    return same


# --- loss and restoration


def backed_up(step: Step):
    """Return the step with status backups switched on."""

    def act(stage):
        metadata = {"namespace": SYSTEM, "name": "kd-global-config"}
        config = {"apiVersion": KD_CONFIG.api_version, "kind": KD_CONFIG.name, "metadata": metadata}
        stage.world.create({**config, "spec": {"backupClusterStatus": True}})
        step.act(stage)

    def has_backup(stage):
        annotations = stage.world.cluster()["metadata"].get("annotations") or {}
        return step.end(stage) and annotations.get(ANNOTATION) == "true"

    return Step(act, has_backup)


async def lose(stage):
    """Save the cluster, and lose it."""
    stage.before = saved(stage.world)
    await lost(stage.world)


LOST = Step(lose, lambda stage: not stage.world.left())


def restored(*order, end):
    """Return the step in which a backup product brings the cluster back: kinds, or all kinds but the cluster."""

    async def act(stage):
        for kinds in order:
            brought_back(stage.world, stage.before, *kinds)
            await asyncio.sleep(2)

    def whole(stage):
        return end(stage) and "restoreProgress" not in stage.world.status()

    return Step(act, whole)


def delete_but_claims(stage):
    """Delete the cluster, whose claims are to stay, without an owner."""
    stage.ownerless = frozenset({PERSISTENT_VOLUME_CLAIM.name})
    stage.world.registry.delete(KD_CLUSTER, "default", "c1")


DELETED_BUT_CLAIMS = Step(
    delete_but_claims,
    lambda stage: {name.partition(" ")[0] for name in stage.world.left()} == {PERSISTENT_VOLUME_CLAIM.name},
)


# --- neighbours


def connected_clusters(events: tuple[str, ...]):
    """Return the step in which a user makes two clusters that are connected to each other."""
    first = made(1, spec={"connections": {"clusters": ["c2"]}}, events=events)

    def act(stage):
        first.act(stage)
        other = cluster("c2", app="shell", tails=0)
        other["spec"]["connections"] = {"clusters": ["c1"]}
        stage.world.create(other)

    return Step(act, lambda stage: first.end(stage) and stage.world.status("c2").get("state") == "configured")


def neighbour_grown(end):
    """Return the step in which the connected cluster gets a member more."""

    def all_know(stage):
        of_other = [member["pod"] for member in states_of(stage, "c2")]
        held = [json.dumps(stage.members.configmeta(member["pod"])) for member in states_of(stage)]
        told = all(pod in text for pod in of_other for text in held)
        return end(stage) and len(of_other) == 2 and told and stage.world.status("c2")["state"] == "configured"

    return Step(lambda stage: stage.world.change("c2", tail=1), all_know)
