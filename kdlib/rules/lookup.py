"""Finding the app and the global configuration of a cluster in what was seen.

Layer: pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from kdlib.errors import Problem, RefusedError
from kdlib.frozen import Json, dig
from kdlib.graph import Ownership
from kdlib.model import (
    CONFIG_NAME,
    App,
    AppSpec,
    Cluster,
    ClusterStatus,
    Config,
    Seen,
    parse_app,
    parse_config,
    parsed,
)
from kdlib.names import LABEL_CATALOG, is_dns_subdomain
from kdlib.rules.app import app_problems
from kdlib.rules.config import used_config_problems
from kdlib.rules.correction import with_roles_of
from kdlib.rules.defaults import app_defaults
from kdlib.rules.meaning import app_meaning
from kdlib.rules.moving import moving_problems
from kdlib.wire import CONTROLLER_REVISION, KD_APP, KD_CONFIG, Ref

__all__ = ["FoundApp", "app_places", "find_app", "find_config", "live_app", "own_copy"]


@dataclass(frozen=True, slots=True)
class FoundApp:
    """The app of a cluster, its defaults filled in, and where it was found."""

    name: str
    namespace: str
    catalog: str
    spec: AppSpec
    copy: str = ""
    """Name of the ControllerRevision that it was read from; empty where it was none."""
    replaces_copy: bool = False
    """True where the cluster has a copy of another app, or of a form of this one that no member ever ran from."""
    former: "FoundApp | None" = None
    """The app that the cluster ran until now, where it moves to this one."""
    refused: tuple[Problem, ...] = ()
    """Why the cluster stays with this app, and does not move to the one that its spec names."""


def app_places(cluster: Json, system_namespace: str) -> tuple[Ref, ...]:
    """Return where the app that a cluster names may be, in the order in which it is looked for (CL-V-10)."""
    namespace = str(dig(cluster, "metadata", "namespace", default=""))
    app, catalog = dig(cluster, "spec", "app"), dig(cluster, "spec", "appCatalog")
    if not (isinstance(app, str) and is_dns_subdomain(app)):
        return ()
    places = {"local": (namespace,), "system": (system_namespace,)}.get(str(catalog), (namespace, system_namespace))
    return tuple(dict.fromkeys(Ref(KD_APP, place, app) for place in places))


def find_config(cluster: Cluster, seen: Seen) -> Config | None:
    """Return the global configuration, or None where there is none.

    One that cannot be read is as good as none for a cluster whose roles were all accepted before, since it changes
    no running cluster; for others it raises RefusedError. So does one that may not be read, also for clusters with
    secret keys: those are decrypted anew each time.
    """
    _refuse_unreadable(cluster, seen)
    stored = next((item for ref, item in seen.related if ref.kind == KD_CONFIG and ref.name == CONFIG_NAME), None)
    if stored is None:
        return None
    try:
        config = parse_config(stored)
        problems: tuple[Problem, ...] = tuple(used_config_problems(config))
    except RefusedError as error:
        config, problems = None, error.problems
    if problems and not _accepted_before(cluster):
        told = ", ".join(f"{problem.path}: {problem.what}" for problem in problems)
        what = f"the global configuration {CONFIG_NAME!r} is wrong: {told}"
        raise RefusedError(str(cluster.ref), [Problem("spec", what, "ask your administrator to correct it")])
    return config


def _refuse_unreadable(cluster: Cluster, seen: Seen) -> None:
    words = next((words for ref, words in seen.unreadable if ref.kind == KD_CONFIG), None)
    if words is None or (_accepted_before(cluster) and not any(role.secret_keys for role in cluster.spec.roles)):
        return
    what = f"the global configuration {CONFIG_NAME!r}, which the cluster needs, cannot be read: {words}"
    remedy = f"ask your administrator to let the operator list and watch {KD_CONFIG.plural}"
    raise RefusedError(str(cluster.ref), [Problem("spec", what, remedy)])


def _accepted_before(cluster: Cluster) -> bool:
    """Tell whether the cluster and all its roles were accepted by an earlier pass."""
    status = cluster.status or ClusterStatus()
    return bool(status.reserved) and {role.id for role in cluster.spec.roles} <= {role.id for role in status.roles}


def own_copy(cluster: Cluster, seen: Seen) -> FoundApp | None:
    """Return the app as the cluster's own copy has it, or None where there is no copy yet (CL-X-75).

    Where the copy that is recorded was never written, it is the one that the cluster was to change for it.
    Raises RefusedError where the copy cannot be read.
    """
    reserved = cluster.status.reserved if cluster.status else None
    if not reserved or not reserved.app_copy:
        return None
    copy = _copy_there(seen, reserved.app_copy)
    if copy is None:
        return None
    copy_name, name = str(dig(copy, "metadata", "name")), str(dig(copy, "data", "app", default=""))
    namespace, catalog = reserved.app_namespace, reserved.app_catalog
    if copy_name != reserved.app_copy:
        # What is recorded is already that of the other app; the copy's label tells where its own came from.
        catalog = str(dig(copy, "metadata", "labels", LABEL_CATALOG, default=catalog))
        namespace = cluster.namespace if catalog == "local" else _system_namespace(seen) or namespace
    try:
        spec = app_defaults(parsed(AppSpec, dig(copy, "data", "spec", default={})))
    except RefusedError as error:
        remedy = f"delete ControllerRevision {copy_name!r}, so that the app is copied again"
        wrong = [replace(problem, remedy=remedy) for problem in _inside_app(name, error.problems)]
        raise RefusedError(str(cluster.ref), wrong) from error
    return FoundApp(name, namespace, catalog, spec, copy=copy_name)


def _copy_there(seen: Seen, recorded: str) -> Json | None:
    """Return the copy of this name, else the last other one that the cluster holds."""
    copies = [item for item in seen.children if item.get("kind") == CONTROLLER_REVISION.name]
    for copy in copies:
        if dig(copy, "metadata", "name") == recorded:
            return copy
    left = [item for item in copies if Ownership(seen.root).holds(item) and isinstance(dig(item, "data", "app"), str)]
    return max(left, key=_age, default=None)


def _age(item: Json) -> tuple[str, str]:
    return str(dig(item, "metadata", "creationTimestamp", default="")), str(dig(item, "metadata", "name"))


def _system_namespace(seen: Seen) -> str:
    """Return the namespace that the operator lives in, which has its configuration; empty where that is not known."""
    return next((ref.namespace for ref, _ in seen.related if (ref.kind, ref.name) == (KD_CONFIG, CONFIG_NAME)), "")


def find_app(cluster: Cluster, app: App | None, seen: Seen) -> FoundApp:
    """Return the app that the cluster runs: its own copy, else the app given, else the one it names (CL-V-10).

    As long as no member was ever set up from the copy, a corrected app takes its place; later, roles of which no
    member ever was set up take its image and setup package. So a mistake in an app is mended in the app.
    Where the spec names another app than the copy's, the cluster moves to it, or the copy says why it cannot.
    Raises RefusedError where there is none, or where it is wrong itself.
    """
    copy = own_copy(cluster, seen)
    if copy is None:
        return live_app(cluster, app, seen)
    if cluster.spec.app != copy.name or cluster.spec.app_catalog not in (None, copy.catalog):
        return _moved(cluster, app, copy, seen)
    if _all_set_up(cluster):
        return copy
    try:
        live = live_app(cluster, app, seen)
    except RefusedError:
        return copy
    mended = _mended(cluster, copy, live)
    return copy if app_meaning(mended.spec) == app_meaning(copy.spec) else replace(mended, replaces_copy=True)


def _moved(cluster: Cluster, app: App | None, copy: FoundApp, seen: Seen) -> FoundApp:
    """Return the app that the spec names, or the copy with what speaks against leaving it (CL-V-40, CL-V-41)."""
    status, path = cluster.status or ClusterStatus(), "spec.app"
    if cluster.spec.app == copy.name:
        path = "spec.appCatalog"
    try:
        live = live_app(cluster, app, seen)
    except RefusedError as error:
        return replace(copy, refused=tuple(error.problems))
    problems = tuple(moving_problems(live.spec, copy.spec, status, path=path))
    if problems:
        return replace(copy, refused=problems)
    return replace(live, replaces_copy=True, former=copy)


def _all_set_up(cluster: Cluster) -> bool:
    """Tell whether every role that has members had one that was configured."""
    entries = cluster.status.roles if cluster.status else ()
    return bool(entries) and all(entry.was_set_up for entry in entries)


def _mended(cluster: Cluster, copy: FoundApp, live: FoundApp) -> FoundApp:
    """Return the copy with what a corrected app may change in it."""
    entries = cluster.status.roles if cluster.status else ()
    if not any(entry.was_set_up for entry in entries):
        return live
    if (live.name, live.namespace) != (copy.name, copy.namespace):
        return copy
    waiting = [entry.id for entry in entries if not entry.was_set_up]
    return replace(copy, spec=with_roles_of(copy.spec, live.spec, waiting))


def live_app(cluster: Cluster, app: App | None, seen: Seen) -> FoundApp:
    """Return the app given, else the one that the cluster names, with defaults; raises RefusedError if it is wrong."""
    live = app or _named_app(cluster, seen)
    problems = list(app_problems(live.spec))
    if problems:
        raise RefusedError(str(cluster.ref), _inside_app(live.name, problems))
    namespace = live.namespace or cluster.namespace
    catalog = "local" if namespace == cluster.namespace else "system"
    return FoundApp(cluster.spec.app, namespace, catalog, app_defaults(live.spec))


def _named_app(cluster: Cluster, seen: Seen) -> App:
    places = _places(cluster, seen)
    stored = next((item for item in places.values() if item is not None), None)
    if stored is None:
        looked = " or ".join(map(repr, places or [cluster.namespace]))
        what = f"app {cluster.spec.app!r} does not exist in namespace {looked}"
        raise RefusedError(str(cluster.ref), [Problem("spec.app", what, "create it, or correct the name", "CL-V-10")])
    try:
        return parse_app(stored)
    except RefusedError as error:
        raise RefusedError(str(cluster.ref), _inside_app(cluster.spec.app, error.problems)) from error


def _places(cluster: Cluster, seen: Seen) -> dict[str, Json | None]:
    """Return what is known by the app's name in each namespace that the catalog allows, the cluster's own first."""
    home, catalog = cluster.namespace, cluster.spec.app_catalog
    found = {ref.namespace: item for ref, item in seen.related if (ref.kind, ref.name) == (KD_APP, cluster.spec.app)}
    # Where the operator lives in the cluster's namespace, both catalogs are the same place.
    elsewhere = set(found) - {home} or set(found)
    allowed = {"local": {home}, "system": elsewhere}.get(catalog or "", set(found))
    return {place: found[place] for place in sorted(found, key=lambda name: (name != home, name)) if place in allowed}


def _inside_app(name: str, problems: list[Problem] | tuple[Problem, ...]) -> Iterator[Problem]:
    for problem in problems:
        remedy = f"correct the app: {problem.remedy}" if problem.remedy else "correct the app"
        yield Problem("spec.app", f"app {name!r} is wrong: {problem.path}: {problem.what}", remedy, problem.rule)
