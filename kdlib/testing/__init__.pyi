from kdlib.guest import EmulatedRun
from kdlib.testing.builders import a_cluster, a_config_map, a_definition, a_secret, an_app
from kdlib.testing.cluster import KubeCluster
from kdlib.testing.control_plane import ControlPlane, ControlPlaneError, control_plane_folder
from kdlib.testing.discovery import UnknownKindError
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
from kdlib.testing.kind import KindCluster, KindError
from kdlib.testing.likeness import differences
from kdlib.testing.members import MemberPlays
from kdlib.testing.operators import Operator, OperatorEndedError, OperatorProcess
from kdlib.testing.virtual_time import VirtualTime
from kdlib.testing.waiting import eventually

__all__ = [
    "Answer",
    "ContainerLife",
    "ControlPlane",
    "ControlPlaneError",
    "EmulatedRun",
    "ExecCall",
    "HollowContainers",
    "HollowKubelet",
    "HollowMembers",
    "HollowNode",
    "HollowSettings",
    "KindCluster",
    "KindError",
    "KubeCluster",
    "LocalShell",
    "MemberPlays",
    "Operator",
    "OperatorEndedError",
    "OperatorProcess",
    "Responder",
    "Stdin",
    "UnknownKindError",
    "VirtualTime",
    "a_cluster",
    "a_config_map",
    "a_definition",
    "a_secret",
    "an_app",
    "answering",
    "control_plane_folder",
    "differences",
    "echo",
    "eventually",
    "held_configmeta",
]
