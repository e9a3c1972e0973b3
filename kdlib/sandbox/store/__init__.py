"""The embedded API server's storage and semantics: every verb, in memory, with no socket.

Layer: shell.
"""

from kdlib.sandbox.store.allowance import with_allowance
from kdlib.sandbox.store.answering import Answer
from kdlib.sandbox.store.journal import Journal
from kdlib.sandbox.store.local import ExecHook, LocalTransport
from kdlib.sandbox.store.options import Caller
from kdlib.sandbox.store.registry import Registry
from kdlib.sandbox.store.resources import Resource, Resources
from kdlib.sandbox.store.reviews import Access, Reviewer
from kdlib.sandbox.store.scale import scale_of
from kdlib.sandbox.store.webhooks import Admission, Call, Endpoint, WebhookError

__all__ = [
    "Access",
    "Admission",
    "Answer",
    "Call",
    "Caller",
    "Endpoint",
    "ExecHook",
    "Journal",
    "LocalTransport",
    "Registry",
    "Resource",
    "Resources",
    "Reviewer",
    "WebhookError",
    "scale_of",
    "with_allowance",
]
