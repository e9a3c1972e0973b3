"""Driving one cluster's spec through values, beside fresh clusters of the same spec in the same world."""

import copy
import json

from likeness import differences, likeness, objects
from spec_values import with_value
from world import SMALL, SYSTEM, app

from kdlib.errors import ApiError
from kdlib.report import condition
from kdlib.wire import JSON_PATCH, KD_CLUSTER, KD_CONFIG, Request

DRIVEN, FRESH = "team-driven", "team-fresh"


def spec(**changes):
    """Return the spec that every drive begins with, and ends with."""
    roles = [{"id": "head"}, {"id": "tail", "members": 2}]
    return {
        "app": "plain",
        "serviceType": "ClusterIP",
        "roles": [{"members": 1, "resources": copy.deepcopy(SMALL), **role} for role in roles],
        **changes,
    }


def emptied(given):
    """Return the spec without members."""
    made = copy.deepcopy(given)
    for role in made["roles"]:
        role["members"] = 0
    return made


def campaign_app(name):
    """Return an app in which every field of a role means something: any role may be empty, and has all there is."""
    made = app(name, package="file:///opt/test.tgz")
    changes = {
        "distroID": "test/plain",
        "version": "2" if name == "other" else "1",
        "roles": [
            {
                "id": role,
                "cardinality": "0+",
                "persistDirs": ["/data"],
                "minStorage": {"size": "1Mi", "ephemeralModeSupported": True},
            }
            for role in ("head", "tail", "third")
        ],
        "services": [{"id": "web", "label": {"name": "Web"}, "endpoint": {"port": 80, "hasAuthToken": True}}],
    }
    roles = [{"roleID": role, "serviceIDs": ["web"]} for role in ("head", "tail")]
    config = {"selectedRoles": ["head", "tail", "third"], "roleServices": roles}
    return {**made, "spec": {**made["spec"], **changes, "config": config}}


def people():
    """Return what a cluster's spec may refer to, in both namespaces."""
    metadata = {"namespace": SYSTEM, "name": "kd-global-config"}
    config = {"masterEncryptionKey": "0" * 32}
    found = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in (DRIVEN, FRESH)]
    found.append({"apiVersion": KD_CONFIG.api_version, "kind": KD_CONFIG.name, "metadata": metadata, "spec": config})
    claim = {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "standard",
    }
    for namespace in (DRIVEN, FRESH):
        found += [_in(namespace, campaign_app(name)) for name in ("plain", "other")]
        found += [_core(namespace, "Secret", name) for name in ("spark-keys", "warehouse-login")]
        found.append(_core(namespace, "ConfigMap", "spark-defaults"))
        found.append(_core(namespace, "ServiceAccount", "spark"))
        found.append({**_core(namespace, "PersistentVolumeClaim", "datasets"), "spec": claim})
    return found


def _core(namespace, kind, name):
    return {"apiVersion": "v1", "kind": kind, "metadata": {"namespace": namespace, "name": name}}


def _in(namespace, obj):
    return {**obj, "metadata": {**obj["metadata"], "namespace": namespace}}


def _class(name):
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": "sandbox",
    }


