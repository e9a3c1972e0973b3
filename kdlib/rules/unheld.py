"""What nobody holds where there is no webhook: the rights of a cluster's author.

Layer: pure.
"""

from collections.abc import Iterator

from kdlib.model import ClusterSpec

__all__ = ["unheld"]


def unheld(spec: ClusterSpec) -> tuple[str, ...]:
    """Return what admission alone could have held, in words: the rights of the cluster's author."""
    return tuple(_unheld(spec))


def _unheld(spec: ClusterSpec) -> Iterator[str]:
    for field in ("clusters", "configmaps", "secrets"):
        connected = ", ".join(getattr(spec.connections, field))
        if connected:
            yield f"spec.connections.{field}: nobody checked whether the cluster's author may read {connected!r}"
    for index, role in enumerate(spec.roles):
        path = f"spec.roles[{index}]"
        named = {
            "serviceAccountName": role.service_account_name,
            "imagePullSecrets": ", ".join(item.name for item in role.image_pull_secrets) or None,
            "secret": role.secret.name if role.secret else None,
            "volumeProjections": ", ".join(item.pvc_name for item in role.volume_projections) or None,
        }
        for field, name in named.items():
            if name:
                yield f"{path}.{field}: nobody checked whether the cluster's author may use {name!r}"
