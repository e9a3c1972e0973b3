"""What the daemon and the commands are told, one frozen value: flags first, then the environment, file, defaults.

Layer: shell.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["HttpSettings", "LeaseSettings", "Settings", "WebhookSettings", "read_settings"]


@dataclass(frozen=True)
class WebhookSettings:
    """How `kdd run` serves the admission webhook."""

    host: str = "0.0.0.0"
    """Address to listen on."""
    port: int = 8443
    """Port to listen on."""
    url: str | None = None
    """URL at which the API server reaches us from outside of its cluster; None: through the Service."""
    service: str = "kubedirector-webhook"
    """Service through which the API server reaches us, in the system namespace."""
    secret: str | None = None
    """Secret of the system namespace with a certificate that somebody else renews; None: we make and renew it."""
    certificates: Path | None = None
    """Folder with tls.crt, tls.key and ca.crt, instead of a Secret."""
    check_access: bool = True
    """Whether what a user refers to is checked against the user's own rights."""


@dataclass(frozen=True)
class HttpSettings:
    """Where /healthz, /readyz and /metrics are served, without TLS."""

    host: str = "0.0.0.0"
    """Address to listen on."""
    port: int = 60000
    """Port to listen on."""


@dataclass(frozen=True)
class LeaseSettings:
    """How daemons of one Kubernetes cluster take turns."""

    lease_seconds: int = 10
    """How long a lease must not have been renewed for another daemon to take it."""
    renew_seconds: float = 6.0
    """How long after its last renewal the daemon that has it stops acting."""
    retry_seconds: float = 1.0
    """How long to wait after a try that failed."""


@dataclass(frozen=True)
class Settings:
    """All that can be set, passed down whole."""

    cache: Path
    """Folder for image layers and the real control plane; nothing else is written outside the clone."""
    kubeconfig: str | None = None
    """Path of a kubeconfig; None: KUBECONFIG, else ~/.kube/config, else the pod's own service account."""
    contexts: tuple[str, ...] = ()
    """Contexts of the kubeconfig to look after; none: its current one."""
    kubeconfig_secrets: bool = False
    """Whether Secrets of the system namespace name further Kubernetes clusters."""
    system_namespace: str = "kubedirector"
    """Namespace of the system catalogue of apps and of the global config."""
    namespace: str | None = None
    """The one namespace that is looked after, which is then the system namespace too; None: all of them."""
    workers: int = 20
    """Passes that may run at once, for each Kubernetes cluster."""
    grace_seconds: float = 25.0
    """How long what is under way may take to its end once the daemon is told to stop."""
    log_format: str = "console"
    log_level: str = "INFO"
    http: HttpSettings | None = None
    """Where to answer questions for health and metrics; None: nowhere."""
    lease: LeaseSettings | None = None
    """How to take turns with other daemons; None: not at all, since this one is alone."""
    host: str = "kdd"
    """What the daemon calls itself in leases: the name of its pod or machine."""
    webhook: WebhookSettings | None = None
    """How to serve the webhook; None: not at all."""
    in_cluster: bool = False
    """Whether this process runs in a pod, and nothing but its service account tells which API server to use."""


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the environment: KUBEDIRECTOR_CACHE or XDG_CACHE_HOME, KUBECONFIG, MY_NAMESPACE, POD_NAME and others."""
    found = os.environ if environ is None else environ
    user = Path(found.get("HOME") or "/")
    home = Path(found.get("XDG_CACHE_HOME") or user / ".cache")
    kubeconfig = found.get("KUBECONFIG") or None
    return Settings(
        cache=Path(found.get("KUBEDIRECTOR_CACHE") or home / "kubedirector"),
        kubeconfig=kubeconfig,
        system_namespace=found.get("MY_NAMESPACE") or "kubedirector",
        host=found.get("POD_NAME") or socket.gethostname(),
        in_cluster=bool(found.get("KUBERNETES_SERVICE_HOST"))
        and kubeconfig is None
        and not (user / ".kube" / "config").exists(),
    )
