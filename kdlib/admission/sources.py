"""Sources of certificates: each gives what it has now, and waits until that may have changed.

Layer: shell.
"""

import asyncio
import base64
import binascii
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from kdlib.admission.certificates import Certificates, Lifetimes, next_look, renewed
from kdlib.errors import AlreadyExistsError, ConflictError, NotFoundError, WorldError
from kdlib.frozen import Json, dig
from kdlib.kube import Api
from kdlib.wire import Ref

__all__ = ["FolderSource", "ForeignSecretSource", "OwnSecretSource", "Source"]

_log = logging.getLogger(__name__)

_CERTIFICATE, _KEY, _AUTHORITIES, _AUTHORITY_KEY = "tls.crt", "tls.key", "ca.crt", "ca.key"


def _now() -> datetime:
    return datetime.now(UTC)


class Source(Protocol):
    """Where certificates come from."""

    async def read(self, current: Certificates | None, /) -> Certificates:
        """Return the certificates as they are now, `current` being in use; raises WorldError where there are none."""

    def look_again_seconds(self, current: Certificates | None) -> float:
        """Return when to read again at the latest, whatever is told meanwhile."""

    @property
    def secret(self) -> Ref | None:
        """Return the Secret whose changes tell to read again; None where no Secret is read."""


@dataclass(frozen=True)
class OwnSecretSource:
    """Makes certificates, keeps them in a Secret, and renews them before they end (DM-07).

    Guarantees: replicas that start or renew at the same time agree on what one of them has written; what somebody
    else keeps in the Secret besides is left alone.
    """

    api: Api
    ref: Ref
    hosts: tuple[str, ...]
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    clock: Callable[[], datetime] = field(default=_now)

    @property
    def secret(self) -> Ref | None:
        """Return the Secret that holds the certificates of all replicas."""
        return self.ref

    def look_again_seconds(self, current: Certificates | None) -> float:
        """Return how long nothing is to be renewed."""
        return next_look(current, self.clock()).total_seconds() if current else 1.0

    async def read(self, current: Certificates | None, /) -> Certificates:
        """Return the certificates, renewed and stored where that is due; raises WorldError.

        Where the Secret was lost, the certificates in use take its place, so that the API server notices nothing.
        """
        while True:
            stored = await self._stored()
            found = certificates_in(stored)
            wanted = renewed(found or current, self.hosts, self.clock(), self.lifetimes)
            if wanted == found:
                return wanted
            try:
                await self._write(stored, wanted)
            except NotFoundError as error:
                if stored is None:
                    # Asked again at once it would answer the same for ever.
                    what = f"namespace {self.ref.namespace!r} does not exist; create it"
                    raise WorldError(f"{self.ref} cannot be stored: {what}") from error
            except (AlreadyExistsError, ConflictError):
                # Another replica was faster: what it wrote holds.
                continue
            else:
                _log.info("%s: the webhook's certificates were stored", self.ref)
                return wanted

    async def _stored(self) -> Json | None:
        try:
            return await self.api.get(self.ref)
        except NotFoundError:
            return None

    async def _write(self, stored: Json | None, wanted: Certificates) -> None:
        data = secret_data(wanted)
        if stored is None:
            metadata = {
                "name": self.ref.name,
                "namespace": self.ref.namespace,
                "labels": {"app.kubernetes.io/managed-by": "kubedirector"},
            }
            body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}
            await self.api.create(body)
            return
        version = {"uid": stored["metadata"]["uid"], "resourceVersion": stored["metadata"]["resourceVersion"]}
        await self.api.merge_patch(self.ref, {"metadata": version, "data": data})


@dataclass(frozen=True)
class ForeignSecretSource:
    """Reads certificates from a Secret that somebody else, such as cert-manager, fills and renews."""

    api: Api
    ref: Ref

    @property
    def secret(self) -> Ref | None:
        """Return the Secret."""
        return self.ref

    def look_again_seconds(self, current: Certificates | None) -> float:
        """Return how often the Secret is read besides its changes: seldom, once something was found."""
        return 3600.0 if current else 5.0

    async def read(self, _: Certificates | None, /) -> Certificates:
        """Return the certificates; raises WorldError where the Secret or what is in it is not there."""
        found = certificates_in(await self.api.get(self.ref))
        if found is None or not (found.certificate and found.key):
            raise WorldError(f"{self.ref} has no {_CERTIFICATE} and {_KEY} that can be read")
        return Certificates(found.certificate, found.key, found.authorities)


@dataclass(frozen=True)
class FolderSource:
    """Reads certificates from files, which somebody else renews."""

    folder: Path
    look_seconds: float = 10.0

    @property
    def secret(self) -> Ref | None:
        """Return None: no Secret is read."""
        return None

    def look_again_seconds(self, current: Certificates | None) -> float:
        """Return how often the files are read."""
        return self.look_seconds if current else 1.0

    async def read(self, _: Certificates | None, /) -> Certificates:
        """Return the certificates; raises WorldError where a file cannot be read."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> Certificates:
        try:
            authorities = self.folder / _AUTHORITIES
            return Certificates(
                (self.folder / _CERTIFICATE).read_text(),
                (self.folder / _KEY).read_text(),
                authorities.read_text() if authorities.exists() else "",
            )
        except (OSError, UnicodeDecodeError) as error:
            raise WorldError(f"the webhook's certificates in {str(self.folder)!r} cannot be read: {error}") from error


def certificates_in(secret: Json | None) -> Certificates | None:
    """Return the certificates that a Secret holds, or None where it holds none that can be read."""
    data = dig(secret, "data", default={})
    try:
        texts = [
            base64.b64decode(data.get(key) or "", validate=True).decode()
            for key in (_CERTIFICATE, _KEY, _AUTHORITIES, _AUTHORITY_KEY)
        ]
    except (binascii.Error, ValueError, TypeError):
        return None
    return Certificates(*texts) if any(texts) else None


def secret_data(certificates: Certificates) -> Json:
    """Return the `data` of a Secret that holds the certificates."""
    texts = {
        _CERTIFICATE: certificates.certificate,
        _KEY: certificates.key,
        _AUTHORITIES: certificates.authorities,
        _AUTHORITY_KEY: certificates.authority_key,
    }
    return {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
