"""The HTTPS front of the embedded API server, and the certificates and kubeconfigs that clients need.

Layer: shell.
"""

from kdlib.sandbox.http.access_log import Access, AccessLog
from kdlib.sandbox.http.authority import Authority, KeyPair
from kdlib.sandbox.http.front import Front
from kdlib.sandbox.http.kubeconfig import kubeconfig_text, write_private
from kdlib.sandbox.http.pod_exec import Wanted, carry_streams
from kdlib.sandbox.http.pod_logs import log_of_pod
from kdlib.sandbox.http.tls import server_context
from kdlib.sandbox.http.users import ANONYMOUS, User

__all__ = [
    "ANONYMOUS",
    "Access",
    "AccessLog",
    "Authority",
    "Front",
    "KeyPair",
    "User",
    "Wanted",
    "carry_streams",
    "kubeconfig_text",
    "log_of_pod",
    "server_context",
    "write_private",
]
