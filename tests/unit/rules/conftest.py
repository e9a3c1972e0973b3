"""A small world for reviews: what is stored, and who may do what; and what rules say, word for word."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from wording import hold

from kdlib.rules import Access, Facts, Request, User, needs, review
from kdlib.wire import KD_APP, KD_CLUSTER, KD_CONFIG, SECRET, STORAGE_CLASS, Kind, Ref, json_patch

VERSION = "kubedirector.hpe.com/v1beta1"
LIMITS = {"limits": {"cpu": "1", "memory": "1Gi"}}
ENTROPY = "5f" * 32
OPERATOR = "system:serviceaccount:kd:kubedirector"


WORDS = Path(__file__).parent / "golden" / "words.yaml"


def as_written(problems):
    """Hold the words of problems, and return them."""
    for problem in problems:
        hold(WORDS, problem.rule or "none", str(problem))
    return problems


def named(kind, name, namespace="team", **more):
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, **more}


def app(name="demo", namespace="team", **changes):
    spec = {
        "label": {"name": "Demo"},
        "distroID": "example/demo",
        "version": "1.0",
        "configSchemaVersion": 8,
        "defaultImageRepoTag": "example/demo:1",
        "services": [{"id": "web", "endpoint": {"port": 80, "urlScheme": "http"}}, {"id": "cron"}],
        "roles": [{"id": "front", "cardinality": "1"}, {"id": "back", "cardinality": "0+"}],
        "config": {
            "selectedRoles": ["front"],
            "roleServices": [{"roleID": "front", "serviceIDs": ["web"]}, {"roleID": "back", "serviceIDs": ["cron"]}],
        },
    }
    return named(KD_APP, name, namespace, spec={**spec, **changes})


def role(name="front", **changes):
    return {"id": name, "resources": LIMITS, **changes}


def cluster(*roles, name="c", namespace="team", status=None, metadata=None, **spec):
    made = named(KD_CLUSTER, name, namespace, spec={"app": "demo", "roles": list(roles) or [role()], **spec})
    made["metadata"] |= {"uid": f"uid-{name}", **(metadata or {})}
    return {**made, "status": status} if status else made


def config(**spec):
    return named(KD_CONFIG, "kd-global-config", "kd", spec=spec)


def storage_class(name, *, default=False):
    made = named(STORAGE_CLASS, name, "")
    if default:
        made["metadata"]["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true"}
    return made


@dataclass(frozen=True)
class World:
    """What an API server holds, and what it would say to access reviews."""

    objects: tuple = ()
    forbidden: Callable[[Access], bool] = field(default=lambda _: False)
    check_access: bool = True

    def having(self, *objects):
        return replace(self, objects=(*self.objects, *objects))

    def facts(self, request):
        known = Facts(operator=OPERATOR, system_namespace="kd", check_access=self.check_access, entropy=ENTROPY)
        for _ in range(5):
            asked = needs(request, known)
            if not asked:
                return known
            known = replace(
                known,
                objects={**known.objects, **{ref: self.get(ref) for ref in asked.objects}},
                lists={**known.lists, **{need: self.list(need) for need in asked.lists}},
                allowed={**known.allowed, **{access: not self.forbidden(access) for access in asked.access}},
            )
        raise AssertionError(f"asks for ever: {asked}")

    def get(self, ref):
        return next((item for item in self.objects if _ref(item) == ref), None)

    def list(self, need):
        found = [item for item in self.objects if _ref(item).kind == need.kind]
        return tuple(item for item in found if need.namespace in ("", item["metadata"].get("namespace")))

    def ask(self, operation, obj, old=None, **more):
        kind = _ref(obj).kind
        metadata = obj["metadata"]
        request = Request(
            operation,
            kind,
            metadata.get("namespace", ""),
            metadata["name"],
            more.pop("user", User("jane", groups=("system:authenticated",))),
            new=None if operation == "DELETE" else obj,
            old=obj if operation == "DELETE" else old,
            **more,
        )
        verdict = review(request, self.facts(request))
        as_written(verdict.problems)
        for warning in verdict.warnings:
            hold(WORDS, "warnings", warning)
        return verdict

    def create(self, obj, **more):
        return self.ask("CREATE", obj, **more)

    def update(self, obj, old, **more):
        return self.ask("UPDATE", obj, old, **more)

    def delete(self, obj, **more):
        return self.ask("DELETE", obj, **more)


def _ref(item):
    metadata = item["metadata"]
    kinds = {STORAGE_CLASS.name: STORAGE_CLASS}
    kind = kinds.get(item["kind"], Kind(item["apiVersion"], item["kind"]))
    return Ref(kind, metadata.get("namespace", ""), metadata["name"])


def stored(obj, verdict):
    """Return what is stored of an object that was allowed."""
    assert verdict.allowed, verdict.problems
    return json_patch(obj, list(verdict.patch))


@pytest.fixture(scope="session")
def words():
    """Hold the words of problems."""
    return as_written


@pytest.fixture
def make():
    """Builders of objects, by name."""
    return SimpleNamespace(
        app=app, role=role, cluster=cluster, config=config, storage_class=storage_class, named=named, stored=stored
    )


@pytest.fixture
def world():
    """What every review test starts from: an app, the configuration with a key, Secrets, storage classes."""
    secrets = (named(SECRET, "s1"), named(SECRET, "s2"))
    return World((app(), config(masterEncryptionKey="0f" * 32), *secrets, storage_class("fast"), storage_class("slow")))
