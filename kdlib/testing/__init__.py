"""What tests of operators stand on: a real control plane, and a hollow node for it.

Layer: shell.
"""

from kdlib.testing.control_plane import ControlPlane, ControlPlaneError, control_plane_folder

__all__ = ["ControlPlane", "ControlPlaneError", "control_plane_folder"]
