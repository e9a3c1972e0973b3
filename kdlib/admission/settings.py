"""Settings of the webhook: where it is reached, where its certificates come from, and how it is registered.

Layer: pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from kdlib.frozen import Json

__all__ = ["AtUrl", "CertificateSource", "InFiles", "InService", "MadeHere", "MadeOutside", "Place", "Registration"]


@dataclass(frozen=True, slots=True)
class InService:
    """Reached by the API server through a Service: the operator runs in the Kubernetes cluster."""

    namespace: str
    name: str = "kubedirector-webhook"
    port: int = 443

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the names that the server's certificate must bear."""
        return (f"{self.name}.{self.namespace}.svc", f"{self.name}.{self.namespace}", self.name)

    def client(self, path: str) -> Json:
        """Return the `clientConfig` of one endpoint, but for its caBundle."""
        return {"service": {"namespace": self.namespace, "name": self.name, "port": self.port, "path": path}}


@dataclass(frozen=True, slots=True)
class AtUrl:
    """Reached by the API server under a host name or address: the operator runs outside.

    `url` is where reviews are sent, without a path; empty for the port that is listened on.
    """

    host: str
    url: str = ""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the names that the server's certificate must bear."""
        return (self.host,)

    def client(self, path: str) -> Json:
        """Return the `clientConfig` of one endpoint, but for its caBundle."""
        return {"url": f"{self.url.rstrip('/')}{path}"}


Place: TypeAlias = InService | AtUrl
"""Where the API server reaches the webhook."""


@dataclass(frozen=True, slots=True)
class MadeHere:
    """Certificates are made and renewed by the operator, and kept in this Secret, for all replicas."""

    namespace: str
    name: str = "kubedirector-webhook"


@dataclass(frozen=True, slots=True)
class MadeOutside:
    """Certificates are made and renewed by somebody else, such as cert-manager, in this Secret of type TLS."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class InFiles:
    """Certificates are read from `tls.crt`, `tls.key` and, where it is there, `ca.crt` of this folder."""

    folder: Path


CertificateSource: TypeAlias = MadeHere | MadeOutside | InFiles
"""Where certificates come from."""


@dataclass(frozen=True, slots=True)
class Registration:
    """How the webhook is registered with the API server.

    `name` is that of both configurations; `namespaces` is a label selector of the namespaces that are reviewed, empty
    for all; `timeout_seconds` is how long the API server waits for an answer, 1 to 30.
    """

    name: str = "kubedirector-webhook"
    namespaces: Mapping[str, object] = field(default_factory=dict)
    timeout_seconds: int = 10
