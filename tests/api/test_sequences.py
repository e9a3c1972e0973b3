"""Operations in sequences made at random, on the embedded API server and on a real one: each answers the same.

What is asked depends on what was answered before (versions, UIDs), so that the two servers are asked step by step, and
compared after each. The examples are the same in each run; `--hypothesis-profile=dice` makes others.
"""

import importlib.util
import itertools
import json
import re
from copy import deepcopy
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.control_plane

EXAMPLES = 40
GROUP = "sequences.example.org"
NAMES = ("a", "b")
LABEL = "example"
VERSIONS = re.compile(r"(resourceVersion:|ResourceVersion in (?:the precondition|record) \()\d+")
TYPES = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json-patch": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}


def _cases():
    path = Path(__file__).parent / "test_conformance.py"
    spec = importlib.util.spec_from_file_location("conformance_cases", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CASES = _cases()


# --- kinds and what is written in them ------------------------------------------------------------------------------


class Subject:
    """A kind: where it is, the least that its objects say, and parts laid over that, of which some are wrong."""

    def __init__(self, place, kind, least, parts, *, moving=()):
        self.place, self.kind, self.least, self.parts, self.moving = place, kind, least, [*PARTS, *parts], moving

    def body(self, name, parts):
        api_version = self.place.split("/namespaces")[0].removeprefix("/apis/").removeprefix("/api/")
        metadata = {"name": name, "labels": {LABEL: "{example}"}}
        found = {"apiVersion": api_version, "kind": self.kind, "metadata": metadata, **deepcopy(self.least)}
        for part in parts:
            laid_over(found, part)
        return found


def laid_over(value, part):
    for key, item in part.items():
        if isinstance(item, dict) and isinstance(value.get(key), dict):
            laid_over(value[key], item)
        else:
            value[key] = deepcopy(item)


PARTS = [
    {"metadata": {"labels": {"x": "1"}}},
    {"metadata": {"labels": {"x": "2", "y": "1"}}},
    {"metadata": {"annotations": {"n": "m"}}},
    {"metadata": {"finalizers": ["example.org/hold"]}},
    {"metadata": {"finalizers": ["example.org/hold", "example.org/other"]}},
    {"metadata": {"generateName": "b-"}},
    {"nonsense": 1},
]
CONTAINER = {"name": "c", "image": "i:1"}
TEMPLATE = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [CONTAINER]}}
SUBJECTS = {
    "config maps": Subject(
        "/api/v1/namespaces/{ns}/configmaps",
        "ConfigMap",
        {},
        [
            {"data": {"k": "v"}},
            {"data": {"k": "w", "l": "v"}},
            {"data": {"m": ""}},
            {"data": {"k": None}},
            {"binaryData": {"k": "aGk="}},
            {"immutable": True},
            {"data": {"né": "x"}},
            {"metadata": {"labels": {"z": "not valid"}}},
        ],
    ),
    "secrets": Subject(
        "/api/v1/namespaces/{ns}/secrets",
        "Secret",
        {},
        [
            {"data": {"k": "aGk="}},
            {"stringData": {"k": "v", "l": "w"}},
            {"type": "example.org/t"},
            {"type": "kubernetes.io/tls"},
            {"immutable": True},
        ],
    ),
    "services": Subject(
        "/api/v1/namespaces/{ns}/services",
        "Service",
        {"spec": {"ports": [{"name": "web", "port": 80}]}},
        [
            {"spec": {"selector": {"app": "x"}}},
            {"spec": {"ports": [{"name": "web", "port": 81}, {"name": "other", "port": 82, "targetPort": "t"}]}},
            {"spec": {"ports": [{"name": "web", "port": 80}, {"name": "udp", "port": 80, "protocol": "UDP"}]}},
            {"spec": {"ports": [{"port": 1}, {"port": 2}]}},
            {"spec": {"clusterIP": "None"}},
            {"spec": {"type": "NodePort"}},
            {"spec": {"publishNotReadyAddresses": True}},
        ],
    ),
    "pods": Subject(
        "/api/v1/namespaces/{ns}/pods",
        "Pod",
        {"spec": {"containers": [CONTAINER], "schedulerName": "nobody", "automountServiceAccountToken": False}},
        [
            {"spec": {"containers": [{"name": "c", "image": "i:2"}]}},
            {"spec": {"containers": [CONTAINER, {"name": "d", "image": "i:1", "env": [{"name": "A", "value": "1"}]}]}},
            {"spec": {"containers": [{**CONTAINER, "resources": {"limits": {"cpu": "0.5", "memory": "1024Ki"}}}]}},
            {"spec": {"terminationGracePeriodSeconds": 5}},
            {"spec": {"activeDeadlineSeconds": 50}},
            {"spec": {"restartPolicy": "Never"}},
            {"spec": {"containers": []}},
        ],
        # Conditions have the time at which nobody could be found to run it; tolerations that all pods get are
        # given anew by each update of a real API server, and once by the sandbox.
        moving=("status.conditions", "spec.tolerations"),
    ),
    "stateful sets": Subject(
        "/apis/apps/v1/namespaces/{ns}/statefulsets",
        "StatefulSet",
        {"spec": {"replicas": 0, "selector": {"matchLabels": {"app": "x"}}, "template": TEMPLATE}},
        [
            {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i:2"}]}}}},
            {"spec": {"template": {"spec": {"containers": [CONTAINER, {"name": "d", "image": "i:1"}]}}}},
            {"spec": {"template": {"metadata": {"labels": {"app": "y"}}}}},
            {"spec": {"serviceName": "s"}},
            {"spec": {"updateStrategy": {"type": "OnDelete"}}},
            {"spec": {"minReadySeconds": 3}},
            {"spec": {"podManagementPolicy": "Parallel"}},
            {"spec": {"replicas": -1}},
        ],
        # Its controller writes when it comes to it.
        moving=("metadata.resourceVersion", "status"),
    ),
    "leases": Subject(
        "/apis/coordination.k8s.io/v1/namespaces/{ns}/leases",
        "Lease",
        {"spec": {"holderIdentity": "one"}},
        [
            {"spec": {"holderIdentity": "two", "leaseDurationSeconds": 10}},
            {"spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}},
            {"spec": {"leaseDurationSeconds": 0}},
            {"spec": {"leaseTransitions": -1}},
        ],
    ),
    "custom objects": Subject(
        f"/apis/{GROUP}/v1/namespaces/{{ns}}/things",
        "Thing",
        {"spec": {"size": 1}},
        [
            {"spec": {"size": 2, "unknown": {"a": 1}}},
            {"metadata": {"labels": {"z": "not valid"}}},
            {"spec": {"parts": [{"name": "p", "count": 1}]}},
            {"spec": {"parts": [{"name": "q"}, {"name": "p", "count": 2}]}},
            {"spec": {"parts": [{"name": "p"}, {"name": "p"}]}},
            {"spec": {"tags": ["x"]}},
            {"spec": {"tags": ["y", "x"]}},
            {"spec": {"whole": {"a": 1, "b": 2}}},
            {"spec": {"whole": {"b": 3}}},
            {"spec": {"size": 9}},
            {"status": {"phase": "Odd"}},
        ],
    ),
}
SPEC = {
    "type": "object",
    "required": ["size"],
    "x-kubernetes-validations": [{"rule": "self.size >= oldSelf.size", "message": "may not shrink"}],
    "properties": {
        "size": {"type": "integer", "maximum": 8},
        "mood": {"type": "string", "default": "calm"},
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "whole": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": {"type": "integer"}},
        "parts": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "count": {"type": "integer", "default": 5}},
            },
        },
    },
}
DEFINITION = {
    "metadata": {"name": f"things.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"plural": "things", "kind": "Thing"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": SPEC,
                            "status": {"type": "object", "properties": {"phase": {"type": "string"}}},
                        },
                    }
                },
            }
        ],
    },
}


