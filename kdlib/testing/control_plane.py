"""A real control plane for tests: etcd, kube-apiserver and kube-controller-manager, as child processes.

It listens on 127.0.0.1 alone, keeps everything in one temporary folder, and ends with the process that started it,
however that ends. There is no scheduler and no node: who wants pods to run adds a hollow node.

Layer: shell.
"""

import contextlib
import ctypes
import http.client
import json
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from kdlib.errors import KubeDirectorError
from kdlib.sandbox import Authority, kubeconfig_text, write_private

__all__ = ["ControlPlane", "ControlPlaneError", "control_plane_folder", "die_with_parent"]

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
_SERVICE_RANGE = "10.96.0.0/16"
_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


class ControlPlaneError(KubeDirectorError):
    """A real control plane did not start; the message ends with the tail of the log that says why."""


def control_plane_folder(environment: Mapping[str, str]) -> Path:
    """Return the cache folder into which `make control-plane` puts the programs.

    Reads KUBEDIRECTOR_CACHE, XDG_CACHE_HOME and HOME of the given environment, in this order.
    """
    base = environment.get("XDG_CACHE_HOME") or str(Path(environment.get("HOME", "/")) / ".cache")
    return Path(environment.get("KUBEDIRECTOR_CACHE") or f"{base}/kubedirector") / "control-plane" / "bin"


