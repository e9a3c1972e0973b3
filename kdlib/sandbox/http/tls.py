"""The TLS side of the front: its certificate, and which clients it asks for theirs.

Layer: shell.
"""

import os
import ssl

from kdlib.sandbox.http.authority import Authority

__all__ = ["server_context"]


def server_context(authority: Authority, host: str) -> ssl.SSLContext:
    """Make the context of a server on this host; a client may show a certificate, and then it must be ours."""
    pair = authority.issue("sandbox", hosts=[host, "localhost", "kubernetes.default.svc"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=authority.certificate)
    context.set_alpn_protocols(["http/1.1"])
    # The interpreter reads a key from files alone; this one has no name, so that no end of the process leaves it.
    descriptor = os.memfd_create("server")
    try:
        os.write(descriptor, f"{pair.certificate}{pair.key}".encode())
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
    return context
