"""Requests, watches and execs on real API servers, and caches that follow them; knows no app, role or member.

Layer: shell.
"""

from kdlib.kube.access import Access, load_access
from kdlib.kube.api import FIELD_MANAGER, Api, Listing, Selection
from kdlib.kube.connect import connect
from kdlib.kube.http import HttpTransport
from kdlib.wire import ExecRequest, ExecStream, Kind, Ref

__all__ = [
    "FIELD_MANAGER",
    "Access",
    "Api",
    "ExecRequest",
    "ExecStream",
    "HttpTransport",
    "Kind",
    "Listing",
    "Ref",
    "Selection",
    "connect",
    "load_access",
]