class ControlPlane:
    """A running API server with its controllers, as a context manager; RBAC is on and the client is an admin.

    With `audits` the server writes down who asked for what; `audited` reads it.

    Guarantees: inside the context the server is ready; after it, no process and no file is left.
    Assumes: entered in the main thread, since the kernel ties children to the thread that started them.
    Raises: ControlPlaneError where a program is missing or does not become ready in `ready_seconds`.
    """

    def __init__(self, programs: Path, *, ready_seconds: float = 60.0, audits: bool = False) -> None:
        missing = [name for name in PROGRAMS[:3] if not (programs / name).exists()]
        if missing:
            raise ControlPlaneError(f"no {', '.join(missing)} in {str(programs)!r}; `make control-plane` puts it there")
        self._programs = programs
        self._ready_seconds = ready_seconds
        self._audits = audits
        self._cleanup = contextlib.ExitStack()
        self.authority = Authority("kubernetes")
        self.url = ""
        self.kubeconfig = ""

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="kubedirector-control-plane-"))
            self._folder = Path(folder)
            self._start(stack)
            self._cleanup = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    @property
    def kubectl(self) -> Path:
        """Return the path of the kubectl that came with the control plane."""
        return self._programs / "kubectl"

    @contextlib.contextmanager
    def namespace(self, name: str) -> Iterator[str]:
        """Make a namespace whose default service account is there, so that pods are let in; delete it at the end."""
        self.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        self._until(lambda: self.call("GET", account)[0] == 200, f"service account of namespace {name!r}")
        try:
            yield name
        finally:
            self.call("DELETE", f"/api/v1/namespaces/{name}")

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Send one JSON request as the admin; return code and decoded answer (text where it is not JSON)."""
        context = ssl.create_default_context(cafile=str(self._folder / "ca.crt"))
        context.load_cert_chain(self._folder / "admin.crt", self._folder / "admin.key")
        port = int(self.url.rpartition(":")[2])
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=context)
        with contextlib.closing(connection):
            headers = {"Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            data = answer.read()
        try:
            return answer.status, json.loads(data)
        except ValueError:
            return answer.status, data.decode(errors="replace")

    def audited(self, username: str) -> tuple[Any, ...]:
        """Return what a user asked for so far, as events of the server's audit log, oldest first.

        See https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/.
        """
        lines = (self._folder / "audit.log").read_bytes().splitlines()
        events = map(json.loads, lines)
        return tuple(event for event in events if event["user"].get("username") == username)

    def write_kubeconfig(self, path: Path) -> None:
        """Write the admin's kubeconfig, readable by its owner alone."""
        write_private(path, self.kubeconfig)

    def _start(self, stack: contextlib.ExitStack) -> None:
        etcd_client, etcd_peer, port, controllers = _free_ports(4)
        self.url = f"https://127.0.0.1:{port}"
        self._write_keys()
        etcd = f"http://127.0.0.1:{etcd_client}"
        self._run(stack, "etcd", self._etcd_flags(etcd, f"http://127.0.0.1:{etcd_peer}"))
        server = self._run(stack, "kube-apiserver", self._server_flags(etcd, port))
        self._until(lambda: self._is_ready(server), "kube-apiserver")
        self._run(stack, "kube-controller-manager", self._controller_flags(controllers))
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        self._until(lambda: self.call("GET", account)[0] == 200, "kube-controller-manager")

    def _write_keys(self) -> None:
        folder = self._folder
        (folder / "ca.crt").write_text(self.authority.certificate)
        hosts = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost", "127.0.0.1", "10.96.0.1")
        pairs = {
            "server": self.authority.issue("kube-apiserver", hosts=hosts),
            "admin": self.authority.issue("admin", ["system:masters"]),
            "kubelet-client": self.authority.issue("kube-apiserver-kubelet-client", ["system:masters"]),
            "controllers": self.authority.issue("system:kube-controller-manager"),
        }
        for name, pair in pairs.items():
            (folder / f"{name}.crt").write_text(pair.certificate)
            write_private(folder / f"{name}.key", pair.key)
        account = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        write_private(folder / "accounts.key", _private_pem(account))
        (folder / "accounts.pub").write_bytes(
            account.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        for name, who in (("admin", "admin"), ("controllers", "controllers")):
            text = kubeconfig_text("control-plane", self.url, authority=self.authority.certificate, client=pairs[who])
            write_private(folder / f"{name}.kubeconfig", text)
        self.kubeconfig = (folder / "admin.kubeconfig").read_text()

    def _etcd_flags(self, client: str, peer: str) -> list[str]:
        return [
            "--name=test",
            f"--data-dir={self._folder}/etcd",
            "--unsafe-no-fsync",
            "--log-level=warn",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=test={peer}",
        ]

    def _server_flags(self, etcd: str, port: int) -> list[str]:
        folder = self._folder
        return [
            f"--etcd-servers={etcd}",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            # Documentation addresses: the server refuses to advertise a loopback address, and nobody dials this one.
            "--advertise-address=192.0.2.1",
            "--endpoint-reconciler-type=none",
            f"--service-cluster-ip-range={_SERVICE_RANGE}",
            "--authorization-mode=RBAC",
            f"--client-ca-file={folder}/ca.crt",
            f"--tls-cert-file={folder}/server.crt",
            f"--tls-private-key-file={folder}/server.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={folder}/accounts.pub",
            f"--service-account-signing-key-file={folder}/accounts.key",
            "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-certificate-authority={folder}/ca.crt",
            f"--kubelet-client-certificate={folder}/kubelet-client.crt",
            f"--kubelet-client-key={folder}/kubelet-client.key",
            "--profiling=false",
            *self._audit_flags(),
        ]

    def _audit_flags(self) -> list[str]:
        if not self._audits:
            return []
        policy = self._folder / "audit-policy.yaml"
        policy.write_text(json.dumps(_AUDIT_POLICY))
        # What was answered was written down before.
        log = f"--audit-log-path={self._folder}/audit.log"
        return [f"--audit-policy-file={policy}", log, "--audit-log-mode=blocking"]

    def _controller_flags(self, port: int) -> list[str]:
        folder = self._folder
        return [
            f"--kubeconfig={folder}/controllers.kubeconfig",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            f"--cert-dir={folder}/controllers",
            "--leader-elect=false",
            # Each controller acts under its own account: the manager's own role covers only what all of them share.
            "--use-service-account-credentials=true",
            f"--service-account-private-key-file={folder}/accounts.key",
            f"--root-ca-file={folder}/ca.crt",
            "--profiling=false",
        ]

    def _run(self, stack: contextlib.ExitStack, program: str, flags: list[str]) -> subprocess.Popen[bytes]:
        with (self._folder / f"{program}.log").open("wb") as log:
            child = subprocess.Popen(
                [self._programs / program, *flags],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                # Another thread's locks may stand for ever between fork and exec; this system call takes none.
                preexec_fn=die_with_parent,  # noqa: PLW1509 - takes no lock, and nothing else outlives a killed runner
            )
        stack.callback(_end, child)
        return child

    def _is_ready(self, server: subprocess.Popen[bytes]) -> bool:
        if server.poll() is not None:
            tail = (self._folder / "kube-apiserver.log").read_text(errors="replace")[-2000:]
            raise ControlPlaneError(f"kube-apiserver ended with {server.returncode}: {tail}")
        return self.call("GET", "/readyz")[0] == 200

    def _until(self, reached: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + self._ready_seconds
        while time.monotonic() < end:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if reached():
                    return
            time.sleep(0.05)  # processes of others that start have nothing to wait for but their answers
        logs = sorted(self._folder.glob("*.log"))
        tails = "\n".join(f"{log.name}: {log.read_text(errors='replace')[-1000:]}" for log in logs)
        raise ControlPlaneError(f"{what} is not ready after {self._ready_seconds:.0f} s\n{tails}")


def die_with_parent() -> None:
    """Have the kernel end this child when the thread that started it ends; called between fork and exec."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(child: subprocess.Popen[bytes]) -> None:
    # Nothing of it is kept, so nothing has to be finished in order.
    child.kill()
    child.wait()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [int(free.getsockname()[1]) for free in sockets]


def _private_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
