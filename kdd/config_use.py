"""The global configuration: held as long as there is a cluster, and told what in it cannot be used (3.19).

Layer: pure.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial

from kdlib import report, runtime
from kdlib.frozen import Json
from kdlib.model import CONFIG_NAME
from kdlib.reconcile import CLEANUP
from kdlib.wire import KD_CLUSTER, KD_CONFIG, Ref

__all__ = ["config_teller", "config_usage"]

_METADATA = ("name", "namespace", "uid", "resourceVersion")


def config_usage(system_namespace: str) -> runtime.Usage:
    """Return what it means that the configuration is used: there is a cluster, wherever it is (CFG-V-01).

    The finalizer is the contract's. Without a webhook it alone keeps the keys of clusters from being deleted.
    """
    return runtime.Usage(
        held=KD_CONFIG,
        users=KD_CLUSTER,
        finalizer=CLEANUP,
        named_by=partial(_named_by, Ref(KD_CONFIG, system_namespace, CONFIG_NAME)),
        is_used=_is_used,
        kept=_kept,
    )


def config_teller(system_namespace: str, *, sees_classes: bool = True) -> runtime.Tell:
    """Return what computes the status of a configuration; StorageClasses that it cannot see are taken to be there."""

    def tell(config: Json, is_present: Callable[[Ref], bool], now: datetime) -> Json:
        """Compute the status from what is there."""
        known = is_present if sees_classes else _any
        return report.config_status(config, known, system_namespace=system_namespace, now=now)

    return tell


def _any(_: Ref) -> bool:
    return True


def _kept(cluster: Json) -> Json:
    return {"metadata": {key: cluster["metadata"].get(key) for key in _METADATA}}


def _named_by(config: Ref, _: Json) -> Iterator[Ref]:
    yield config


def _is_used(_: Ref, clusters: Sequence[Json], __: Callable[[Ref], bool]) -> bool:
    return bool(clusters)
