"""Reading whole objects: app, cluster, config.

Layer: pure.
"""

from typing import Any

from kdlib.model.app import App
from kdlib.model.cluster import Cluster
from kdlib.model.config import Config
from kdlib.model.refusal import parsed
from kdlib.wire import KD_CLUSTER

__all__ = ["parse_app", "parse_cluster", "parse_config"]


def parse_app(value: Any) -> App:
    """Read a KubeDirectorApp; raises RefusedError with every problem and its API path."""
    return parsed(App, value)


def parse_cluster(value: Any) -> Cluster:
    """Read a KubeDirectorCluster; raises RefusedError with every problem and its API path."""
    given = value if isinstance(value, dict) else {}
    return Cluster.of({**given, "apiVersion": KD_CLUSTER.api_version, "kind": KD_CLUSTER.name})


def parse_config(value: Any) -> Config:
    """Read a KubeDirectorConfig; raises RefusedError with every problem and its API path."""
    return parsed(Config, value)
