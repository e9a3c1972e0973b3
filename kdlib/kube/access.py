"""Who we are to one API server: its address, its certificate authority, our credentials.

kubernetes-asyncio reads kubeconfig files and service accounts; it is imported on first use, since it costs 0.8 s and
40 MiB, which code that runs over another transport need not pay.

Layer: shell.
"""

import asyncio
import base64
import binascii
import os
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from kdlib.errors import Problem, RefusedError, UnreachableError
from kdlib.kube.kubeconfig import check_kubeconfig

__all__ = ["Access", "load_access", "refusing"]

_FILES = ("certificate-authority", "client-certificate", "client-key")
_REMEDY = "try it with kubectl cluster-info, and correct it"


class Access:
    """Credentials for one API server, in the form of kubernetes-asyncio's `Configuration`.

    Guarantees: certificates and keys that a kubeconfig holds inline are never written to a disk.
    """

    def __init__(
        self,
        configuration: Any,
        *,
        name: str = "",
        reload: Callable[[], Awaitable[None]] | None = None,
        descriptors: tuple[int, ...] = (),
    ) -> None:
        self.configuration = configuration
        self.name = name or str(configuration.host)
        self._reload = reload
        self._descriptors = descriptors
        self._lock = asyncio.Lock()
        self._renewed_at = -60.0

    async def headers(self) -> Mapping[str, str]:
        """Return the headers that prove who we are; a service account's token is read anew once a minute."""
        settings = await self.configuration.auth_settings()
        return {item["key"]: item["value"] for item in settings.values() if item["value"]}

    async def renew(self, refused: Mapping[str, str], *, timeout_seconds: float = 30.0) -> bool:
        """Obtain new credentials after the server answered 401 to `refused`; tell whether there are any.

        Runs credential plugins and reads token files again, at most once in 10 s; raises UnreachableError or
        TimeoutError where that fails.
        """
        if self._reload is None:
            return False
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if await self.headers() == refused and now - self._renewed_at >= 10.0:
                self._renewed_at = now
                try:
                    async with asyncio.timeout(timeout_seconds):
                        await self._reload()
                except RefusedError as error:
                    raise UnreachableError(f"{self.name}: no new credentials: {error}") from error
            return await self.headers() != refused

    def close(self) -> None:
        """Forget inline certificates and keys."""
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors = ()


async def load_access(
    *,
    kubeconfig: str | Path | None = None,
    context: str | None = None,
    in_cluster: bool | None = None,
) -> Access:
    """Read credentials from a kubeconfig, or from the service account of the pod that we run in.

    Without arguments the default kubeconfig is taken if it exists, else the service account. Raises RefusedError where
    what is found cannot be used. See
    https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/.
    """
    from kubernetes_asyncio.config import kube_config

    paths = str(kubeconfig or kube_config.KUBE_CONFIG_DEFAULT_LOCATION)
    if in_cluster is None:
        in_cluster = kubeconfig is None and context is None and not _any_exists(paths)
    subject = "service account" if in_cluster else f'kubeconfig "{paths}"'
    with refusing(subject, context or "credentials"):
        return _service_account() if in_cluster else await _from_files(paths, context)


def _any_exists(paths: str) -> bool:
    return any(Path(path).expanduser().exists() for path in paths.split(os.pathsep) if path)


@contextmanager
def refusing(subject: str, path: str) -> Generator[None]:
    """Turn whatever the reading of credentials raises into a refusal that names the source."""
    from kubernetes_asyncio.config import ConfigException

    try:
        yield
    except (ConfigException, yaml.YAMLError, binascii.Error, OSError) as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise RefusedError(subject, [Problem(path, f"cannot be used: {words}", _REMEDY)]) from error
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise RefusedError(subject, [Problem(path, f"is malformed: {error!r}", _REMEDY)]) from error


def _service_account() -> Access:
    from kubernetes_asyncio import client, config

    configuration = client.Configuration()
    load: Any = config.load_incluster_config
    load(client_configuration=configuration)
    return Access(configuration)


async def _from_files(paths: str, context: str | None) -> Access:
    from kubernetes_asyncio import client
    from kubernetes_asyncio.config import kube_config

    context = check_kubeconfig(paths, context, datetime.now(UTC))
    merged: Any = kube_config.KubeConfigMerger(paths).config
    descriptors: list[int] = []
    for section, key in (("clusters", "cluster"), ("users", "user")):
        for entry in merged.value[section]:
            descriptors.extend(_kept_in_memory(entry.value.get(key) or {}))
    _give_a_user(merged.value, context, kube_config.ConfigNode)
    loader = kube_config.KubeConfigLoader(merged, active_context=context, config_base_path=None)
    configuration = client.Configuration()
    # Kubernetes' own tools accept authorities without the key identifiers that newer Pythons insist on.
    configuration.disable_strict_ssl_verification = True

    async def reload() -> None:
        with refusing(f'kubeconfig "{paths}"', context or "credentials"):
            await loader.load_and_set(configuration)

    name = str((loader.current_context or {}).get("name", ""))
    access = Access(configuration, name=name, reload=reload, descriptors=tuple(descriptors))
    try:
        await reload()
    except BaseException:
        access.close()
        raise
    return access


def _give_a_user(merged: dict[str, Any], context: str, node: Any) -> None:
    """Let a context without user have an empty one: kubernetes-asyncio cannot do without, kubectl can."""
    used = next(entry.value["context"] for entry in merged["contexts"] if entry.value["name"] == context)
    if not used.get("user"):
        used["user"] = "(nobody)"
        merged["users"].append(node("nobody", {"name": "(nobody)", "user": {}}))


def _kept_in_memory(entry: dict[str, Any]) -> list[int]:
    """Replace inline certificates and keys by anonymous files in memory; return their descriptors.

    The TLS library reads keys from paths only, and files on a disk would outlive a killed process.
    """
    descriptors = []
    for key in _FILES:
        data = entry.pop(f"{key}-data", None)
        if not data:
            continue
        descriptor = os.memfd_create(key)
        os.write(descriptor, base64.b64decode(data))
        entry[key] = f"/proc/self/fd/{descriptor}"
        descriptors.append(descriptor)
    return descriptors
