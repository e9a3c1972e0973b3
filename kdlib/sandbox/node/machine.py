"""The Node object: what the machine has and is.

Source: https://kubernetes.io/docs/reference/node/node-status/.

Layer: shell.
"""

import os
import platform
from datetime import datetime
from pathlib import Path

from kdlib.frozen import Json
from kdlib.sandbox.node.times import timestamp

__all__ = ["VERSION", "allocatable", "capacity", "node_object"]

VERSION = "v1.36.0"
_CONDITIONS = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)
_OVERCOMMITMENT = 64
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def capacity() -> dict[str, str]:
    """Return what there is: the processors that this process may use, memory, and how many pods there may be."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": str(len(os.sched_getaffinity(0))),
        "ephemeral-storage": f"{memory // 2048}Ki",
        "memory": f"{memory // 1024}Ki",
        "pods": "1000",
    }


def allocatable(given: dict[str, str]) -> dict[str, str]:
    """Return what pods may request in all: much more than there is, since nothing is held to its request."""
    memory = int(given["memory"].removesuffix("Ki")) * _OVERCOMMITMENT
    return {**given, "cpu": str(int(given["cpu"]) * _OVERCOMMITMENT), "memory": f"{memory}Ki"}


def node_object(name: str, address: str, given: dict[str, str], now: datetime) -> Json:
    """Return the Node with its first status."""
    when = timestamp(now)
    machine = _MACHINES.get(platform.machine(), platform.machine())
    conditions = [
        {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "lastHeartbeatTime": when,
            "lastTransitionTime": when,
        }
        for kind, status, reason, message in _CONDITIONS
    ]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/arch": machine,
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
            },
        },
        "spec": {},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "allocatable": allocatable(given),
            "capacity": given,
            "conditions": conditions,
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": _information(machine),
        },
    }


def _information(machine: str) -> Json:
    return {
        "architecture": machine,
        "bootID": _text("/proc/sys/kernel/random/boot_id"),
        "containerRuntimeVersion": "sandbox://1.0",
        "kernelVersion": platform.release(),
        "kubeProxyVersion": "",
        "kubeletVersion": VERSION,
        "machineID": "",
        "operatingSystem": "linux",
        "osImage": _operating_system(),
        "systemUUID": "",
    }


def _operating_system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
