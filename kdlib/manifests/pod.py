"""The pod template of a role: container `app`, and `init` where there is a persistent volume (4.4, 4.4.1, 4.4.4).

It is a function of the app, the cluster and reserved values alone: a newer operator makes the same template, so it
restarts no member. The cluster's own search domain is asked for by `dnsConfig`, which needs nothing of the image;
Kubernetes appends it, so the postStart hook moves it to the front: only there a short name means the member before
it means a Service of the same name (naming scheme CrNameRole).

Layer: pure.
"""

from fractions import Fraction

from kdlib.frozen import Json
from kdlib.manifests.member_service import container_ports
from kdlib.manifests.metadata import merged, pretty_name, role_labels
from kdlib.manifests.placement import placement
from kdlib.manifests.scripts import init_script, post_start_script
from kdlib.manifests.volumes import FILE_CLAIM, block_devices, volume_mounts, volumes
from kdlib.model import ClusterRole, Resolved, ResolvedRole
from kdlib.rules import persistent_directories
from kdlib.wire import Quantity, QuantityError

__all__ = ["pod_template"]


def pod_template(resolved: Resolved, role: ResolvedRole, spec: ClusterRole) -> Json:
    """Return the pod template; user labels never replace the five of ours, by which the pods are selected (W-32)."""
    reserved = resolved.reserved
    domain = f"{resolved.cluster_service}.{resolved.root.namespace}{reserved.domain_base}"
    pod: Json = {
        "automountServiceAccountToken": spec.service_account_name is not None,
        "containers": [_app_container(resolved, role, spec)],
        "dnsConfig": {"searches": [domain]},
        "volumes": volumes(resolved, role, spec),
    }
    if spec.storage:
        pod["initContainers"] = [_init_container(role, spec)]
    if spec.service_account_name:
        pod["serviceAccountName"] = spec.service_account_name
    if spec.affinity and spec.affinity.dumped():
        pod["affinity"] = spec.affinity.dumped()
    pod |= placement(resolved, role, spec)
    metadata = {
        "labels": merged(spec.pod_labels, reserved.pod_labels, role_labels(resolved, role.id)),
        "annotations": merged(pretty_name(resolved), spec.pod_annotations, reserved.pod_annotations),
    }
    return {"metadata": metadata, "spec": pod}


def _app_container(resolved: Resolved, role: ResolvedRole, spec: ClusterRole) -> Json:
    flags = role.app.container_spec
    container: Json = {
        "name": "app",
        "image": role.image,
        "resources": spec.resources.amounts(),
        "env": _environment(role, spec),
        "ports": container_ports(resolved, role),
        "volumeMounts": volume_mounts(resolved, role, spec),
        "volumeDevices": block_devices(spec),
        "lifecycle": {
            "postStart": {"exec": {"command": ["/bin/sh", "-c", post_start_script(resolved.cluster_service)]}}
        },
        "stdin": bool(flags and flags.stdin),
        "tty": bool(flags and flags.tty),
    }
    if resolved.app.capabilities:
        container["securityContext"] = {"capabilities": {"add": list(resolved.app.capabilities)}}
    probes = {
        "livenessProbe": role.app.liveness_probe,
        "readinessProbe": role.app.readiness_probe,
        "startupProbe": role.app.startup_probe,
    }
    container |= {name: probe.dumped() for name, probe in probes.items() if probe}
    return {key: value for key, value in container.items() if value not in ([], False)}


def _environment(role: ResolvedRole, spec: ClusterRole) -> list[Json]:
    """Return the variables: the user's, then ours; of two with one name the later one stays (KO-12, KO-13)."""
    found = {variable.name: variable.value for variable in spec.env}
    package = role.app.config_package
    ours = {"PYTHONUSERBASE": "/usr/local"} if package and package.use_new_setup_layout else {}
    if not _uses_nvidia(spec):
        ours["NVIDIA_VISIBLE_DEVICES"] = "void"
    kept = {name: value for name, value in found.items() if name not in ours}
    return [{"name": name, "value": value} for name, value in {**kept, **ours}.items()]


def _uses_nvidia(spec: ClusterRole) -> bool:
    """Tell whether the member gets a device; one that has only a limit requests as much (W-33)."""
    amounts = {**spec.resources.limits, **(spec.resources.requests or {})}
    return any(key.startswith("nvidia.com/") and _amount(text) > 0 for key, text in amounts.items())


def _amount(text: str) -> Fraction:
    try:
        return Quantity.parse(text).value
    except QuantityError:
        return Fraction(0)


def _init_container(role: ResolvedRole, spec: ClusterRole) -> Json:
    """Return the container that fills an empty volume; it may do so as root only (KO-15)."""
    return {
        "name": "init",
        "image": role.image,
        "command": ["/bin/sh"],
        "args": ["-c", init_script(persistent_directories(role.app))],
        "resources": spec.resources.amounts(),
        "securityContext": {"runAsUser": 0},
        "volumeMounts": [{"mountPath": "/mnt", "name": FILE_CLAIM}],
    }
