"""What the daemon and the commands are told: flags first, then the environment, then defaults. One frozen value.

Layer: shell.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Settings", "read_settings"]


@dataclass(frozen=True)
class Settings:
    """All that can be set, passed down whole."""

    cache: Path
    """Folder for image layers and the real control plane; nothing else is written outside the clone."""
    kubeconfig: str | None = None
    """Path of a kubeconfig; None: KUBECONFIG, else ~/.kube/config, else the pod's own service account."""
    contexts: tuple[str, ...] = ()
    """Contexts of the kubeconfig to look after; none: its current one."""
    system_namespace: str = "kubedirector"
    """Namespace of the system catalogue of apps and of the global config."""
    workers: int = 20
    """Passes that may run at once, for each Kubernetes cluster."""
    log_format: str = "console"


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the environment: KUBEDIRECTOR_CACHE or XDG_CACHE_HOME, KUBECONFIG, MY_NAMESPACE."""
    found = os.environ if environ is None else environ
    home = Path(found.get("XDG_CACHE_HOME") or Path(found.get("HOME") or "/") / ".cache")
    return Settings(
        cache=Path(found.get("KUBEDIRECTOR_CACHE") or home / "kubedirector"),
        kubeconfig=found.get("KUBECONFIG") or None,
        system_namespace=found.get("MY_NAMESPACE") or "kubedirector",
    )
