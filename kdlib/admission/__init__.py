"""The admission webhook: reviews over HTTPS, certificates, registration. The rules themselves are in `kdlib.rules`.

Layer: shell.
"""

from kdlib.admission.certificates import Certificates, Lifetimes
from kdlib.admission.endpoints import ENDPOINTS, Endpoint
from kdlib.admission.registrar import deregister, registered_refs
from kdlib.admission.server import Limits
from kdlib.admission.settings import (
    AtUrl,
    CertificateSource,
    InFiles,
    InService,
    MadeHere,
    MadeOutside,
    Registration,
)
from kdlib.admission.webhook import Settings, Webhook, serve

__all__ = [
    "ENDPOINTS",
    "AtUrl",
    "CertificateSource",
    "Certificates",
    "Endpoint",
    "InFiles",
    "InService",
    "Lifetimes",
    "Limits",
    "MadeHere",
    "MadeOutside",
    "Registration",
    "Settings",
    "Webhook",
    "deregister",
    "registered_refs",
    "serve",
]
