"""The embedded cluster: a Kubernetes-compatible API server in process, its controllers, and pods as local processes.

Layer: shell.
"""

from kdlib.sandbox.http import (
    Access,
    AccessLog,
    Authority,
    User,
    Wanted,
    carry_streams,
    kubeconfig_text,
    log_of_pod,
    server_context,
    write_private,
)
from kdlib.sandbox.memory import collect_seldom
from kdlib.sandbox.node import ImageBuildError, build_image
from kdlib.sandbox.sandbox import Sandbox, SandboxOptions
from kdlib.sandbox.store import Registry
from kdlib.sandbox.streams import AttachRequest, Containers, ContainerSession, LogRequest

__all__ = [
    "Access",
    "AccessLog",
    "AttachRequest",
    "Authority",
    "ContainerSession",
    "Containers",
    "ImageBuildError",
    "LogRequest",
    "Registry",
    "Sandbox",
    "SandboxOptions",
    "User",
    "Wanted",
    "build_image",
    "carry_streams",
    "collect_seldom",
    "kubeconfig_text",
    "log_of_pod",
    "server_context",
    "write_private",
]
