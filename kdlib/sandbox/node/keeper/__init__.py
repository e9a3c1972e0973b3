"""The keeper: PID 1 of the node's namespaces, a plain script of its own, and the messages that it understands.

Layer: shell.
"""

from kdlib.sandbox.node.keeper.channel import Message, encode_refusal, receive, send

__all__ = ["Message", "encode_refusal", "receive", "send"]
