"""What a hollow node writes: itself, its lease, and the status of the pods that it pretends to run.

Sources: https://kubernetes.io/docs/concepts/architecture/nodes/ and .../workloads/pods/pod-lifecycle/.

Layer: pure.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network

from kdlib.frozen import Json

__all__ = ["NodeFacts", "PodFacts", "container_id", "lease", "node", "node_status", "pod_status"]

_RESOURCES = {"cpu": "1000", "memory": "4Ti", "ephemeral-storage": "100Ti", "pods": "100k"}
_FEATURES = ["ExtendWebSocketsToKubelet"]
"""Lets the API server hand a WebSocket of protocol v5 through as it is, instead of speaking SPDY to us."""


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What a node tells of itself."""

    name: str
    address: str
    port: int
    pods: IPv4Network
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What is known of a pod beyond its object."""

    address: str
    started_at: datetime
    restarts: Mapping[str, int]
    """Restarts by container."""
    ready: bool = True
    life_started_at: Mapping[str, datetime] | None = None
    """When the present life of a container began, where it is not the first."""


def node(facts: NodeFacts) -> Json:
    """Make the Node object."""
    labels = {"kubernetes.io/hostname": facts.name, "kubernetes.io/os": "linux", **facts.labels}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": facts.name, "labels": labels},
        "spec": {"podCIDR": str(facts.pods), "podCIDRs": [str(facts.pods)]},
    }


def node_status(facts: NodeFacts, now: datetime) -> Json:
    """Make the status of a node that is ready."""
    moment = _time(now)
    addresses = [{"type": "InternalIP", "address": facts.address}, {"type": "Hostname", "address": facts.name}]
    info = {
        "architecture": "amd64",
        "bootID": "",
        "containerRuntimeVersion": "hollow://1",
        "kernelVersion": "",
        "kubeProxyVersion": "",
        "kubeletVersion": "v1.36.0-hollow",
        "machineID": "",
        "operatingSystem": "linux",
        "osImage": "hollow",
        "systemUUID": "",
    }
    return {
        "addresses": addresses,
        "allocatable": _RESOURCES,
        "capacity": _RESOURCES,
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "KubeletReady",
                "message": "hollow node is posting ready status",
                "lastHeartbeatTime": moment,
                "lastTransitionTime": moment,
            }
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": facts.port}},
        "declaredFeatures": _FEATURES,
        "nodeInfo": info,
    }


def lease(name: str, owner_uid: str, now: datetime) -> Json:
    """Make the node's lease, as renewed now."""
    owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": owner_uid}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": "kube-node-lease", "ownerReferences": [owner]},
        "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": micro_time(now)},
    }


def micro_time(moment: datetime) -> str:
    """Write a moment as `metav1.MicroTime`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def container_id(pod: Json, container: str, restarts: int) -> str:
    """Return the ID of one life of a container: another one after each restart."""
    text = f"{pod['metadata']['uid']}/{container}/{restarts}"
    return f"hollow://{hashlib.sha256(text.encode()).hexdigest()}"


def pod_status(pod: Json, facts: PodFacts, node_address: str) -> Json:
    """Make the status of a pod whose containers all run."""
    moment = _time(facts.started_at)
    ready = "True" if facts.ready else "False"
    states = {"PodReadyToStartContainers": "True", "Initialized": "True", "Ready": ready, "ContainersReady": ready}
    states["PodScheduled"] = "True"
    return {
        "phase": "Running",
        "conditions": [
            {"type": name, "status": state, "lastProbeTime": None, "lastTransitionTime": moment}
            for name, state in states.items()
        ],
        "containerStatuses": [_container(pod, each, facts) for each in pod["spec"]["containers"]],
        "initContainerStatuses": [_initial(pod, each, moment) for each in pod["spec"].get("initContainers") or ()],
        "hostIP": node_address,
        "hostIPs": [{"ip": node_address}],
        "podIP": facts.address,
        "podIPs": [{"ip": facts.address}],
        "startTime": moment,
    }


def _container(pod: Json, container: Json, facts: PodFacts) -> Json:
    name = container["name"]
    restarts = facts.restarts.get(name, 0)
    started = (facts.life_started_at or {}).get(name, facts.started_at)
    status: Json = {
        "name": name,
        "containerID": container_id(pod, name, restarts),
        "image": container.get("image", ""),
        "imageID": f"hollow://{container.get('image', '')}",
        "ready": facts.ready,
        "started": True,
        "restartCount": restarts,
        "state": {"running": {"startedAt": _time(started)}},
        "lastState": {},
    }
    if restarts:
        status["lastState"] = {
            "terminated": {
                "containerID": container_id(pod, name, restarts - 1),
                "exitCode": 137,
                "reason": "Error",
                "startedAt": _time(facts.started_at),
                "finishedAt": _time(started),
            }
        }
    return status


def _initial(pod: Json, container: Json, moment: str) -> Json:
    name = container["name"]
    own = container_id(pod, name, 0)
    ended = {"containerID": own, "exitCode": 0, "reason": "Completed", "startedAt": moment, "finishedAt": moment}
    return {
        "name": name,
        "containerID": own,
        "image": container.get("image", ""),
        "imageID": f"hollow://{container.get('image', '')}",
        "ready": True,
        "started": False,
        "restartCount": 0,
        "state": {"terminated": ended},
        "lastState": {},
    }


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
