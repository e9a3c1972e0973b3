"""Which clusters use an app, as the API server shows it, and what that forbids (APP-V-01, APP-V-10; W-15).

Layer: pure.
"""

from collections.abc import Iterable, Iterator

from kdlib.errors import Problem, RefusedError
from kdlib.frozen import Json, dig
from kdlib.model import AppSpec, MemberState, parse_app
from kdlib.rules.defaults import app_defaults
from kdlib.rules.meaning import app_meaning
from kdlib.rules.request import Facts, ListNeed, Needs
from kdlib.wire import KD_APP, KD_CLUSTER, Ref

__all__ = ["app_kept_while_in_use", "changes_meaning", "deletable_app", "use_needs", "users_of"]

_LISTED = 10


def use_needs(app: Ref, facts: Facts) -> Needs:
    """Return what must be known to tell who uses the app: clusters, and apps of its name that some of them prefer."""
    need = _clusters(app, facts)
    rivals = [_rival(app, cluster) for cluster in facts.lists.get(need, ()) if _is_undecided(app, cluster, facts)]
    return Needs(objects=tuple(dict.fromkeys(rivals)), lists=(need,))


def users_of(app: Ref, facts: Facts) -> tuple[Json, ...]:
    """Return the clusters that use the app, those that are being deleted left out.

    A cluster that has reserved an app says which; another one finds it by CL-V-10, its own namespace first.
    """
    found = facts.lists.get(_clusters(app, facts), ())
    return tuple(item for item in found if not dig(item, "metadata", "deletionTimestamp") and _uses(app, item, facts))


def deletable_app(app: Ref, facts: Facts) -> Iterator[Problem]:
    """APP-V-01: an app in use is not deleted; two replicas and a fresh process tell alike (W-15)."""
    users = users_of(app, facts)
    if users:
        remedy = "delete these clusters first"
        yield Problem("(the object)", f"app {app.name!r} is in use by {_listed(users)}", remedy, "APP-V-01")


def app_kept_while_in_use(new: AppSpec, old: AppSpec | None, app: Ref, facts: Facts) -> Iterator[Problem]:
    """APP-V-10: an app in use keeps its meaning; APP-V-11: one that nobody uses may change.

    Both are compared with every default filled in, so a manifest that is applied again is no change, whichever
    release stored the app (W-10). A cluster whose first set-up failed, before any member ran, holds nothing: its app
    may be corrected.
    """
    changed = _changed_fields(new, old)
    users = [item for item in users_of(app, facts) if not _failed_first_set_up(item)]
    if changed and users:
        what = f"app {app.name!r} is in use by {_listed(users)}, and cannot change"
        remedy = "make a new app of the same distroID, with another name"
        yield from (Problem(path, what, remedy, "APP-V-10") for path in changed)


def changes_meaning(new: Json, old: Json) -> bool:
    """Tell whether an update of an app changes its meaning; an app that cannot be read differs from any other."""
    try:
        return new.get("spec") != old.get("spec") and bool(_changed_fields(parse_app(new).spec, parse_app(old).spec))
    except RefusedError:
        return True


def _changed_fields(new: AppSpec, old: AppSpec | None) -> tuple[str, ...]:
    """Return the fields whose meaning changes; all of it where the old app cannot be read."""
    if old is None:
        return ("spec",)
    left, right = (app_meaning(app_defaults(spec)) for spec in (new, old))
    return tuple(f"spec.{key}" for key in sorted({*left, *right}) if left.get(key) != right.get(key))


def _clusters(app: Ref, facts: Facts) -> ListNeed:
    return ListNeed(KD_CLUSTER, "" if app.namespace == facts.system_namespace else app.namespace)


def _uses(app: Ref, cluster: Json, facts: Facts) -> bool:
    if not _may_use(app, cluster, facts):
        return False
    return not _is_undecided(app, cluster, facts) or facts.objects.get(_rival(app, cluster)) is None


def _may_use(app: Ref, cluster: Json, facts: Facts) -> bool:
    """Tell whether the cluster names the app, and its catalog is one where it lies."""
    if dig(cluster, "spec", "app") != app.name:
        return False
    reserved, home = dig(cluster, "status", "reserved", "appNamespace"), dig(cluster, "metadata", "namespace")
    if reserved:
        return bool(reserved == app.namespace)
    match dig(cluster, "spec", "appCatalog"):
        case "local":
            return bool(home == app.namespace)
        case "system":
            return app.namespace == facts.system_namespace
        case _:
            return app.namespace in (home, facts.system_namespace)


def _is_undecided(app: Ref, cluster: Json, facts: Facts) -> bool:
    """Tell whether an app of the same name in the cluster's own namespace would be preferred."""
    decided = dig(cluster, "status", "reserved", "appNamespace") or dig(cluster, "spec", "appCatalog")
    away = dig(cluster, "metadata", "namespace") != app.namespace
    return away and not decided and _may_use(app, cluster, facts)


def _rival(app: Ref, cluster: Json) -> Ref:
    return Ref(KD_APP, str(dig(cluster, "metadata", "namespace", default="")), app.name)


def _failed_first_set_up(cluster: Json) -> bool:
    """Tell whether a member is in config error, and none was ever configured."""
    roles = dig(cluster, "status", "roles", default=[])
    members = [member for role in roles for member in dig(role, "members", default=[])]
    ever = any(
        member.get("state") == MemberState.CONFIGURED or dig(member, "stateDetail", "lastSetupGeneration") is not None
        for member in members
    )
    return not ever and any(member.get("state") == MemberState.CONFIG_ERROR for member in members)


def _listed(clusters: Iterable[Json]) -> str:
    names = sorted(f"{dig(item, 'metadata', 'namespace')}/{dig(item, 'metadata', 'name')}" for item in clusters)
    more = [f"and {len(names) - _LISTED} more"] if len(names) > _LISTED else []
    noun = "cluster" if len(names) == 1 else "clusters"
    return f"{noun} {', '.join([*names[:_LISTED], *more])}"
