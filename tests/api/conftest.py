"""Fixtures of the conformance cases: the two servers, and what was recorded on the real one."""

import asyncio
import json
import os
import tempfile
import threading
import time
from base64 import b64decode, b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from kdlib.sandbox import Sandbox, SandboxOptions
from kdlib.sandbox.http import Authority, server_context
from kdlib.testing import ControlPlane, ControlPlaneError, control_plane_folder


def pytest_addoption(parser):
    parser.addoption("--servers", default="sandbox,real", help="which API servers the cases run on")
    parser.addoption("--record", action="store_true", help="write down what the real API server answers")


def pytest_collection_modifyitems(config, items):
    wanted = config.getoption("--servers").split(",")
    for item in items:
        server = getattr(item, "callspec", None) and item.callspec.params.get("server")
        if server is not None and server not in wanted:
            reason = f"--servers={','.join(wanted)}"
            item.add_marker(pytest.mark.skip(reason=reason))  # who names servers asks to leave out the others


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
        pytest.skip(str(error))  # no binaries on this machine: the error says which; .ci/run builds them
    with plane, tempfile.TemporaryDirectory() as folder:
        yield credentials(plane.kubeconfig, Path(folder))


@pytest.fixture(scope="session")
def recorded_folder():
    return Path(__file__).parent / "recorded"


class Reviewer(BaseHTTPRequestHandler):
    """An admission webhook whose path says what it answers."""

    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = {"uid": review["request"]["uid"], "allowed": True}
        match self.path.partition("?")[0]:
            case "/deny":
                answer |= {"allowed": False, "status": {"message": "not in my house"}}
            case "/deny-with-code":
                answer |= {"allowed": False, "status": {"code": 409, "reason": "Conflict", "message": "not now"}}
            case "/warn":
                answer |= {"warnings": ["be careful", "be very careful"]}
            case "/mutate":
                patch = [{"op": "add", "path": "/metadata/labels", "value": {"mutated": "yes"}}]
                answer |= {"patchType": "JSONPatch", "patch": b64encode(json.dumps(patch).encode()).decode()}
            case "/mutate-badly":
                patch = [{"op": "add", "path": "/metadata/labels", "value": {"not valid": "yes"}}]
                answer |= {"patchType": "JSONPatch", "patch": b64encode(json.dumps(patch).encode()).decode()}
            case "/say":
                request = review["request"]
                told = {key: request.get(key) for key in ("operation", "name", "namespace", "dryRun", "subResource")}
                told |= {key: (request.get(key) or {}).get("kind") for key in ("kind", "object", "oldObject")}
                answer |= {"allowed": False, "status": {"message": json.dumps(told, sort_keys=True)}}
            case "/broken":
                self.send_error(500)
                return
            case "/slow":
                time.sleep(3)  # the case is about a webhook that answers too late: the lateness itself
        data = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def reviewer():
    """Run the webhooks; return their URL and the authority to check them against, in base64."""
    authority = Authority("webhooks")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Reviewer)
    server.socket = server_context(authority, "127.0.0.1").wrap_socket(server.socket, server_side=True)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield {
        "hook": f"https://127.0.0.1:{server.server_port}",
        "hookca": b64encode(authority.certificate.encode()).decode(),
    }
    server.shutdown()
    serving.join()
    server.server_close()
