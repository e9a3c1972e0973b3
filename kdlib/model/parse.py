"""Reading whole objects: app, cluster, config.

Layer: pure.
"""

from typing import Any

from kdlib.errors import Problem
from kdlib.frozen import dig
from kdlib.model.app import App
from kdlib.model.cluster import Cluster
from kdlib.model.config import CONFIG_NAME, Config
from kdlib.model.refusal import parsed
from kdlib.model.scalars import LONGEST_APP_NAME
from kdlib.wire import KD_CLUSTER

__all__ = ["parse_app", "parse_cluster", "parse_config"]


def parse_app(value: Any) -> App:
    """Read a KubeDirectorApp; raises RefusedError with every problem and its API path."""
    name = dig(value, "metadata", "name")
    problems = []
    if isinstance(name, str) and len(name) > LONGEST_APP_NAME:
        what = f"{name[:LONGEST_APP_NAME]}... is longer than {LONGEST_APP_NAME} characters"
        problems.append(Problem("metadata.name", what, "choose a shorter name"))
    return parsed(App, value, problems)


def parse_cluster(value: Any) -> Cluster:
    """Read a KubeDirectorCluster; raises RefusedError with every problem and its API path."""
    given = value if isinstance(value, dict) else {}
    return Cluster.of({**given, "apiVersion": KD_CLUSTER.api_version, "kind": KD_CLUSTER.name})


def parse_config(value: Any) -> Config:
    """Read the KubeDirectorConfig, whose name is fixed (CFG-V-03); raises RefusedError with every problem."""
    name = dig(value, "metadata", "name")
    problems = []
    if name is not None and name != CONFIG_NAME:
        remedy = f"name it {CONFIG_NAME}"
        problems.append(Problem("metadata.name", f"{name!r} is not the name of the global configuration", remedy))
    return parsed(Config, value, problems)
