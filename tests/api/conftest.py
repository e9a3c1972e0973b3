"""Fixtures of the conformance cases: the two servers, and what was recorded on the real one."""

import asyncio
import os
import tempfile
import threading
from base64 import b64decode
from pathlib import Path

import pytest
import yaml

from kdlib.sandbox import Sandbox, SandboxOptions
from kdlib.testing import ControlPlane, ControlPlaneError, control_plane_folder


def pytest_addoption(parser):
    parser.addoption("--servers", default="sandbox,real", help="which API servers the cases run on")
    parser.addoption("--record", action="store_true", help="write down what the real API server answers")


def pytest_collection_modifyitems(config, items):
    wanted = config.getoption("--servers").split(",")
    for item in items:
        server = getattr(item, "callspec", None) and item.callspec.params.get("server")
        if server is not None and server not in wanted:
            item.add_marker(pytest.mark.skip(reason=f"--servers={','.join(wanted)}"))


class SandboxThread:
    """A sandbox without a node, whose event loop has a thread of its own."""

    def __init__(self):
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox")

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(20), "the sandbox did not become ready"
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self):
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self):
        async with Sandbox(SandboxOptions(node=False)) as sandbox:
            self.kubeconfig = sandbox.kubeconfig
            self._ready.set()
            await self._stop.wait()


def credentials(kubeconfig, folder):
    """Write the keys of a kubeconfig to files; return the server's URL and the files."""
    document = yaml.safe_load(kubeconfig)
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    texts = {
        "ca.crt": cluster["certificate-authority-data"],
        "client.crt": user["client-certificate-data"],
        "client.key": user["client-key-data"],
    }
    for name, text in texts.items():
        (folder / name).write_bytes(b64decode(text))
    return cluster["server"], *(folder / name for name in texts)


@pytest.fixture(scope="session")
def sandbox_credentials():
    with SandboxThread() as sandbox, tempfile.TemporaryDirectory() as folder:
        yield credentials(sandbox.kubeconfig, Path(folder))


@pytest.fixture(scope="session")
def real_credentials():
    try:
        plane = ControlPlane(control_plane_folder(os.environ))
    except ControlPlaneError as error:
        pytest.skip(str(error))
    with plane, tempfile.TemporaryDirectory() as folder:
        yield credentials(plane.kubeconfig, Path(folder))


@pytest.fixture(scope="session")
def recorded_folder():
    return Path(__file__).parent / "recorded"
