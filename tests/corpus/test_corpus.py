"""Manifests as users of the original have them: what the specification accepts is accepted, what it refuses is told.

accepted/ holds whole manifests, variants.yaml and refused.yaml change one thing in them; what is to be said of each was
taken from the text of the specification alone. Models, rules, offline check and embedded API server must agree on it.
"""

import copy
import itertools
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

import kdlib
from kdlib import offline, rules
from kdlib.errors import ApiError, RefusedError
from kdlib.model import KINDS, StatusBackup, cel_rules, crd, parse_app, parse_cluster, parse_config, parsed
from kdlib.rules import Facts, Request, User
from kdlib.sandbox import Registry
from kdlib.wire import KD_APP, KD_CLUSTER, KD_CONFIG, KD_STATUS_BACKUP, STORAGE_CLASS, Kind, Ref, json_patch

FOLDER = Path(__file__).parent
NOW = datetime(2030, 1, 1, tzinfo=UTC)
NAMESPACE, SYSTEM = "team", "kubedirector"
OUR_KINDS = {kind.name: kind for kind in (KD_APP, KD_CLUSTER, KD_CONFIG, KD_STATUS_BACKUP)}
PARSERS = {
    KD_APP: parse_app,
    KD_CLUSTER: parse_cluster,
    KD_CONFIG: parse_config,
    KD_STATUS_BACKUP: lambda value: parsed(StatusBackup, value),
}


def documents(path):
    """Read a file, give each object its namespace."""
    for value in yaml.load_all(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader):
        for item in value["items"] if value["kind"] == "List" else [value]:
            if item["kind"] != STORAGE_CLASS.name:
                item["metadata"].setdefault("namespace", SYSTEM if item["kind"] == KD_CONFIG.name else NAMESPACE)
            yield item


def kind_of(value):
    known = {**OUR_KINDS, STORAGE_CLASS.name: STORAGE_CLASS}
    return known.get(value["kind"]) or Kind(value["apiVersion"], value["kind"])


def ref_of(value):
    metadata = value["metadata"]
    return Ref(kind_of(value), metadata.get("namespace", ""), metadata["name"])


WHOLE = [item for path in sorted((FOLDER / "accepted").iterdir()) for item in documents(path)]
THERE = list(documents(FOLDER / "world.yaml"))
(CONFIG,) = [item for item in THERE if item["kind"] == KD_CONFIG.name]
BACKUP = next(item for item in WHOLE if item["metadata"]["name"] == "b2")


@dataclass(frozen=True)
class Case:
    """One object, or one change of a stored one, what is there besides, and what is to be said of it."""

    name: str
    value: dict
    stored: dict | None = None
    deleted: bool = False
    used: bool = False
    config: dict | None = None
    without: tuple = ()
    refused: tuple = ()
    """Rule and path; empty where it is to be accepted."""
    besides: tuple = ()
    """Rules that are broken too, since one mistake may break several."""

    @property
    def kind(self):
        return kind_of(self.value)

    @property
    def is_new(self):
        return self.stored is None and not self.deleted

    @property
    def has_wrong_form(self):
        return self.refused[:1] == ("SCHEMA",)

    def world(self):
        """Return everything that is there, but the object itself."""
        apps = [item for item in WHOLE if item["kind"] == KD_APP.name]
        users = [self.stored or self.value] if self.used and self.kind == KD_CLUSTER else []
        users += [item for item in WHOLE if self.used and item["metadata"]["name"] == "spark-instance"]
        stored = [self.stored] if self.stored else [self.value] if self.deleted else []
        for item in (*stored, *THERE, *apps, *users):
            if f"{item['kind']}/{item['metadata']['name']}" not in self.without:
                mine = item["kind"] == KD_CONFIG.name and self.config is not None and self.kind != KD_CONFIG
                yield {**item, "spec": {**item["spec"], **self.config}} if mine else item


def steps(path):
    """Take a path apart: `a.b[0].c`."""
    for part in path.replace("[", ".[").split("."):
        yield int(part[1:-1]) if part.startswith("[") else part


def at(value, path):
    *way, last = steps(path)
    for step in way:
        if isinstance(value, dict) and value.get(step) is None:
            value[step] = {}
        value = value[step]
    return value, last


def changed(value, changes, removed=()):
    whole = copy.deepcopy(value)
    for path in removed:
        holder, last = at(whole, path)
        del holder[last]
    for path, new in changes.items():
        holder, last = at(whole, path)
        if isinstance(holder, list) and last == len(holder):
            holder.append(new)
        else:
            holder[last] = new
    return whole