class Drive:
    """One cluster whose spec is driven, in a world with its operator."""

    def __init__(self, world, transport):
        self.world = world
        self.transport = transport
        self.fresh = {}
        self.steps = self.refusals = 0

    async def begin(self):
        """Make what specs refer to, and the cluster."""
        self.world.create(*people(), *map(_class, ("fast", "block")))
        assert await self.create(DRIVEN, spec()) is None
        await self.quiet()

    async def create(self, namespace, given):
        """Create a cluster as a user does; return the refusal, None where it was taken."""
        metadata = {"namespace": namespace, "name": "c1"}
        root = {"apiVersion": KD_CLUSTER.api_version, "kind": KD_CLUSTER.name, "metadata": metadata, "spec": given}
        return await self._asked(Request("POST", KD_CLUSTER.path(namespace), {}, root))

    async def put(self, given):
        """Replace the spec of the driven cluster; return the refusal, None where it was taken."""
        body = [{"op": "replace", "path": "/spec", "value": given}]
        return await self._asked(Request("PATCH", KD_CLUSTER.path(DRIVEN, "c1"), {}, body, JSON_PATCH))

    async def _asked(self, request):
        try:
            await self.world.user().request(request)
        except ApiError as error:
            return error
        return None

    async def quiet(self):
        """Let time pass until nothing was written and nothing was sent for a while."""
        await self.world.quiet(lambda: len(self.transport.requests))

    async def step(self, given, expected=None):
        """Drive the spec there; hold the law: as a fresh cluster of that spec, or refused and nothing changed.

        An upgrade to what cannot run stops at the first member, as a fresh cluster cannot run either. Returns whether
        the spec is in force.
        """
        self.steps += 1
        before = self._stored()
        refusal = await self.put(given)
        await self.quiet()
        words = _not_in_force(self.world, refusal)
        if words:
            self.refusals += 1
            changed = differing(before, self._stored())
            assert not changed, f"refused, and yet changed {changed}: {words}"
            return False
        other = await self._fresh(expected or given)
        assert not isinstance(other, ApiError), f"what was accepted here is refused for a fresh cluster: {other}"
        if condition(self.world.registry.get(KD_CLUSTER, DRIVEN, "c1")["status"], "Upgrading"):
            self._stopped(before, other)
            return False
        self._same(other)
        return True

    def _stopped(self, before, other):
        """Hold that just one member has what cannot run, and that nobody else went for it."""
        after = self._stored()
        gone = [key for key, pod in before.items() if key[0] == "Pod" and _uid(after.get(key)) != _uid(pod)]
        assert len(gone) == 1, f"the upgrade stopped, and these went for it: {gone}"
        assert other["status"]["state"] != "configured", "the upgrade stopped, and a fresh cluster runs"

    async def back(self):
        """Go back to the first spec, which is accepted and reached, whatever happened."""
        refusal = await self.put(spec())
        assert refusal is None, f"the way back is refused: {refusal}"
        await self.quiet()
        self._same(await self._fresh(spec()))

    async def empty(self, given):
        """Take all members away, and wait until they are gone."""
        refusal = await self.put(emptied(given))
        assert refusal is None, f"members cannot be taken away: {refusal}"
        await self.quiet()

    def _same(self, other):
        found = differences(likeness(self.world, DRIVEN), other)
        assert not found, "differs from a fresh cluster:\n" + "\n".join(found)

    def _stored(self):
        return {(obj["kind"], obj["metadata"]["name"]): obj for obj in objects(self.world, DRIVEN)}

    async def _fresh(self, given):
        """Return what a cluster that is made with this spec is like; the refusal where it cannot be made."""
        key = json.dumps(given, sort_keys=True)
        if key not in self.fresh:
            refusal = await self.create(FRESH, given)
            if refusal is not None:
                return refusal
            await self.quiet()
            words = _not_in_force(self.world, None, FRESH)
            self.fresh[key] = likeness(self.world, FRESH)
            self.world.registry.delete(KD_CLUSTER, FRESH, "c1")
            await self.quiet()
            assert objects(self.world, FRESH) == []
            assert not words, f"what was accepted here is refused for a fresh cluster: {words}"
        return self.fresh[key]


def _uid(obj):
    return obj and obj["metadata"]["uid"]


def differing(before, after):
    """Return the objects that are not the very same ones, in the very same state."""
    return sorted(key for key in {*before, *after} if before.get(key) != after.get(key))


def _not_in_force(world, refusal, namespace=DRIVEN):
    """Return why the spec is not in force, in the words of the server or of the status; empty where it is."""
    if refusal is not None:
        return str(refusal)
    root = world.registry.get(KD_CLUSTER, namespace, "c1")
    if root["spec"].get("paused"):
        return "the cluster is paused"
    for item in (root.get("status") or {}).get("conditions") or ():
        stalled = item["type"] == "Stalled" and item["status"] == "True" and item["reason"] == "Refused"
        if stalled or (item["type"] == "SpecAccepted" and item["status"] == "False"):
            return item["message"]
    return ""


async def drive_leaf(drive, leaf, found):
    """Drive one field through its values: with members, and from an empty cluster; return those that were in force."""
    given = {index: with_value(spec(), leaf, value) for index, value in enumerate(found)}
    given = {index: made for index, made in given.items() if made != spec()}
    # A default secret and a naming scheme are for what is made later (specification 1.2).
    kept = spec() if leaf.path[0] in ("defaultSecret", "namingScheme") else None
    taken = set()
    for index, made in given.items():
        if await drive.step(made, kept):
            taken.add(index)
        await drive.back()
    await drive.empty(spec())
    for index, made in given.items():
        if await drive.put(emptied(made)) is None and await drive.step(made):
            taken.add(index)
            await drive.empty(made)
    await drive.back()
    return [found[index] for index in sorted(taken)], [found[index] for index in sorted(given.keys() - taken)]
