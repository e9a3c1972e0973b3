"""Which clusters use an app, as the API server shows it, and what that forbids (APP-V-01, APP-V-10; W-15).

Layer: pure.
"""

from collections.abc import Iterable, Iterator

from kdlib.errors import Problem, RefusedError
from kdlib.frozen import Json, dig
from kdlib.model import AppSpec, MemberState, parse_app
from kdlib.rules.correction import with_roles_of
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
    release stored the app (W-10). What never ran may be corrected: the whole app, where a cluster's first set-up
    failed before any member ran; image and setup package of a role, where its members wait for that.
    """
    held = [(item, _fields_held(new, old, item)) for item in users_of(app, facts)]
    users = [item for item, fields in held if fields]
    what = f"app {app.name!r} is in use by {_listed(users)}, and cannot change"
    remedy = "make a new app of the same distroID, with another name"
    for path in sorted({path for _, fields in held for path in fields}):
        yield Problem(path, what, remedy, "APP-V-10")


def _fields_held(new: AppSpec, old: AppSpec | None, cluster: Json) -> tuple[str, ...]:
    """Return the fields that change and that a cluster rests on."""
    if _failed_first_set_up(cluster):
        return ()
    if old is None:
        return _changed_fields(new, None)
    return _changed_fields(with_roles_of(app_defaults(new), app_defaults(old), _waiting_roles(cluster)), old)


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
    return tuple(_differences(left, right, "spec"))


def _differences(left: Json, right: Json, path: str) -> Iterator[str]:
    """Yield the fields that differ: of items of a list one by one, as long as none came or went."""
    for key in sorted({*left, *right}):
        new, old = left.get(key), right.get(key)
        where = f"{path}.{key}"
        match new, old:
            case _ if new == old:
                continue
            case list(), list() if len(new) == len(old) and all(isinstance(item, dict) for item in (*new, *old)):
                for index, (one, other) in enumerate(zip(new, old, strict=True)):
                    yield from _differences(one, other, f"{where}[{index}]")
            case _:
                yield where


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
    """Tell whether a member failed, or cannot run, and none was ever configured."""
    members = [member for role in dig(cluster, "status", "roles", default=[]) for member in _members(role)]
    return not any(map(_was_set_up, members)) and any(map(_is_in_trouble, members))


def _waiting_roles(cluster: Json) -> list[str]:
    """Return the roles of which no member was ever configured, and one failed or cannot run."""
    return [
        str(dig(role, "id"))
        for role in dig(cluster, "status", "roles", default=[])
        if not any(map(_was_set_up, _members(role))) and any(map(_is_in_trouble, _members(role)))
    ]


def _members(role: Json) -> list[Json]:
    return list(dig(role, "members", default=[]))


def _was_set_up(member: Json) -> bool:
    detail = dig(member, "stateDetail", default={})
    handled = detail.get("lastConfiguredContainer") is not None and detail.get("configErrorDetail") is None
    known = any(detail.get(key) is not None for key in ("lastSetupGeneration", "configuredGeneration"))
    return member.get("state") == MemberState.CONFIGURED or bool(detail.get("announced")) or handled or known


def _is_in_trouble(member: Json) -> bool:
    failed = member.get("state") == MemberState.CONFIG_ERROR
    return failed or dig(member, "stateDetail", "trouble") is not None


def _listed(clusters: Iterable[Json]) -> str:
    names = sorted(f"{dig(item, 'metadata', 'namespace')}/{dig(item, 'metadata', 'name')}" for item in clusters)
    more = [f"and {len(names) - _LISTED} more"] if len(names) > _LISTED else []
    noun = "cluster" if len(names) == 1 else "clusters"
    return f"{noun} {', '.join([*names[:_LISTED], *more])}"
