"""The operator of KubeDirectorClusters: kdlib's controller, wired to apps and the global config.

Layer: shell.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import kdlib
from kdd.app_use import app_usage
from kdd.config_use import config_teller, config_usage
from kdd.data import relative, schemas
from kdd.settings import Settings
from kdlib import kube, rules, runtime
from kdlib.wire import (
    CONTROLLER_REVISION,
    KD_APP,
    KD_CLUSTER,
    KD_CONFIG,
    KD_STATUS_BACKUP,
    SERVICE,
    STATEFUL_SET,
    STORAGE_CLASS,
)

__all__ = ["config_services", "controller", "desired", "desired_as_admitted", "holder"]


def desired(seen: kdlib.Seen) -> kdlib.Desired:
    """Compute all that one KubeDirectorCluster wants."""
    return kdlib.build(kdlib.resolve(kdlib.Cluster.of(seen.root), None, seen))


def desired_as_admitted(seen: kdlib.Seen) -> kdlib.Desired:
    """Compute it where the webhook holds what it alone can hold, so that no condition tells otherwise."""
    return kdlib.build(replace(kdlib.resolve(kdlib.Cluster.of(seen.root), None, seen), unheld=()))


def controller(api: kube.Api, settings: Settings, *, observer: runtime.Observer = runtime.SILENT) -> runtime.Controller:
    """Return the controller of the KubeDirectorClusters of one Kubernetes cluster."""
    related = runtime.Related(
        kinds=(KD_APP, KD_CLUSTER, KD_CONFIG, KD_STATUS_BACKUP, CONTROLLER_REVISION, SERVICE, STATEFUL_SET),
        refs=partial(rules.related, system_namespace=settings.system_namespace),
        singles=rules.TYPED,
    )
    limits = runtime.Settings(workers=settings.workers, watches=_watches(), observer=observer)
    is_held = settings.webhook is not None and settings.webhook.check_access
    compute = desired_as_admitted if is_held else desired
    return runtime.Controller(api, KD_CLUSTER, compute, related=related, settings=limits)


def holder(api: kube.Api, settings: Settings) -> runtime.Holder:
    """Return what holds the apps that clusters of one Kubernetes cluster use."""
    return runtime.Holder(api, app_usage(settings.system_namespace), settings=runtime.RoundSettings(watches=_watches()))


def config_services(api: kube.Api, settings: Settings) -> Iterator[runtime.Service]:
    """Yield what holds the global configuration while there are clusters, and what tells how it stands."""
    limits, place = runtime.RoundSettings(watches=_watches()), settings.system_namespace
    yield runtime.Holder(api, config_usage(place), settings=limits)
    told = runtime.ReporterSettings(watches=_watches())
    # Who looks after one namespace alone needs no right to anything outside of it.
    others = () if settings.namespace else (STORAGE_CLASS,)
    yield runtime.Reporter(
        api, KD_CONFIG, config_teller(place, sees_classes=bool(others)), others=others, settings=told
    )


def _watches() -> kube.ReflectorSettings:
    return kube.ReflectorSettings(missing_remedy=f"kubectl apply --server-side -f {_schemas_folder()}")


def _schemas_folder() -> str:
    """Return the folder of the CustomResourceDefinitions, as a user in the present folder types it."""
    return f"{relative(schemas()[0].parent)}/"
