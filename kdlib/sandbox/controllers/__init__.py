"""The few controllers of the embedded cluster, and what it gives to Services and claims as they are stored.

Layer: shell.
"""

from kdlib.sandbox.controllers.addresses import DEFAULT_NETWORK, DEFAULT_NODE_PORTS, Addresses
from kdlib.sandbox.controllers.binding import PROVISIONER
from kdlib.sandbox.controllers.run import Controllers

__all__ = [
    "DEFAULT_NETWORK",
    "DEFAULT_NODE_PORTS",
    "PROVISIONER",
    "Addresses",
    "Controllers",
]