# --- sequences ------------------------------------------------------------------------------------------------------


def sequences(subject):
    """Return sequences of steps: (verb, name, query, body, which version or UID is named in it)."""
    names = st.sampled_from(NAMES)
    parts = st.lists(st.sampled_from(subject.parts), max_size=3)
    queries = st.sampled_from(["", "", "", "", "dryRun=All", "fieldValidation=Strict"])
    versions = st.sampled_from(["", "", "last", "first"])
    managers = st.sampled_from(["fieldManager=one", "fieldManager=two", "fieldManager=one&force=true"])
    bodies = st.builds(lambda name, chosen: (name, subject.body(name, chosen)), names, parts)
    patches = st.builds(laid, st.lists(st.sampled_from(subject.parts), min_size=1, max_size=2))
    removals = st.sampled_from(
        [
            [{"op": "remove", "path": "/metadata/finalizers"}],
            [{"op": "add", "path": "/metadata/labels/x", "value": "3"}],
            [
                {"op": "test", "path": "/metadata/labels/x", "value": "1"},
                {"op": "remove", "path": "/metadata/labels/x"},
            ],
            [{"op": "replace", "path": "/metadata/annotations", "value": {}}],
        ]
    )
    # How owners and dependents go is a collector's work, who comes to it when it may: cases/deletion.yaml awaits it.
    options = st.sampled_from([{}, {}, {"gracePeriodSeconds": 0}])
    lists = st.sampled_from(["", "limit=1", "fieldSelector=metadata.name=a-{example}"])
    selectors = st.sampled_from(["", ",x", ",x=1", ",!x", ",x in (1,2),y notin (1)"])
    steps = st.one_of(
        st.tuples(st.just("POST"), bodies, queries, st.just("")),
        st.tuples(st.just("PUT"), bodies, queries, versions),
        st.tuples(st.just("apply"), bodies, managers, st.sampled_from(["", "", "", "last", "first"])),
        st.tuples(st.just("merge"), st.tuples(names, patches), queries, versions),
        st.tuples(st.just("strategic"), st.tuples(names, patches), queries, versions),
        st.tuples(st.just("json-patch"), st.tuples(names, removals), queries, st.just("")),
        st.tuples(st.just("DELETE"), st.tuples(names, options), st.sampled_from(["", "", "dryRun=All"]), versions),
        st.tuples(st.just("GET"), st.tuples(names, st.none()), st.just(""), st.just("")),
        st.tuples(st.just("list"), st.tuples(selectors, st.none()), lists, st.just("")),
    )
    first = st.tuples(st.sampled_from(["POST", "apply"]), bodies, st.just("fieldManager=one"), st.just(""))
    return st.builds(lambda begun, more: [begun, *more], first, st.lists(steps, min_size=2, max_size=12))


