"""What the tests on real nodes stand on: the daemon deployed as a pod, and clusters of the shell-only test app.

They run by `tests/lab/run` with `--kube=context`, on any Kubernetes whose one node's pods reach this machine.
"""

import functools
import http.server
import threading

import pytest
from shell_cluster import SHELL, ShellCluster, Shop

from kdlib import kube
from kdlib.wire import POD, Kind

NODE = Kind("v1", "Node", namespaced=False)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and logs nothing."""

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="session")
def packages_served(tmp_path_factory):
    """Serve setup packages to pods; gives the folder, and the port."""
    folder = tmp_path_factory.mktemp("packages")
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("0.0.0.0", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
async def address(cluster):
    """Return the address at which pods reach this machine: it is the only node."""
    (node,) = (await cluster.api.list(NODE)).items
    return next(item["address"] for item in node["status"]["addresses"] if item["type"] == "InternalIP")


@pytest.fixture
def shop(packages_served, address):
    folder, port = packages_served
    found = Shop(folder, f"http://{address}:{port}")
    found.offer("shell.tgz", SHELL / "package")
    return found


@pytest.fixture
def daemon_pods():
    """Return what selects the daemon's pods."""
    return kube.Selection(POD, "kubedirector", labels="name=kubedirector")


@pytest.fixture
def shell(cluster, shop):
    return ShellCluster(cluster, shop)
