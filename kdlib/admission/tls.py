"""The TLS side of the webhook server: one context for ever, whose certificate can be changed while it serves.

Layer: shell.
"""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from kdlib.admission.certificates import Certificates
from kdlib.errors import Problem, RefusedError

__all__ = ["ServerTls"]


class ServerTls:
    """A server's TLS context.

    Guarantees: a handshake sees the old certificate or the new one, never a mixture; connections that are open stay
    so; certificates that cannot be used are refused, and the old ones go on serving; no key is written to a disk.
    Assumes: handshakes run in the event loop that calls `load`.
    """

    def __init__(self) -> None:
        self.context = _context()
        self.current: Certificates | None = None
        """The certificates in use; None before the first."""

    def load(self, certificates: Certificates) -> bool:
        """Use these certificates from the next handshake on; tell whether they are others than before.

        Raises RefusedError where certificate and key cannot be read, or do not belong together.
        """
        if self.current is not None and _served(self.current) == _served(certificates):
            self.current = certificates
            return False
        with _as_files(certificates) as (certificate, key):
            try:
                # A context that refuses a pair is left half loaded, so it is tried on another one first.
                _context().load_cert_chain(certificate, key)
                self.context.load_cert_chain(certificate, key)
            except (ssl.SSLError, ValueError) as error:
                problem = Problem("certificate", f"cannot be used with its key: {error}", "replace both")
                raise RefusedError("the webhook's certificate", [problem]) from error
        self.current = certificates
        return True


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _served(certificates: Certificates) -> tuple[str, str]:
    return certificates.certificate, certificates.key


@contextmanager
def _as_files(certificates: Certificates) -> Iterator[tuple[str, str]]:
    """Give paths of the PEM texts: the interpreter reads keys from files alone, so these lie in memory."""
    descriptors = []
    try:
        for name, text in (("certificate", certificates.certificate), ("key", certificates.key)):
            descriptor = os.memfd_create(f"kubedirector-webhook-{name}")
            descriptors.append(descriptor)
            os.write(descriptor, text.encode())
        certificate, key = (f"/proc/self/fd/{descriptor}" for descriptor in descriptors)
        yield certificate, key
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
