"""What the scenarios stand on: a sandbox with a node, the shell-only test app, and the daemon as a process."""

import asyncio
import ctypes
import json
import shutil
import signal
import socket
import sys
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from kdd.stage import install_crds
from kdlib import admission, kube, packages
from kdlib.errors import NotFoundError
from kdlib.frozen import dig
from kdlib.names import LABEL_CLUSTER
from kdlib.sandbox import Sandbox, SandboxOptions
from kdlib.wire import CONTROLLER_REVISION, EVENT, KD_CLUSTER, PERSISTENT_VOLUME_CLAIM, POD, SERVICE, STATEFUL_SET, Ref

TOP = Path(__file__).parents[2]
SHELL = TOP / "tests" / "apps" / "shell"
CHILDREN = (STATEFUL_SET, SERVICE, POD, PERSISTENT_VOLUME_CLAIM, CONTROLLER_REVISION)
PATIENCE_SECONDS = 90
PR_SET_PDEATHSIG = 1
# A runner of tests that is killed itself runs no clean-up: the kernel ends what it started.
DIE_WITH_PARENT = partial(ctypes.CDLL(None).prctl, PR_SET_PDEATHSIG, signal.SIGKILL)
PROCESS_1 = "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"


class Daemon:
    """`kdd run` as a process of its own, which a test starts and kills."""

    def __init__(self, kubeconfig, log, *arguments):
        self._kubeconfig = kubeconfig
        self._log = log
        self._arguments = arguments
        self._process = None

    async def start(self):
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "kdd", "run", "--kubeconfig", str(self._kubeconfig), *self._arguments),
                stdout=log,
                stderr=log,
                preexec_fn=DIE_WITH_PARENT,
            )

    def kill(self):
        """End it without any warning."""
        self.send(signal.SIGKILL)

    def send(self, number):
        """Send it a signal, unless it is gone."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    async def gone(self):
        """Wait for its end; return its exit code."""
        return await self._process.wait() if self._process is not None else None

    @property
    def log(self):
        return self._log.read_text(errors="replace")


class World:
    """The sandbox, seen by a user with kubectl's rights."""

    def __init__(self, sandbox, api, kubeconfig):
        self.sandbox = sandbox
        self.api = api
        self.kubeconfig = kubeconfig

    async def apply(self, path, **changes):
        """Apply a manifest's first document into the namespace `default`, with changes to its spec."""
        found = packages.load(path)[0].value
        metadata = {"namespace": "default", **found["metadata"]}
        await self.api.apply(
            {**found, "metadata": metadata, "spec": {**found["spec"], **changes}}, field_manager="test"
        )

    async def resize(self, cluster, role, members):
        spec = (await self.api.get(cluster))["spec"]
        index = next(index for index, item in enumerate(spec["roles"]) if item["id"] == role)
        await self.api.json_patch(cluster, [{"op": "add", "path": f"/spec/roles/{index}/members", "value": members}])

    async def until(self, ref, holds, *, seconds=PATIENCE_SECONDS):
        """Wait until the object holds what is asked; fails with what it was last."""
        selection = kube.Selection(ref.kind, ref.namespace, fields=f"metadata.name={ref.name}")
        found = None
        try:
            async with asyncio.timeout(seconds):
                while True:
                    listing = await self.api.list(selection)
                    found = listing.items[0] if listing.items else None
                    if holds(found):
                        return found
                    async with self.api.watch(
                        selection, listing.resource_version, lifetime_seconds=60, idle_seconds=90
                    ) as events:
                        async for event in events:
                            if event.type in ("BOOKMARK", "ERROR"):
                                continue
                            found = None if event.type == "DELETED" else event.object
                            if holds(found):
                                return found
        except TimeoutError:
            pytest.fail(f"{ref} after {seconds} s: {json.dumps(dig(found, 'status'), indent=1)}")

    async def until_configured(self, ref, members, *, seconds=PATIENCE_SECONDS):
        return await self.until(ref, lambda found: is_configured(found, members), seconds=seconds)

    async def children(self, cluster):
        """Return the cluster's objects by kind."""
        found = {}
        for kind in CHILDREN:
            listing = await self.api.list(
                kube.Selection(kind, cluster.namespace, labels=f"{LABEL_CLUSTER}={cluster.name}")
            )
            found[kind.name] = {item["metadata"]["name"]: item for item in listing.items}
        return found

    async def until_nothing_is_left(self, cluster):
        for kind in CHILDREN:
            selection = kube.Selection(kind, cluster.namespace, labels=f"{LABEL_CLUSTER}={cluster.name}")
            for item in (await self.api.list(selection)).items:
                await self.until(Ref(kind, cluster.namespace, item["metadata"]["name"]), lambda found: found is None)
        assert not any((await self.children(cluster)).values())

    async def end(self, pod):
        """End process 1 of a member, and with it the very shell that does it, whose exit code is nobody's business."""
        request = kube.ExecRequest("default", pod, "app", ("sh", "-c", "kill -TERM 1"))
        async with self.api.exec(request) as stream:
            async for _ in stream:
                pass

    async def run_in(self, pod, command):
        """Run a shell command in a member; return its output."""
        request = kube.ExecRequest("default", pod, "app", ("sh", "-c", command))
        output = bytearray()
        async with self.api.exec(request) as stream:
            async for _, data in stream:
                output += data
            assert await stream.exit_code() == 0, output.decode()
        return output.decode()

    @staticmethod
    def members_of(found, role=None):
        return members_of(found, role)

    @staticmethod
    def states(found):
        """Return the states of all members."""
        return [member["state"] for member in members_of(found)]

    @staticmethod
    def is_configured(found, members):
        return is_configured(found, members)

    async def events_told(self, cluster):
        """Return, for each member of the shell app, the events that its start script was told of in this life."""
        told = {}
        for member in members_of(await self.api.get(cluster)):
            text = await self.run_in(member["pod"], "cat /var/log/shell-events.log 2>/dev/null || true")
            told[member["pod"]] = text.splitlines()
        return told

    async def until_told(self, cluster, words, *, seconds=PATIENCE_SECONDS):
        """Wait until an Event about the cluster has the words: no status waits for its Event."""
        selection = kube.Selection(EVENT, cluster.namespace)

        def tells(event):
            return event.get("regarding", {}).get("name") == cluster.name and words in event.get("note", "")

        try:
            async with asyncio.timeout(seconds):
                while True:
                    listing = await self.api.list(selection)
                    if any(map(tells, listing.items)):
                        return
                    async with self.api.watch(
                        selection, listing.resource_version, lifetime_seconds=60, idle_seconds=90
                    ) as events:
                        async for event in events:
                            if event.type == "ADDED" and tells(event.object):
                                return
        except TimeoutError:
            pytest.fail(f"no Event about {cluster} says {words!r} after {seconds} s")

    async def exists(self, ref):
        try:
            await self.api.get(ref)
        except NotFoundError:
            return False
        return True