def in_use(cluster, names):
    """Return a cluster whose members run, as the original left it."""
    state = {"service": "", "state": "configured", "stateDetail": {}}
    roles = [
        {
            "id": name,
            "statefulSet": f"kdss-{number}",
            "members": [{"pod": f"kdss-{number}-0", "nodeID": number + 1, **state}],
        }
        for number, name in enumerate(names)
    ]
    status = {"state": "configured", "generationUID": "g", "clusterService": "kdhs-1", "lastNodeID": 9, "roles": roles}
    return {**cluster, "metadata": {**cluster["metadata"], "uid": "u"}, "status": status}


def written(group, entry, number):
    """Return the case of an entry of variants.yaml or refused.yaml."""
    fixed = {"configs": CONFIG, "backups": BACKUP}
    base = fixed.get(group) or next(
        item
        for item in WHOLE
        if item["metadata"]["name"] == entry["from"] and item["kind"] == f"KubeDirector{group[:-1].title()}"
    )
    value = changed(base, entry.get("change", {}), entry.get("remove", ()))
    stored = None
    if "update" in entry:
        stored = value
        value = changed(value, entry["update"])
        if group == "clusters":
            stored = json_patch(stored, list(reviewed(Case("", stored)).patch))
            names = [*(role["id"] for role in stored["spec"]["roles"]), *entry.get("leaving", ())]
            stored, value = in_use(stored, names), in_use(value, names)
    return Case(
        f"{group[:-1]}-{number}-" + "-".join(entry.get("refused", ["accepted"])),
        value,
        stored,
        deleted=entry.get("delete", False),
        used=entry.get("used", False),
        config=entry.get("config"),
        without=tuple(entry.get("without", ())),
        refused=tuple(next(iter(entry.get("refused", {}).items()), ())),
        besides=tuple(entry.get("besides", ())),
    )


def reviewed(case):
    """Return what the rules say to the write."""
    there = {ref_of(item): item for item in case.world()}
    metadata = case.value["metadata"]
    operation = "DELETE" if case.deleted else "UPDATE" if case.stored else "CREATE"
    request = Request(
        operation,
        case.kind,
        metadata["namespace"],
        metadata["name"],
        User("jane"),
        new=None if case.deleted else case.value,
        old=case.value if case.deleted else case.stored,
    )
    facts = Facts(operator="kd", system_namespace=SYSTEM, entropy="5f" * 32)
    while asked := rules.needs(request, facts):
        facts = replace(
            facts,
            objects={**facts.objects, **{ref: there.get(ref) for ref in asked.objects}},
            lists={
                **facts.lists,
                **{
                    need: tuple(
                        item
                        for ref, item in there.items()
                        if ref.kind == need.kind and need.namespace in ("", ref.namespace)
                    )
                    for need in asked.lists
                },
            },
            allowed={**facts.allowed, **dict.fromkeys(asked.access, True)},
        )
    return rules.review(request, facts)


