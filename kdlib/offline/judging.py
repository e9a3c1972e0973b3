"""The rules of `kdlib.rules`, asked about an object of the files as if it were created now.

Facts are the other objects of the files. What is not among them is unknown, and no rule refuses for what is unknown.

Layer: pure.
"""

import re
from collections.abc import Iterable
from dataclasses import replace

from kdlib.errors import Problem, RefusedError
from kdlib.frozen import Json, dig
from kdlib.model import StatusBackup, parse_app, parsed
from kdlib.offline.mending import mended
from kdlib.offline.subjects import OUR_KINDS, Objects, Subject, text_at
from kdlib.rules import Facts, Request, User, app_problems, needs, review
from kdlib.wire import KD_APP, KD_CLUSTER, KD_CONFIG, KD_STATUS_BACKUP, Ref

__all__ = ["judge"]

_NAMESPACE = "default"
"""Where an object goes that names no namespace."""

_SYSTEM = "kubedirector"
_ROUNDS = 5
_ROLE_ID = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]")


def judge(subject: Subject, objects: Objects) -> tuple[Problem, ...]:
    """Return everything that schema and rules have against an object of one of our kinds; raises nothing."""
    kind = OUR_KINDS[subject.kind]
    if kind == KD_STATUS_BACKUP:
        return _backup_problems(subject.value)
    place = subject.namespace or (_SYSTEM if kind == KD_CONFIG else _NAMESPACE)
    request = Request("CREATE", kind, place, subject.name, User(), new=_placed(subject.value, place))
    system = place if kind == KD_CONFIG else _SYSTEM
    known: dict[Ref, Json | None] = _app_facts(subject, place, objects) if kind == KD_CLUSTER else {}
    facts = Facts(known, system_namespace=system, check_access=False, entropy="0" * 64)
    return _reviewed(request, facts, objects)


def _reviewed(request: Request, facts: Facts, objects: Objects) -> tuple[Problem, ...]:
    """Review the object; where the schema refuses types alone, add what the rules say of it with those mended."""
    problems = review(request, _grown(request, facts, objects)).problems
    mend = mended(request.new or {}, problems)
    if mend is None:
        return problems
    told = {problem.path for problem in problems}
    again = replace(request, new=mend)
    further = review(again, _grown(again, facts, objects)).problems
    return (*problems, *(problem for problem in further if problem.rule and problem.path not in told))


def _grown(request: Request, facts: Facts, objects: Objects) -> Facts:
    """Add what the rules ask for, as far as the files have it."""
    for _ in range(_ROUNDS):
        asked = needs(request, facts).objects
        found = {ref: item for ref in asked if ref not in facts.objects and (item := _fact(ref, objects)) is not None}
        if not found:
            return facts
        facts = replace(facts, objects={**facts.objects, **found})
    return facts


def _fact(ref: Ref, objects: Objects) -> Json | None:
    known = objects.near(ref.kind.group, ref.kind.name, ref.name, ref.namespace if ref.kind.namespaced else "")
    if known is None and ref.kind == KD_CONFIG:
        known = next(iter(objects.of_kind(KD_CONFIG.group, KD_CONFIG.name)), None)
    if known is None or ref.kind == KD_APP:
        return None
    own = ref.kind.name in OUR_KINDS and ref.kind.group == KD_APP.group
    return _placed(known.value if own else _well_formed(known.value), ref.namespace)


def _well_formed(value: Json) -> Json:
    """Return what rules may read of an object of another kind, as far as it has the form that a server asks for."""
    metadata = {
        **{key: text for key in ("name", "namespace") if (text := text_at(value, "metadata", key))},
        **{key: _texts(dig(value, "metadata", key)) for key in ("labels", "annotations")},
    }
    modes = dig(value, "spec", "accessModes")
    spec = {
        "accessModes": [mode for mode in modes if isinstance(mode, str)] if isinstance(modes, list) else [],
        **{key: text for key in ("volumeMode", "storageClassName") if (text := text_at(value, "spec", key))},
    }
    return {"apiVersion": value.get("apiVersion"), "kind": value.get("kind"), "metadata": metadata, "spec": spec}


def _texts(value: object) -> Json:
    return {key: text for key, text in value.items() if isinstance(text, str)} if isinstance(value, dict) else {}


def _placed(value: Json, namespace: str) -> Json:
    """Return the object with a namespace, where its metadata have room for one."""
    metadata = value.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("namespace"):
        return value
    return {**value, "metadata": {**metadata, "namespace": namespace}}


def _app_facts(subject: Subject, place: str, objects: Objects) -> dict[Ref, Json | None]:
    """Return the app of a cluster, where the rules look for it; a stand-in where the files have none that is right."""
    name = text_at(subject.value, "spec", "app")
    catalog = dig(subject.value, "spec", "appCatalog")
    near = objects.near(KD_APP.group, KD_APP.name, name, subject.namespace)
    found = None if catalog == "system" else near
    is_local = found is not None or catalog == "local"
    if found is None and catalog != "local":
        found = next(iter(objects.named(KD_APP.group, KD_APP.name, name)), None)
    app = found.value if found and _is_right(found.value) else _stand_in(name, subject.value)
    where = place if is_local else _SYSTEM
    placed = {**app, "metadata": {"name": name, "namespace": where}}
    return {Ref(KD_APP, place, name): None, Ref(KD_APP, where, name): placed}


def _is_right(app: Json) -> bool:
    try:
        return not list(app_problems(parse_app(app).spec))
    except RefusedError:
        return False


def _stand_in(name: str, cluster: Json) -> Json:
    """Return an app that has every role of the cluster and asks for nothing."""
    roles = dig(cluster, "spec", "roles")
    ids = [dig(role, "id") for role in roles] if isinstance(roles, list) else []
    known = dict.fromkeys(text for text in ids if isinstance(text, str) and _ROLE_ID.fullmatch(text))
    spec = {
        "label": {"name": name or "unknown"},
        "distroID": "unknown",
        "version": "unknown",
        "configSchemaVersion": 7,
        "defaultImageRepoTag": "unknown",
        "roles": [{"id": text, "cardinality": "0+"} for text in known],
        "config": {"selectedRoles": [], "roleServices": []},
    }
    return {"apiVersion": KD_APP.api_version, "kind": KD_APP.name, "spec": spec}


def _backup_problems(value: Json) -> tuple[Problem, ...]:
    found: Iterable[Problem] = ()
    try:
        parsed(StatusBackup, value)
    except RefusedError as error:
        found = error.problems
    return tuple(found)
