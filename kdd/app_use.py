"""Use of apps: which apps are held, because a cluster uses them.

Layer: pure.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from kdlib import rules, runtime
from kdlib.frozen import Json, dig
from kdlib.names import ANNOTATION_PREFIX
from kdlib.wire import KD_APP, KD_CLUSTER, Ref

__all__ = ["IN_USE", "app_usage"]

IN_USE = f"{ANNOTATION_PREFIX}in-use"
"""Finalizer of an app that a cluster uses."""

_METADATA = ("name", "namespace", "uid", "resourceVersion", "deletionTimestamp")


def app_usage(system_namespace: str) -> runtime.Usage:
    """Return what it means that a cluster uses an app, by the rules that admission goes by too (APP-V-01)."""
    return runtime.Usage(
        held=KD_APP,
        users=KD_CLUSTER,
        finalizer=IN_USE,
        named_by=partial(_named_by, system_namespace),
        is_used=partial(_is_used, system_namespace),
        beside=partial(_beside, system_namespace),
        kept=_kept,
    )


def _kept(cluster: Json) -> Json:
    """Return what tells which app a cluster uses: a hundredth of it."""
    return {
        "metadata": {key: cluster["metadata"].get(key) for key in _METADATA},
        "spec": {key: dig(cluster, "spec", key) for key in ("app", "appCatalog")},
        "status": {"reserved": {"appNamespace": dig(cluster, "status", "reserved", "appNamespace")}},
    }


def _named_by(system_namespace: str, cluster: Json) -> Iterator[Ref]:
    app, home = dig(cluster, "spec", "app"), dig(cluster, "metadata", "namespace", default="")
    reserved = dig(cluster, "status", "reserved", "appNamespace")
    if isinstance(app, str) and app:
        places = (home, system_namespace, reserved)
        yield from (Ref(KD_APP, place, app) for place in dict.fromkeys(places) if isinstance(place, str) and place)


def _beside(system_namespace: str, app: Ref) -> Iterator[Ref]:
    """Yield the app of the system catalogue that clusters use while there is none of its name beside them."""
    yield Ref(KD_APP, system_namespace, app.name)


def _is_used(system_namespace: str, app: Ref, clusters: Sequence[Json], present: Callable[[Ref], bool]) -> bool:
    facts = rules.Facts(system_namespace=system_namespace)
    known = replace(facts, lists={need: tuple(clusters) for need in rules.use_needs(app, facts).lists})
    rivals = rules.use_needs(app, known).objects
    objects = {ref: {"metadata": {"name": ref.name}} if present(ref) else None for ref in rivals}
    return bool(rules.users_of(app, replace(known, objects=objects)))
