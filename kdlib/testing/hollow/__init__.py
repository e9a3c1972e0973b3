"""A hollow node: pods without processes, whose execs a plain callable answers.

Layer: shell.
"""

from kdlib.testing.hollow.containers import HollowContainers
from kdlib.testing.hollow.kubelet import HollowKubelet
from kdlib.testing.hollow.members import HollowMembers, held_configmeta
from kdlib.testing.hollow.node import HollowNode, HollowSettings
from kdlib.testing.hollow.responder import Answer, ContainerLife, ExecCall, Responder, Stdin, answering, echo
from kdlib.testing.hollow.shell import LocalShell

__all__ = [
    "Answer",
    "ContainerLife",
    "ExecCall",
    "HollowContainers",
    "HollowKubelet",
    "HollowMembers",
    "HollowNode",
    "HollowSettings",
    "LocalShell",
    "Responder",
    "Stdin",
    "answering",
    "echo",
    "held_configmeta",
]
