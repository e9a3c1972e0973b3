"""The embedded cluster: a Kubernetes-compatible API server in process, its controllers, and pods as local processes.

Layer: shell.
"""

from kdlib.sandbox.http import (
    Access,
    AccessLog,
    Authority,
    ExecOrder,
    User,
    exec_in_pod,
    kubeconfig_text,
    log_of_pod,
    server_context,
    write_private,
)
from kdlib.sandbox.memory import collect_seldom
from kdlib.sandbox.node import ImageBuildError, build_image
from kdlib.sandbox.sandbox import Sandbox, SandboxOptions
from kdlib.sandbox.store import Registry
from kdlib.sandbox.streams import Containers, ContainerSession, LogRequest

__all__ = [
    "Access",
    "AccessLog",
    "Authority",
    "ContainerSession",
    "Containers",
    "ExecOrder",
    "ImageBuildError",
    "LogRequest",
    "Registry",
    "Sandbox",
    "SandboxOptions",
    "User",
    "build_image",
    "collect_seldom",
    "exec_in_pod",
    "kubeconfig_text",
    "log_of_pod",
    "server_context",
    "write_private",
]
