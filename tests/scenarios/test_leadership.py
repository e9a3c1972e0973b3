"""Two daemons take turns: who dies, goes, stands still or is cut off is followed by the other, and never do two act."""

import asyncio
import contextlib
import signal
from datetime import timedelta

import pytest
from waiting import until

from kdlib import kube
from kdlib.names import LABEL_CLUSTER
from kdlib.sandbox import kubeconfig_text, write_private
from kdlib.wire import LEASE, STATEFUL_SET, Ref

THE_LEASE = Ref(LEASE, "kubedirector", "kubedirector")
QUICK = ("--lease-duration", "3", "--renew-deadline", "2", "--retry-period", "0.2")
ADMINS = ("system:masters",)


class Proxy:
    """A TCP proxy to the API server that can stop forwarding, and drops what it held back when it goes on."""

    def __init__(self, host, port):
        self._target = host, port
        self._open = set()
        self._serving = set()
        self.is_cut = False

    @contextlib.asynccontextmanager
    async def listening(self):
        server = await asyncio.start_server(self._accept, self._target[0], 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in self._serving:
                task.cancel()
            if self._serving:
                await asyncio.wait(self._serving)
            self.drop()

    def drop(self):
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    def _accept(self, reader, writer):
        self._open.add(writer)
        self._serving.add(asyncio.ensure_future(self._serve(reader, writer)))

    async def _serve(self, reader, writer):
        if self.is_cut:
            return
        with contextlib.suppress(OSError):
            to_server, from_server = await asyncio.open_connection(*self._target)
            self._open.add(from_server)
            # Whichever side ends first ends both.
            pumps = {
                asyncio.ensure_future(self._pump(reader, from_server)),
                asyncio.ensure_future(self._pump(to_server, writer)),
            }
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.wait(pumps)
                writer.transport.abort()
                from_server.transport.abort()

    async def _pump(self, reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                while self.is_cut:  # noqa: ASYNC110 - what is held back is never sent: the connection is dropped
                    await asyncio.sleep(0.05)
                if not writer.transport.is_closing():
                    writer.write(data)


class Pair:
    """Two daemons at one sandbox without a node, each with a name of its own in the server's log."""

    def __init__(self, world, folder, make_daemon):
        self.world, self._folder, self._make = world, folder, make_daemon
        self.daemons = {}

    async def start(self, name, *, times=QUICK, port=None):
        """Start a daemon; it reaches the API server at another port where one is given."""
        sandbox = self.world.sandbox
        url = sandbox.url if port is None else f"https://{sandbox.host}:{port}"
        client = sandbox.authority.issue(name, ADMINS)
        path = self._folder / name
        write_private(path, kubeconfig_text(name, url, authority=sandbox.authority.certificate, client=client))
        self.daemons[name] = self._make(path, self._folder / f"{name}.log", "--leader-elect", *times)
        await self.daemons[name].start()

    async def start_both(self, **options):
        """Start the first, which leads, and then the second, which stands by."""
        await self.start("first", **options)
        await self.until_leads("first")
        await self.start("second", times=options.get("times", QUICK))
        await self.until_logged("second", "stands by")

    async def until_leads(self, name):
        await self.until_logged(name, f"holds {THE_LEASE} as")

    async def until_logged(self, name, words):
        await until(lambda: words in self.daemons[name].log)

    async def until_works(self, cluster):
        """Wait until whoever leads has made the cluster's StatefulSets."""
        selection = kube.Selection(STATEFUL_SET, "default", labels=f"{LABEL_CLUSTER}={cluster.name}")

        async def made():
            return (await self.world.api.list(selection)).items

        await until(made)

    def writes(self, name, *, of_lease):
        """Return what the daemon changed, or tried to, of the lease or of anything else."""
        return [
            access
            for access in self.world.sandbox.access_log
            if access.user == name
            and access.method not in ("GET", "HEAD")
            and ("/leases" in access.path) == of_lease
            and "accessreviews" not in access.path
        ]


@pytest.fixture
async def pair(tmp_path, make_daemon, open_bare_world):
    async with open_bare_world(tmp_path) as world:
        await world.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kubedirector"}})
        opened = Pair(world, tmp_path, make_daemon)
        try:
            yield opened
        finally:
            for daemon in opened.daemons.values():
                daemon.kill()
                await daemon.gone()


async def test_after_a_hard_kill_the_other_acts_within_fifteen_seconds(pair, shell, cluster):
    await pair.start_both(times=())
    await pair.world.apply(shell / "app.yaml")
    pair.daemons["first"].kill()
    await pair.world.apply(shell / "cluster.yaml")
    await pair.until_works(cluster)
    renewed, taken = pair.writes("first", of_lease=True)[-1], pair.writes("second", of_lease=True)[0]
    acted = pair.writes("second", of_lease=False)[0]
    assert taken.at - renewed.at >= timedelta(seconds=10)
    assert acted.at - renewed.at <= timedelta(seconds=15)


async def test_after_a_graceful_stop_the_other_acts_within_two_seconds(pair, shell, cluster):
    await pair.start_both(times=())
    await pair.world.apply(shell / "app.yaml")
    await pair.world.apply(shell / "cluster.yaml")
    await pair.until_works(cluster)
    pair.daemons["first"].send(signal.SIGTERM)
    assert await pair.daemons["first"].gone() == 0
    given_back = pair.writes("first", of_lease=True)[-1]
    await pair.until_leads("second")
    assert pair.writes("second", of_lease=True)[0].at - given_back.at <= timedelta(seconds=2)


async def test_w15_a_daemon_that_was_paused_in_the_middle_of_its_work_changes_nothing_any_more(pair, shell, cluster):
    await pair.start_both()
    await pair.world.apply(shell / "app.yaml")
    paused = asyncio.Event()

    def pause(access):
        """Stop the first daemon at its first write for the cluster, when more are to follow."""
        if access.user == "first" and access.method == "PATCH" and "/leases" not in access.path:
            pair.daemons["first"].send(signal.SIGSTOP)
            paused.set()

    end = pair.world.sandbox.access_log.subscribe(pause)
    await pair.world.apply(shell / "cluster.yaml")
    async with asyncio.timeout(60):
        await paused.wait()
    end()
    await pair.until_leads("second")
    taken = pair.writes("second", of_lease=True)[0].at
    await pair.until_works(cluster)
    pair.daemons["first"].send(signal.SIGCONT)
    await pair.until_logged("first", "no more")
    await pair.world.resize(cluster, "tail", 3)
    await pair.until_logged("first", "stands by")
    assert [str(access) for access in pair.writes("first", of_lease=False) if access.at > taken] == []
    assert pair.writes("second", of_lease=False) != []


async def test_a_daemon_whose_connection_is_cut_changes_nothing_any_more(pair, shell, cluster):
    sandbox = pair.world.sandbox
    proxy = Proxy(sandbox.host, int(sandbox.url.rpartition(":")[2]))
    async with proxy.listening() as port:
        await pair.start_both(port=port)
        await pair.world.apply(shell / "app.yaml")
        await pair.world.apply(shell / "cluster.yaml")
        await pair.until_works(cluster)
        proxy.is_cut = True
        await pair.until_leads("second")
        taken = pair.writes("second", of_lease=True)[0].at
        # It learned by itself that it does not lead any more, without a word from anybody.
        await pair.until_logged("first", "was not renewed in time")
        await pair.world.resize(cluster, "tail", 3)
        proxy.drop()
        proxy.is_cut = False
        await pair.until_logged("first", "stands by")
    assert [str(access) for access in pair.writes("first", of_lease=False) if access.at > taken] == []
    assert pair.writes("second", of_lease=False) != []
