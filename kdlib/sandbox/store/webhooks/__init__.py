"""Admission webhooks, called over HTTPS.

Layer: shell.
"""

from kdlib.sandbox.store.webhooks.admission import Admission, option_body
from kdlib.sandbox.store.webhooks.attributes import Attributes
from kdlib.sandbox.store.webhooks.calling import Call, Caller, Endpoint, Resolver
from kdlib.sandbox.store.webhooks.review import WebhookError

__all__ = ["Admission", "Attributes", "Call", "Caller", "Endpoint", "Resolver", "WebhookError", "option_body"]
