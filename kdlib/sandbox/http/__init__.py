"""The HTTPS front of the embedded API server, and the certificates and kubeconfigs that clients need.

Layer: shell.
"""

from kdlib.sandbox.http.authority import Authority, KeyPair
from kdlib.sandbox.http.kubeconfig import kubeconfig_text, write_private

__all__ = ["Authority", "KeyPair", "kubeconfig_text", "write_private"]
