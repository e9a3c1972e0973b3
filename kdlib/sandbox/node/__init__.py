"""The node of the embedded cluster: pods as real, unprivileged processes.

Layer: shell.
"""

from kdlib.sandbox.node.backoff import Pace
from kdlib.sandbox.node.image_build import ImageBuildError, build_image
from kdlib.sandbox.node.images import ImageError, Images
from kdlib.sandbox.node.keeper_link import NodeEndedError, NodeRefusedError
from kdlib.sandbox.node.node import Node
from kdlib.sandbox.node.ports import Registry

__all__ = [
    "ImageBuildError",
    "ImageError",
    "Images",
    "Node",
    "NodeEndedError",
    "NodeRefusedError",
    "Pace",
    "Registry",
    "build_image",
]
