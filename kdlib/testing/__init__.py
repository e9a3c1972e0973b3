"""What tests of operators stand on: the fixture `cluster`, faults, builders, a real control plane, hollow nodes.

Names are imported when they are first used: pytest loads the plugin of this room in every run, also in those that need
nothing of it. Their types stand in `__init__.pyi`.

Layer: shell.
"""

from importlib import import_module

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

_HOLLOW = (
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
)
_PLACES = {
    "builders": ("a_cluster", "a_config_map", "a_definition", "a_secret", "an_app"),
    "cluster": ("KubeCluster",),
    "control_plane": ("ControlPlane", "ControlPlaneError", "control_plane_folder"),
    "discovery": ("UnknownKindError",),
    "hollow": _HOLLOW,
    "kind": ("KindCluster", "KindError"),
    "likeness": ("differences",),
    "members": ("EmulatedRun", "MemberPlays"),
    "operators": ("Operator", "OperatorEndedError", "OperatorProcess"),
    "virtual_time": ("VirtualTime",),
    "waiting": ("eventually",),
}


def __getattr__(name: str) -> object:
    """Import a public name from its module."""
    for place, names in _PLACES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{place}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
