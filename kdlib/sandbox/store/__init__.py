"""The embedded API server's storage and semantics: every verb, in memory, with no socket.

Layer: shell.
"""

from kdlib.sandbox.store.answering import Answer
from kdlib.sandbox.store.local import ExecHook, LocalTransport
from kdlib.sandbox.store.options import Caller
from kdlib.sandbox.store.registry import Registry
from kdlib.sandbox.store.resources import Resource, Resources

__all__ = ["Answer", "Caller", "ExecHook", "LocalTransport", "Registry", "Resource", "Resources"]
