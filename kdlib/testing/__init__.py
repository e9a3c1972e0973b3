"""What tests of operators stand on: a real control plane, a hollow node, virtual time.

Layer: shell.
"""

from kdlib.testing.control_plane import ControlPlane, ControlPlaneError, control_plane_folder
from kdlib.testing.hollow import (
    Answer,
    ContainerLife,
    ExecCall,
    HollowContainers,
    HollowKubelet,
    HollowMembers,
    HollowNode,
    HollowSettings,
    LocalShell,
    Responder,
    Stdin,
    answering,
    echo,
    held_configmeta,
)
from kdlib.testing.virtual_time import VirtualTime

__all__ = [
    "Answer",
    "ContainerLife",
    "ControlPlane",
    "ControlPlaneError",
    "ExecCall",
    "HollowContainers",
    "HollowKubelet",
    "HollowMembers",
    "HollowNode",
    "HollowSettings",
    "LocalShell",
    "Responder",
    "Stdin",
    "VirtualTime",
    "answering",
    "control_plane_folder",
    "echo",
    "held_configmeta",
]