def members_of(found, role=None):
    """Return the member statuses of one role, or of all."""
    roles = dig(found, "status", "roles", default=[])
    return [member for item in roles if role in (None, item["id"]) for member in item.get("members", [])]


def is_configured(found, members):
    """Tell whether the cluster is configured for its present spec, with so many members, all of them so."""
    if found is None:
        return False
    status = found.get("status", {})
    return (
        status.get("state") == "configured"
        and status.get("observedGeneration") == found["metadata"]["generation"]
        and len(members_of(found)) == members
        and all(member["state"] == "configured" for member in members_of(found))
    )


@pytest.fixture(scope="session")
def shell_image(tmp_path_factory):
    """Return the image of the shell-only test app: the base and its setup package."""
    image = tmp_path_factory.mktemp("shell-image")
    place = image / "layer" / "opt" / "test"
    place.mkdir(parents=True)
    (place / "shell.tgz").write_bytes(packages.pack(SHELL / "package"))
    (image / "config.json").write_text(json.dumps({"config": {"Cmd": ["sh", "-c", PROCESS_1]}}))
    yield image
    shutil.rmtree(image)


@asynccontextmanager
async def opened_world(images, folder, *, node=True):
    """Open a sandbox with the CRDs, and with a node and images or without."""
    options = SandboxOptions(images=images, node=node)
    async with Sandbox(options) as sandbox:
        kubeconfig = folder / "kubeconfig"
        sandbox.write_kubeconfig(kubeconfig)
        async with kube.connect(kubeconfig=str(kubeconfig)) as api:
            await install_crds(api)
            yield World(sandbox, api, kubeconfig)


@pytest.fixture
async def world(shell_image, tmp_path):
    async with opened_world({"test/shell:1": shell_image}, tmp_path) as opened:
        yield opened


@pytest.fixture
async def daemon(world, tmp_path):
    started = Daemon(world.kubeconfig, tmp_path / "kdd.log")
    await started.start()
    yield started
    started.kill()
    await started.gone()


@pytest.fixture
def shell():
    """Return the folder of the shell-only test app."""
    return SHELL


@pytest.fixture
def open_world(shell_image):
    """Return how to open a further world, in a folder, with further images."""
    return lambda folder, images: opened_world({"test/shell:1": shell_image, **images}, folder)


@pytest.fixture
def open_bare_world():
    """Return how to open a world without a node, in a folder: what is made there is never run."""
    return lambda folder: opened_world({}, folder, node=False)


@pytest.fixture
def make_daemon():
    """Return how to make a daemon that is not started."""
    return Daemon


@pytest.fixture
def cluster():
    return Ref(KD_CLUSTER, "default", "shell")


def _free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
async def reviewing_daemon(world, make_daemon, tmp_path):
    """Run the daemon with its webhook; what it registers is there when the test begins."""
    await world.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kubedirector"}})
    port = _free_port()
    arguments = (
        "--webhook-url",
        f"https://127.0.0.1:{port}",
        "--webhook-host",
        "127.0.0.1",
        "--webhook-port",
        str(port),
    )
    daemon = make_daemon(world.kubeconfig, tmp_path / "kdd.log", *arguments)
    await daemon.start()
    for ref in admission.registered_refs():
        await world.until(ref, lambda found: found is not None)
    yield daemon
    daemon.kill()
    await daemon.gone()


@pytest.fixture
def free_port():
    """Return how to find a port of this machine that nobody listens on."""
    return _free_port


@pytest.fixture
def make_world():
    """Return how to see any API server as a user with kubectl's rights."""
    return partial(World, None)
