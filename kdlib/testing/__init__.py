"""What tests of operators stand on: a real control plane, and a hollow node for it.

Layer: shell.
"""

from kdlib.testing.control_plane import ControlPlane, ControlPlaneError, control_plane_folder
from kdlib.testing.hollow import (
    Answer,
    ContainerLife,
    ExecCall,
    HollowContainers,
    HollowKubelet,
    HollowNode,
    HollowSettings,
    LocalShell,
    Responder,
    Stdin,
    answering,
    echo,
)

__all__ = [
    "Answer",
    "ContainerLife",
    "ControlPlane",
    "ControlPlaneError",
    "ExecCall",
    "HollowContainers",
    "HollowKubelet",
    "HollowNode",
    "HollowSettings",
    "LocalShell",
    "Responder",
    "Stdin",
    "answering",
    "control_plane_folder",
    "echo",
]