def read(name):
    return yaml.load((FOLDER / name).read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def listed(name):
    found = read(name).items()
    return [written(group, entry, number) for group, entries in found for number, entry in enumerate(entries)]


ACCEPTED = [
    *(Case(f"{item['kind'][12:].lower()}-{item['metadata']['name']}-{n}", item) for n, item in enumerate(WHOLE)),
    *listed("variants.yaml"),
]
REFUSED = listed("refused.yaml")
CASES = [*ACCEPTED, *REFUSED]


def of(cases):
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def attempt(work):
    """Do it; return the refusal."""
    try:
        work()
    except (RefusedError, ApiError) as refusal:
        return refusal


def told(problems):
    return {(problem.rule or "SCHEMA", problem.path) for problem in problems}


@of([case for case in CASES if not case.deleted])
def test_models_read_what_users_have_and_name_what_has_the_wrong_form(case):
    refusal = attempt(lambda: PARSERS[case.kind](case.value))
    if case.has_wrong_form:
        assert case.refused[1] in {problem.path for problem in refusal.problems}
    else:
        assert refusal is None


@of([case for case in CASES if case.kind != KD_STATUS_BACKUP])
def test_rules_accept_what_users_have_and_name_the_rule_that_is_broken(case):
    found = told(reviewed(case).problems)
    if not case.refused:
        assert not found
        return
    assert case.refused in found
    assert {rule for rule, path in found if (rule, path) != case.refused} <= set(case.besides)


ALONE = {"CL-V-10"}
"""Rules whose violation leaves others open: nobody knows the roles of an app that is not there."""


def pairs():
    """Yield cases with two mistakes, which do not touch."""
    entries = read("refused.yaml")
    plain = [
        (group, entry)
        for group in ("apps", "clusters", "configs")
        for entry in entries[group]
        if entry.keys() <= {"from", "change", "refused"} and not entry["refused"].keys() & ALONE
    ]
    for number, ((group, one), (other_group, other)) in enumerate(zip(plain, plain[7:] + plain[:7], strict=True)):
        changes = [list(entry["change"]) for entry in (one, other)]
        touch = any(a.startswith(b) or b.startswith(a) for a in changes[0] for b in changes[1])
        if group == other_group and one.get("from") == other.get("from") and not touch:
            both = {**one, "change": {**one["change"], **other["change"]}}
            yield written(group, both, number), {**one["refused"], **other["refused"]}


@pytest.mark.parametrize(("case", "refused"), [pytest.param(*pair, id=pair[0].name) for pair in pairs()])
def test_two_mistakes_are_both_told(case, refused):
    assert set(refused.items()) <= told(reviewed(case).problems)


def seen(case):
    """Return what one pass over a cluster of the corpus sees: the object as it was stored, app and configuration."""
    stored = json_patch(case.value, list(reviewed(case).patch))
    root = {**stored, "metadata": {**stored["metadata"], "uid": "u", "generation": 1}}
    related = tuple((ref_of(item), item) for item in case.world() if item["kind"] in OUR_KINDS)
    return kdlib.Seen(NOW, root, related=related, entropy="0" * 32)


@of([case for case in ACCEPTED if case.kind == KD_CLUSTER and not case.stored])
def test_what_is_accepted_can_be_built(case):
    if "status-backup-exists: true" in str(case.value["metadata"]).replace("'", ""):
        return
    found = seen(case)
    desired = kdlib.build(kdlib.resolve(kdlib.Cluster.of(found.root), None, found))
    assert all(obj["metadata"]["name"] for obj in desired.graph.objects)


UNTOLD = {
    *("CL-V-10", "CL-V-22", "CL-V-25", "CL-V-26", "CL-V-27", "CL-V-33", "CL-V-35", "CL-V-36", "CL-V-37"),
    *("CFG-V-02", "CFG-V-07"),
}
"""What files alone cannot tell."""


@of([case for case in CASES if case.is_new])
def test_a_check_of_files_says_the_same(case):
    rest = [item for item in case.world() if item["kind"] not in OUR_KINDS or ref_of(item) != ref_of(case.value)]
    rest = [item for item in rest if item["kind"] != KD_CLUSTER.name]
    given = {"case.json": [case.value], "rest.yaml": rest if case.kind == KD_CLUSTER else []}
    files = {name: "\n---\n".join(map(json.dumps, items)).encode() for name, items in given.items() if items}
    findings = [item for item in offline.check([], given=files).findings if item.level == "error"]
    assert all(item.file == "case.json" and item.what and item.remedy for item in findings), findings
    found = {(item.rule, item.path) for item in findings}
    rule, path = case.refused or ("", "")
    if not case.refused or rule in UNTOLD or (path.endswith("pvcName") and "none" in str(case.value)):
        assert not found
    else:
        assert (rule, path) in found or (rule == "SCHEMA" and path in {field for _, field in found})


KEYED = {"APP-V-02", "APP-V-03", "APP-V-04", "APP-V-05", "CL-V-15"}
"""Rules that the schema holds as keys of its lists; further ones stand in it as CEL."""

IN_SCHEMA = KEYED | {rule.rule for rule in cel_rules()}


@pytest.fixture(scope="module")
def registry():
    numbers = itertools.count(1)
    registry = Registry(lambda: NOW, lambda: f"uid-{next(numbers)}")
    for name in (NAMESPACE, SYSTEM):
        registry.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for kind in KINDS:
        registry.create(crd(kind.name))
    return registry


@of([case for case in CASES if not case.deleted])
def test_an_api_server_with_the_schemas_alone_says_the_same_of_the_form(registry, case):
    value = copy.deepcopy(case.value)
    for name in ("uid", "creationTimestamp", "generation"):
        value["metadata"].pop(name, None)
    refusal = attempt(lambda: registry.create(value, dry_run=True))
    if case.has_wrong_form:
        causes = refusal.status["details"]["causes"]
        assert case.refused[1] in {cause["field"] for cause in causes} or case.refused[1] in str(causes)
    else:
        assert refusal is None or (case.refused and case.refused[0] in IN_SCHEMA), refusal
