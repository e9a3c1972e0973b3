"""Endpoints: one for each purpose, with the kind that it reviews and how it is registered.

Layer: pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kdlib.names import GROUP, LABEL_CLUSTER
from kdlib.wire import KD_APP, KD_CLUSTER, KD_CONFIG, PERSISTENT_VOLUME_CLAIM, Kind

__all__ = ["ENDPOINTS", "Endpoint", "endpoint_at"]

_PREFIX = "/review/"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One purpose: reviews of one kind.

    `refuses` is False where nothing is ever refused: what cannot be reviewed is then let through with a warning.
    `mutated` and `validated` are the operations that are registered with the API server, `selector` selects objects.
    """

    purpose: str
    kind: Kind
    refuses: bool = True
    mutated: tuple[str, ...] = ("CREATE", "UPDATE")
    validated: tuple[str, ...] = ("DELETE",)
    subresource: str = ""
    """Subresource whose writes are reviewed; empty for the object itself. The operator's own are not asked about."""
    labelled: str = ""
    """Label that an object must have to be reviewed; empty for all objects."""

    @property
    def path(self) -> str:
        """Return the path at which reviews are taken."""
        return _PREFIX + self.purpose

    @property
    def failure_policy(self) -> Literal["Fail", "Ignore"]:
        """Return what the API server does where no answer comes."""
        return "Fail" if self.refuses else "Ignore"

    @property
    def webhook_name(self) -> str:
        """Return the name under which the endpoint is registered."""
        return f"{self.purpose}.{GROUP}"


ENDPOINTS = (
    Endpoint("apps", KD_APP),
    Endpoint("clusters", KD_CLUSTER),
    Endpoint("configs", KD_CONFIG),
    Endpoint("cluster-status", KD_CLUSTER, mutated=(), validated=("UPDATE",), subresource="status"),
    Endpoint("config-status", KD_CONFIG, mutated=(), validated=("UPDATE",), subresource="status"),
    Endpoint(
        "claims",
        PERSISTENT_VOLUME_CLAIM,
        refuses=False,
        mutated=("CREATE",),
        validated=(),
        labelled=LABEL_CLUSTER,
    ),
)
"""What is reviewed (WH-08). A deletion has nothing that could be patched, so validating webhooks are asked about it;
everything else is asked before the schema is checked, so that all problems come at once."""

_BY_PATH: Mapping[str, Endpoint] = {endpoint.path: endpoint for endpoint in ENDPOINTS}


def endpoint_at(path: str) -> Endpoint | None:
    """Return the endpoint at a path, or None."""
    return _BY_PATH.get(path)
