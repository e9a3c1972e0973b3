"""One undecodable, refused or unreachable thing stops only itself (law 3)."""

import asyncio

from driving import DRIVEN, campaign_app, people
from spec_values import leaves, values, with_value
from world import KD_CLUSTER, SMALL, Members, Recording

from kdlib.errors import ApiError, UnreachableError
from kdlib.wire import POD

GOOD = tuple(f"good-{number}" for number in range(4))
SHARE = 4
"""Of the wrong values, every so many-th is used."""


class Deaf(Recording):
    """A Transport over which the members of one cluster cannot be spoken to, and one kind of object is refused."""

    def __init__(self, inner, world):
        super().__init__(inner)
        self.world = world

    def exec(self, request):
        pod = self.world.registry.find(POD, request.namespace, request.pod) or {}
        if pod.get("metadata", {}).get("labels", {}).get("kubedirector.hpe.com/kdcluster") == "mute":
            raise UnreachableError("mute")
        return super().exec(request)


def cluster(name, app="plain", **changes):
    role = {"id": "tail", "members": 1, "resources": SMALL}
    spec = {"app": app, "serviceType": "ClusterIP", "roles": [role], **changes}
    metadata = {"namespace": DRIVEN, "name": name}
    return {"apiVersion": KD_CLUSTER.api_version, "kind": KD_CLUSTER.name, "metadata": metadata, "spec": spec}


def broken(registry):
    """Store clusters that are wrong in one field each, as far as the schema lets them pass; return how many."""
    found = [leaf for leaf in leaves() if "affinity" not in leaf.path]
    wrong = [(leaf, value) for leaf in found for value in values(leaf)[1:] if value is not None]
    stored = 0
    for number, (leaf, value) in enumerate(wrong[::SHARE]):
        given = cluster(f"broken-{number}")
        try:
            registry.create({**given, "spec": with_value(given["spec"], leaf, value)})
        except ApiError:
            continue
        stored += 1
    return stored


def configured_after(play, *, neighbours):
    """Return after how many seconds each of the good clusters was configured."""
    found = {}

    async def scenario(world):
        world.create(*people())
        begun = {}

        def look(_, obj):
            name = obj["metadata"].get("name")
            state = (obj.get("status") or {}).get("state")
            if obj["kind"] == KD_CLUSTER.name and name in begun and name not in found and state == "configured":
                found[name] = round(world.time.seconds - begun[name], 3)

        end = world.registry.subscribe(look)
        async with world.operating(Deaf(world.transport(), world)):
            if neighbours:
                made = campaign_app("wrong")
                bad = {**made, "metadata": {**made["metadata"], "namespace": DRIVEN}}
                bad["spec"] = {**bad["spec"], "roles": [{"id": "tail", "cardinality": "9999999999999999999999"}]}
                world.create(bad, cluster("of-the-wrong", app="wrong"), cluster("mute"))
                assert broken(world.registry) > 20
            for name in GOOD:
                begun[name] = world.time.seconds
                world.create(cluster(name))
            await world.until(lambda: set(found) == set(GOOD), 120)
            await asyncio.sleep(60)
            assert all(world.registry.get(KD_CLUSTER, DRIVEN, name)["status"]["state"] == "configured" for name in GOOD)
        end()

    play(scenario, Members())
    return found


def test_clusters_beside_broken_ones_are_configured_as_soon_as_without_them(play):
    assert configured_after(play, neighbours=True) == configured_after(play, neighbours=False)
