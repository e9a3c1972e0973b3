"""The demo, as a user runs it: it comes out well, and leaves nothing however it ends."""

import asyncio
import ctypes
import os
import signal
import sys
import uuid
from pathlib import Path

import pytest

from kdd.data import catalog, examples
from kdd.image import app_image
from kdd.settings import read_settings
from kdlib.wire import KD_CLUSTER, Ref

MARK = "KUBEDIRECTOR_TEST_MARK"
MEMBERS = 14
PRCTL, PR_SET_PDEATHSIG = ctypes.CDLL(None).prctl, 1


def as_child_of_a_test():
    """Take Ctrl-C, which a runner of tests may ignore; end with the runner, however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    PRCTL(PR_SET_PDEATHSIG, signal.SIGKILL)


class Demo:
    """`kdd demo` as a process; what it starts is known by a mark in the environment."""

    def __init__(self, mark):
        self.mark = mark
        self.lines = []

    async def start(self, *options):
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "kdd", "demo", *options),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, MARK: self.mark, "COLUMNS": "120"},
            preexec_fn=as_child_of_a_test,
        )

    async def read_until(self, words):
        """Read lines until one holds the words; fails if the demo ends before."""
        async for line in self.process.stdout:
            self.lines.append(line.decode().rstrip())
            if words and words in self.lines[-1]:
                return
        if words:
            pytest.fail(f"{words!r} was never said:\n" + "\n".join(self.lines))

    def left(self):
        """Return the command lines of what still runs and was started by this demo."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if f"{MARK}={self.mark}".encode() in (place / "environ").read_bytes():
                    found.append((place / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except (FileNotFoundError, PermissionError, ProcessLookupError):
                continue
        return found


@pytest.fixture
async def demo(request):
    started = Demo(uuid.uuid4().hex)
    await app_image(catalog("dask"), read_settings().cache)
    await started.start(*getattr(request, "param", ()))
    yield started
    if started.process.returncode is None:
        started.process.kill()
    # The pipe is read to its end, which comes when nobody holds it any more.
    await started.read_until("")
    await started.process.wait()


async def test_the_demo_comes_out_as_the_story_tells(demo):
    async with asyncio.timeout(240):
        await demo.read_until("")
    told = "\n".join(demo.lines)
    assert await demo.process.wait() == 0, told
    for words in (
        "on 2 workers",
        "the dashboard answers: http://",
        "on 4 workers",
        "set up again",
        "no object of it is left",
    ):
        assert words in told
    assert demo.left() == []


@pytest.mark.parametrize(
    ("how", "ended_with"),
    [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)],
    ids=["killed", "interrupted", "terminated"],
)
@pytest.mark.parametrize("moment", ["embedded cluster at", "creating", "configured after"])
async def test_a_demo_that_is_ended_leaves_nothing(demo, how, ended_with, moment):
    async with asyncio.timeout(120):
        await demo.read_until(moment)
        demo.process.send_signal(how)
        await demo.read_until("")
        assert await demo.process.wait() == ended_with, "\n".join(demo.lines)
    assert demo.left() == []


@pytest.mark.parametrize("demo", [("--keep",)], indirect=True)
async def test_a_demo_that_is_kept_takes_its_kubeconfig_with_it(demo):
    kubeconfig = read_settings().cache / f"sandbox-{demo.process.pid}.kubeconfig"
    async with asyncio.timeout(240):
        await demo.read_until("Ctrl-C ends it")
        assert kubeconfig.exists()
        demo.process.terminate()
        await demo.read_until("")
        assert await demo.process.wait() == 143, "\n".join(demo.lines)
    assert not kubeconfig.exists()
    assert demo.left() == []


async def test_twelve_dask_workers_are_configured_within_a_minute(open_world, make_daemon, tmp_path):
    image = await app_image(catalog("dask"), read_settings().cache)
    cluster = Ref(KD_CLUSTER, "default", "dask")
    async with open_world(tmp_path, {"kubedirector/dask:2026.8": image}) as world:
        daemon = make_daemon(world.kubeconfig, tmp_path / "kdd.log")
        await daemon.start()
        try:
            await world.apply(catalog("dask") / "app.yaml")
            await world.apply(examples("dask.yaml"))
            await world.resize(cluster, "worker", 12)
            await world.until_configured(cluster, MEMBERS, seconds=60)
        finally:
            daemon.kill()
            await daemon.gone()