def laid(parts):
    found = {}
    for part in parts:
        laid_over(found, part)
    return found


class Server:
    """One of the two servers: asks it, and puts what differs from run to run aside."""

    def __init__(self, client, namespace):
        self._client, self._namespace = client, namespace

    def begin(self, subject, example):
        names = {"ns": self._namespace, "example": example}
        self._subject, self._names, self._normal = subject, names, CASES.Normal(names)
        self._seen = {name: [] for name in NAMES}

    def do(self, step):
        """Do a step; return what is compared of its answer."""
        verb, (name, body), query, version = step
        place = self._subject.place.format(ns=self._namespace)
        if verb == "list":
            selector = f"{LABEL}={self._names['example']}{name}"
            answer = self._ask("GET", place, CASES.filled(query, self._names), labelSelector=selector)
            return self._compared(*answer)
        path = place if verb == "POST" else f"{place}/{name}-{self._names['example']}"
        answer = self._ask(verb, path, query, body=self._body(verb, name, deepcopy(body), version))
        code, _, found = answer
        if code < 300 and "dryRun" not in query and found.get("kind") == self._subject.kind:
            self._seen[name].append(found["metadata"])
        return self._compared(*answer)

    def _body(self, verb, name, body, version):
        if body is None or isinstance(body, list):
            return body
        if verb in ("POST", "PUT", "apply"):
            body["metadata"]["name"] = f"{name}-{self._names['example']}"
        seen = self._seen[name]
        if version and seen and not {"metadata.resourceVersion"} & set(self._subject.moving):
            metadata = seen[-1 if version == "last" else 0]
            if verb == "DELETE":
                body["preconditions"] = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
            else:
                body.setdefault("metadata", {})["resourceVersion"] = metadata["resourceVersion"]
        return CASES.filled(body, self._names)

    def _ask(self, verb, path, query, *, body=None, **parameters):
        queries = [query, *(f"{key}={quote(value)}" for key, value in parameters.items())]
        method = "PATCH" if verb in TYPES else verb
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": TYPES.get(verb, "application/json"), "Accept": "application/json"}
        return self._client.ask(method, f"{path}?{'&'.join(filter(None, queries))}", data, headers)

    def _compared(self, code, headers, body):
        omit = [prefix + path for path in self._subject.moving for prefix in ("", "items.*.")]
        warnings = sorted(map(self._normal, headers.get_all("Warning") or ()))
        if code >= 400:
            for each in (body, *body.get("details", {}).get("causes", ())):
                # What differs in a pod is shown as the server's own structures.
                each["message"] = VERSIONS.sub(r"\1<version>", each.get("message", "").partition("\n@@")[0])
        return {"code": code, "warnings": warnings, "body": CASES.pruned(self._normal.answer(body), omit, ())}

    def clean(self):
        """Take finalizers off and delete what the sequence made."""
        for name in NAMES:
            path = f"{self._subject.place.format(ns=self._namespace)}/{name}-{self._names['example']}"
            self._ask("merge", path, "", body={"metadata": {"finalizers": None}})
            self._ask("DELETE", path, "", body={"gracePeriodSeconds": 0})


EXAMPLE_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def servers(real_credentials, sandbox_credentials):
    clients = [CASES.Client(*real_credentials), CASES.Client(*sandbox_credentials)]
    made = []
    for client in clients:
        run = CASES.Run(client, {})
        run._prepare()
        made.append(Server(client, run.names["ns"]))
        run._step({"do": "POST {crds}", "body": DEFINITION, "quiet": True})
        run._step({"do": f"GET /apis/{GROUP}/v1/namespaces/{{ns}}/things", "until": {"code": 200}, "quiet": True})
    yield made
    for server, client in zip(made, clients, strict=True):
        client.ask("DELETE", f"{CASES.PLACES['crds']}/things.{GROUP}", None, {})
        client.ask("DELETE", f"/api/v1/namespaces/{server._namespace}", None, {})
        client.close()


@pytest.mark.parametrize("subject", SUBJECTS)
def test_both_servers_answer_every_step_alike(servers, subject):
    @settings(max_examples=EXAMPLES, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(steps=sequences(SUBJECTS[subject]))
    def played(steps):
        example = f"example{next(EXAMPLE_NUMBERS)}"
        for server in servers:
            server.begin(SUBJECTS[subject], example)
        try:
            for index, step in enumerate([*steps, ("list", ("", None), "", "")]):
                real, embedded = (server.do(step) for server in servers)
                found = list(CASES.differences([embedded], [real]))
                assert not found, CASES.report(f"step {index}: {step}", found)
        finally:
            for server in servers:
                server.clean()

    played()
