"""The pytest plugin: one fixture, `cluster`, over the back end that `--kube` chooses.

Nothing but pytest is imported before a test asks for the fixture.

Layer: shell.
"""

import importlib.util
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Shared"]

_BACKENDS = ("sandbox", "control-plane", "kind", "context")
_KEPT = "kubedirector-testing"
_MOST_NAME = 40
_NEEDS_ASYNCIO = "the fixture `cluster` needs pytest-asyncio: pip install 'kubedirector[testing]'"
_opened = pytest.StashKey[Any]()
_shared = pytest.StashKey["Shared"]()


class Shared:
    """What the processes of one run share; the process that made it removes it at the end."""

    def __init__(self, config: pytest.Config) -> None:
        given = getattr(config, "workerinput", {}).get("kube_shared")
        self._is_owner = given is None
        self.keep: bool = config.getoption("--kube-keep")
        self._images = tuple(config.getoption("--kube-image"))
        self.folder = Path(given["folder"] if given else tempfile.mkdtemp(prefix="kubedirector-testing-"))
        self.name: str = given["name"] if given else _KEPT if self.keep else f"{_KEPT}-{secrets.token_hex(4)}"

    def given(self) -> dict[str, str]:
        """Return what a worker is to know."""
        return {"folder": str(self.folder), "name": self.name}

    def kind(self) -> Any:
        """Return the kind cluster of the run."""
        from kdlib.testing.kind import KindCluster

        return KindCluster(self.name, self.folder / "kind", images=self._images, keep=self.keep)

    def close(self) -> None:
        """Remove what was made, if this process is the one to do so."""
        if not self._is_owner:
            return
        try:
            if (self.folder / "kind").exists():
                self.kind().close()
        finally:
            shutil.rmtree(self.folder)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, all of which begin with --kube."""
    group = parser.getgroup("kubedirector", "Kubernetes for tests (fixture `cluster`)")
    group.addoption(
        "--kube", choices=_BACKENDS, default="sandbox", help="what the fixture `cluster` runs on (default: sandbox)"
    )
    group.addoption(
        "--kube-context", metavar="NAME", help="with --kube=context: the context (default: the current one)"
    )
    group.addoption(
        "--kube-config",
        metavar="FILE",
        help="with --kube=context: the kubeconfig (default: KUBECONFIG, ~/.kube/config)",
    )
    group.addoption(
        "--kube-keep",
        action="store_true",
        help=f"with --kube=kind: keep the cluster as {_KEPT!r}, and take it up again",
    )
    group.addoption(
        "--kube-image",
        metavar="IMAGE",
        action="append",
        default=[],
        help="with --kube=kind: load this image (repeatable)",
    )
    group.addoption(
        "--kube-node",
        choices=("hollow", "processes"),
        default="hollow",
        help="with --kube=sandbox: pods are hollow, or processes of this machine (default: hollow)",
    )
    group.addoption(
        "--kube-patience", metavar="SECONDS", type=float, default=30.0, help="how long `eventually` waits (default: 30)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Meet with the other processes of the run, where there is something to share."""
    if config.getoption("--kube") == "kind":
        config.stash[_shared] = Shared(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what the run shared: workers have ended by now."""
    shared = config.stash.get(_shared, None)
    if shared is None:
        return
    from kdlib.errors import KubeDirectorError

    try:
        shared.close()
    except KubeDirectorError as error:
        config.get_terminal_writer().line(f"kube: the cluster {shared.name!r} was not removed: {error}", red=True)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where the processes of the run meet."""
    shared = node.config.stash.get(_shared, None)
    if shared is not None:
        node.workerinput["kube_shared"] = shared.given()


def pytest_report_header(config: pytest.Config) -> str:
    """Say on what the fixture `cluster` runs."""
    return f"kube: {config.getoption('--kube')}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Put objects, Events and logs of a failed test into its report, before anything of it is removed."""
    report: Any = yield
    opened = item.stash.get(_opened, None)
    if report.failed and report.when == "call" and opened is not None:
        report.sections += _sections(*opened)
    return report


def _sections(server: Any, cluster: Any) -> Iterator[tuple[str, str]]:
    from kdlib.errors import KubeDirectorError
    from kdlib.testing.reports import events_text, log_tail, objects_text

    where = f"{cluster.backend}, namespace {cluster.namespace}"
    try:
        objects = server.namespaces.objects(cluster.namespace)
    except KubeDirectorError as error:
        yield f"Kubernetes objects on {where}", f"cannot be listed: {error}"
    else:
        yield f"Kubernetes objects on {where}", objects_text(objects) or "(none)"
        yield f"Kubernetes Events on {where}", events_text(objects) or "(none)"
    for command, log in cluster.logs.items():
        yield f"log of {command}", log_tail(log.read_text(errors="replace")) if log.exists() else "(it never started)"


@pytest.fixture(scope="session")
def kube_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Serve the Kubernetes cluster of the session; tests take the fixture `cluster`."""
    from kdlib.errors import KubeDirectorError

    if not request.config.pluginmanager.hasplugin("asyncio"):
        pytest.fail(_NEEDS_ASYNCIO, pytrace=False)
    opening = _backend(request.config, tmp_path_factory.mktemp("kube"))
    try:
        server = opening.__enter__()
    except KubeDirectorError as error:
        pytest.fail(f"--kube={request.config.getoption('--kube')}: {error}", pytrace=False)
    try:
        yield server
    finally:
        opening.__exit__(None, None, None)


def _backend(config: pytest.Config, scratch: Path) -> AbstractContextManager[Any]:
    from kdlib.testing import backends, control_plane

    match config.getoption("--kube"):
        case "sandbox":
            return backends.on_sandbox(hollow=config.getoption("--kube-node") == "hollow", scratch=scratch)
        case "control-plane":
            assets = os.environ.get("KUBEBUILDER_ASSETS")
            programs = Path(assets) if assets else control_plane.control_plane_folder(os.environ)
            return backends.on_control_plane(programs, scratch)
        case "kind":
            shared = config.stash[_shared]
            return backends.on_existing("kind", lambda: (str(shared.kind().open()), f"kind-{shared.name}"))
        case _:
            paths = config.getoption("--kube-config") or os.environ.get("KUBECONFIG") or "~/.kube/config"
            return backends.on_existing("context", lambda: (paths, config.getoption("--kube-context")))


@pytest.fixture
def kube_namespace(request: pytest.FixtureRequest, kube_server: Any) -> Iterator[str]:
    """Give a namespace of the test's own; tests take the fixture `cluster`."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:_MOST_NAME].rstrip("-")
    with kube_server.namespaces.made(f"{name or 'test'}-{secrets.token_hex(3)}") as made:
        yield made


async def _cluster(
    request: pytest.FixtureRequest, kube_server: Any, kube_namespace: str, tmp_path: Path
) -> AsyncIterator[Any]:
    """Give the Kubernetes cluster that --kube chose, with a namespace of the test's own: a KubeCluster."""
    from kdlib import kube
    from kdlib.testing.cluster import KubeCluster
    from kdlib.testing.kubeconfigs import write_for

    kubeconfig = tmp_path / "kubeconfig"
    write_for(kube_server.kubeconfig, kube_namespace, kubeconfig)
    async with kube.connect(kubeconfig=kubeconfig, user_agent="kubedirector-testing") as api:
        opened = KubeCluster(
            api,
            kube_namespace,
            backend=kube_server.backend,
            kubeconfig=kubeconfig,
            environment=os.environ,
            members=kube_server.members(kube_namespace),
            patience_seconds=request.config.getoption("--kube-patience"),
        )
        request.node.stash[_opened] = (kube_server, opened)
        yield opened
        await opened.clean()


def _needs_asyncio() -> None:
    pytest.fail(_NEEDS_ASYNCIO, pytrace=False)


def _fixture() -> Any:
    """Return the fixture as pytest-asyncio runs it in both of its modes, or one that says that it is missing."""
    if importlib.util.find_spec("pytest_asyncio") is None:
        return pytest.fixture(name="cluster")(_needs_asyncio)
    import pytest_asyncio

    return pytest_asyncio.fixture(name="cluster")(_cluster)


cluster = _fixture()
