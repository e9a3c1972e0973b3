"""Requests, watches and execs on real API servers, and caches that follow them; knows no app, role or member.

Layer: shell.
"""

from kdlib.kube.access import Access, load_access
from kdlib.kube.api import FIELD_MANAGER, Api, Listing, Selection
from kdlib.kube.backoff import Backoff
from kdlib.kube.cache import Cache, Change, Identity, Index, Subscriber, identity, pruned, version_reached
from kdlib.kube.connect import connect, connect_given
from kdlib.kube.gate import OPEN, Gate, GatedTransport
from kdlib.kube.given import load_given
from kdlib.kube.http import HttpTransport
from kdlib.kube.lease import Lease, LeaseSettings, Term
from kdlib.kube.outages import Outages, cause_of
from kdlib.kube.pulse import Pulse
from kdlib.kube.reflector import Reflector, ReflectorSettings, Step, next_step
from kdlib.kube.singles import Singles
from kdlib.wire import ExecRequest, ExecStream, Kind, Ref

__all__ = [
    "FIELD_MANAGER",
    "OPEN",
    "Access",
    "Api",
    "Backoff",
    "Cache",
    "Change",
    "ExecRequest",
    "ExecStream",
    "Gate",
    "GatedTransport",
    "HttpTransport",
    "Identity",
    "Index",
    "Kind",
    "Lease",
    "LeaseSettings",
    "Listing",
    "Outages",
    "Pulse",
    "Ref",
    "Reflector",
    "ReflectorSettings",
    "Selection",
    "Singles",
    "Step",
    "Subscriber",
    "Term",
    "cause_of",
    "connect",
    "connect_given",
    "identity",
    "load_access",
    "load_given",
    "next_step",
    "pruned",
    "version_reached",
]
