"""What slips through a race harms no cluster: it runs from its own copy of the app, with a webhook and without."""

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from kdlib import admission, packages
from kdlib.errors import ApiError, NotFoundError
from kdlib.frozen import dig
from kdlib.wire import KD_APP, KD_CLUSTER, POD, Ref, Request

APP = Ref(KD_APP, "default", "shell")
SYSTEM = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kubedirector"}}
SHELL = Path(__file__).parents[1] / "apps" / "shell"
PATIENCE_SECONDS = 90
WITHOUT = ("--no-webhook",)


async def until_asked(world):
    """Wait until the API server asks, and is answered."""
    for ref in admission.registered_refs():
        await world.until(ref, lambda found: found is not None)
    metadata = {"name": "asking", "namespace": "default"}
    cluster = packages.load(SHELL / "cluster.yaml")[0].value | {"metadata": metadata}
    cluster["spec"] = {**cluster["spec"], "app": "no-such-app"}
    request = Request("POST", KD_CLUSTER.path("default"), query={"dryRun": "All"}, body=cluster)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                await world.api.transport.request(request)
            except ApiError as error:
                if "denied the request" in str(error):
                    return
            await asyncio.sleep(0.05)


@pytest.fixture(params=["with webhook", "without webhook"])
async def start(request, world, make_daemon, tmp_path):
    """Return how to start a daemon; each one serves the webhook or none does."""
    arguments, daemons = WITHOUT, []
    if request.param == "with webhook":
        await world.api.create(SYSTEM)
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        url = f"https://127.0.0.1:{port}"
        arguments = ("--webhook-url", url, "--webhook-host", "127.0.0.1", "--webhook-port", str(port))

    async def started():
        daemon = make_daemon(world.kubeconfig, tmp_path / "kdd.log", *arguments)
        daemons.append(daemon)
        await daemon.start()
        if arguments != WITHOUT:
            await until_asked(world)
        return daemon

    yield started
    for daemon in daemons:
        daemon.kill()
        await daemon.gone()


class Storage:
    """Writes as those are stored whose review was answered a moment too early: nobody is asked any more."""

    def __init__(self, registry):
        self._registry = registry

    def change(self, ref, patch):
        self._registry.patch(ref.kind, ref.namespace, ref.name, patch)

    def take_away(self, ref):
        """Delete an object whoever holds it: one that is on its way out gets no further finalizer."""
        self._registry.delete(ref.kind, ref.namespace, ref.name)
        with suppress(NotFoundError):
            self.change(ref, {"metadata": {"finalizers": None}})


@pytest.fixture
def storage(world):
    return Storage(world.sandbox.registry)


async def lives(world, cluster):
    """Return what tells that a pod is the same one, for each member."""
    pods = [member["pod"] for member in world.members_of(await world.api.get(cluster))]
    found = [await world.api.get(Ref(POD, "default", pod)) for pod in pods]
    return {
        pod["metadata"]["uid"]: [dig(item, "containerID") for item in pod["status"]["containerStatuses"]]
        for pod in found
    }


async def test_a_cluster_outlives_its_app_and_grows_and_heals_without_it(world, shell, cluster, start, storage):
    daemon = await start()
    await world.apply(shell / "app.yaml")
    await world.apply(shell / "cluster.yaml")
    await world.until_configured(cluster, 3)
    before = await lives(world, cluster)
    storage.take_away(APP)
    assert not await world.exists(APP)

    await world.resize(cluster, "tail", 3)
    grown = await world.until_configured(cluster, 4)
    assert before.items() <= (await lives(world, cluster)).items()

    daemon.kill()
    await daemon.gone()
    await start()
    lost = world.members_of(grown, "head")[0]["pod"]
    uid = (await world.api.get(Ref(POD, "default", lost)))["metadata"]["uid"]
    await world.api.delete(Ref(POD, "default", lost))
    await world.until(Ref(POD, "default", lost), lambda found: found and found["metadata"]["uid"] != uid)
    await world.resize(cluster, "tail", 1)
    await world.until_configured(cluster, 2)

    await world.api.delete(cluster)
    await world.until(cluster, lambda found: found is None)
    await world.until_nothing_is_left(cluster)


async def test_an_app_changed_under_a_cluster_changes_nothing_in_it(world, shell, cluster, start, storage):
    daemon = await start()
    await world.apply(shell / "app.yaml")
    await world.apply(shell / "cluster.yaml")
    await world.until_configured(cluster, 3)
    before = await lives(world, cluster)
    other = {"roles": [{"id": "nose", "cardinality": "5"}], "config": {"selectedRoles": ["nose"], "roleServices": []}}
    storage.change(APP, {"spec": {"distroID": "test/other", "defaultImageRepoTag": "no/image:0", **other}})

    daemon.kill()
    await daemon.gone()
    await start()
    await world.resize(cluster, "tail", 3)
    await world.until_configured(cluster, 4)
    after = await lives(world, cluster)
    assert before.items() <= after.items()
    images = {
        container["image"]
        for member in world.members_of(await world.api.get(cluster))
        for container in (await world.api.get(Ref(POD, "default", member["pod"])))["spec"]["containers"]
    }
    assert images == {"test/shell:1"}


async def make_and_unmake(world, app, cluster, *, app_first):
    """Create a cluster while its app is deleted; what is refused is refused."""

    async def make():
        with suppress(ApiError):
            await world.api.create(cluster)

    async def unmake():
        with suppress(ApiError):
            await world.api.delete(app)

    works = (unmake(), make()) if app_first else (make(), unmake())
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(work)


async def test_a_cluster_made_while_its_app_is_deleted_comes_up_or_waits_for_the_app(world, shell, start):
    await start()
    app, cluster = (packages.load(shell / name)[0].value for name in ("app.yaml", "cluster.yaml"))
    small = [{**role, "members": 1} for role in cluster["spec"]["roles"]]
    apps, pairs = [], []
    for number in range(6):
        name = f"race-{number}"
        metadata = {"name": name, "namespace": "default"}
        apps.append({**app, "metadata": metadata})
        await world.api.create(apps[-1])
        made = {**cluster, "metadata": metadata, "spec": {**cluster["spec"], "app": name, "roles": small}}
        pairs.append((Ref(KD_APP, "default", name), made))
    async with asyncio.TaskGroup() as group:
        for number, (ref, made) in enumerate(pairs):
            group.create_task(make_and_unmake(world, ref, made, app_first=bool(number % 2)))

    stored = [item["metadata"]["name"] for item in (await world.api.list(KD_CLUSTER)).items]
    for name in stored:
        await world.until(
            Ref(KD_CLUSTER, "default", name),
            lambda found: (
                world.is_configured(found, 2)
                or any(
                    item["type"] == "Stalled" and "does not exist" in item["message"]
                    for item in dig(found, "status", "conditions", default=[])
                )
            ),
        )
    # An app that a cluster runs from is on its way out and stays until then; one that is gone comes back.
    gone = {item["metadata"]["name"] for item in apps}
    gone -= {item["metadata"]["name"] for item in (await world.api.list(KD_APP)).items}
    for item in apps:
        if item["metadata"]["name"] in gone:
            await world.api.create(item)
    for name in stored:
        await world.until_configured(Ref(KD_CLUSTER, "default", name), 2)
