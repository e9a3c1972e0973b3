"""Defaults of pod specs, in pods and in the templates of workloads.

See https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/.

Layer: pure.
"""

from collections.abc import Iterator
from fractions import Fraction

from kdlib.frozen import Json, dig
from kdlib.wire import Quantity

__all__ = ["containers_of", "default_pod_spec", "default_resources"]

_MILLI = Fraction(1, 1000)
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_PROBE_DEFAULTS = (("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3))


def containers_of(spec: Json) -> Iterator[tuple[str, Json]]:
    """Yield the containers of all sorts with their paths below the pod's spec."""
    for field in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(field) or ()):
            yield f"{field}[{index}]", container


def default_pod_spec(spec: Json) -> None:
    """Fill in what every pod spec shows.

    Parts may be shared with a stored object: those are complete already, and nothing is filled into them.
    """
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account and spec.get("serviceAccount") != spec.get("serviceAccountName"):
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for path, container in containers_of(spec):
        _default_container(container, is_ephemeral=path.startswith("ephemeral"))
    if spec.get("hostNetwork"):
        _open_on_host(spec)
    for volume in spec.get("volumes") or ():
        _default_volume(volume)


def _open_on_host(spec: Json) -> None:
    """Give the ports of a pod in the host's network their numbers there, in new containers."""
    for field in ("initContainers", "containers"):
        if any(not port.get("hostPort") for one in spec.get(field) or () for port in one.get("ports") or ()):
            spec[field] = [{**one, "ports": _host_ports(one)} if one.get("ports") else one for one in spec[field]]


def _host_ports(container: Json) -> list[Json]:
    return [{**port, "hostPort": port.get("hostPort") or port.get("containerPort")} for port in container["ports"]]


def _default_container(container: Json, *, is_ephemeral: bool) -> None:
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    container.setdefault("imagePullPolicy", _pull_policy(str(container.get("image") or "")))
    for entry in container.get("env") or ():
        reference = (entry.get("valueFrom") or {}).get("fieldRef")
        if reference is not None:
            reference.setdefault("apiVersion", "v1")
    for field in _PROBES:
        if container.get(field) is not None:
            _default_probe(container[field])
    for hook in ("postStart", "preStop"):
        _default_request(dig(container, "lifecycle", hook, "httpGet"))
    if not is_ephemeral:
        default_resources(container.get("resources") or {})


def _pull_policy(image: str) -> str:
    if "@" in image:
        return "IfNotPresent"
    _, _, tag = image.rpartition("/")[2].partition(":")
    return "Always" if tag in {"", "latest"} else "IfNotPresent"


def _default_probe(probe: Json) -> None:
    for field, value in _PROBE_DEFAULTS:
        if not probe.get(field):
            probe[field] = value
    _default_request(probe.get("httpGet"))
    if probe.get("grpc") is not None:
        probe["grpc"].setdefault("service", "")


def _default_request(request: Json | None) -> None:
    if request is not None:
        request.setdefault("path", "/")
        request.setdefault("scheme", "HTTP")


def default_resources(resources: Json) -> None:
    """Round amounts up to one thousandth, the finest that is kept."""
    for field in ("limits", "requests"):
        amounts = resources.get(field) or {}
        for name, amount in amounts.items():
            if isinstance(amount, str) and amount[-1:] in {"n", "u"}:
                value = Quantity.parse(amount)
                rounded = -(-value.value // _MILLI) * _MILLI
                amounts[name] = Quantity(rounded, value.form).canonical


_MODED = ("secret", "configMap", "downwardAPI", "projected")


def _default_volume(volume: Json) -> None:
    if len(volume) == 1:
        volume["emptyDir"] = {}
    for source in _MODED:
        if volume.get(source) is not None:
            volume[source].setdefault("defaultMode", 0o644)
    if volume.get("hostPath") is not None:
        volume["hostPath"].setdefault("type", "")
    template = dig(volume, "ephemeral", "volumeClaimTemplate", "spec")
    if template is not None:
        template.setdefault("volumeMode", "Filesystem")
    projections = dig(volume, "projected", "sources", default=[])
    for holder in (volume, *projections):
        _default_projection(holder)


def _default_projection(holder: Json) -> None:
    if holder.get("serviceAccountToken") is not None:
        holder["serviceAccountToken"].setdefault("expirationSeconds", 3600)
    for item in dig(holder, "downwardAPI", "items", default=[]):
        if item.get("fieldRef") is not None:
            item["fieldRef"].setdefault("apiVersion", "v1")
