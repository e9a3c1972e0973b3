"""The embedded API server answers as a real one does.

Each case is a table of requests in cases/*.yaml. What the real API server answered is written down in recorded/*.json;
a case on the sandbox, and the same case on the real server, must answer just that. To write it down anew:

    pytest tests/api --servers=real --record

A case is {name, steps}; a step is {do: "METHOD path"} with, as needed,
    body      the body; as: merge, strategic, json-patch, apply, yaml, or a content type (JSON by default)
    accept    table, partial, partial-list, or a media type
    save      {name: path in the answer}: later steps may write {name}; {ns} is the case's own namespace,
              {hook} the URL of admission webhooks that do as their path says, {hookca} their authority, and {then} in
              a body the time (to the second, without its zone) that always was 6 years, 328 days and a half ago
    until     {path in the answer, or code: value}: ask again, for 20 s at most, until it is so
    events    read so many lines of a watch (fewer where the server ends it)
    omit      paths in the answer that may differ; `*` stands for any key or index
    only      the paths in the answer that are compared
    headers   send these
    quiet     true for a step that only prepares: its answer is not compared, but must be a success
"""

import fnmatch
import http.client
import json
import re
import ssl
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parent
FILES = sorted((HERE / "cases").glob("*.yaml"))
CASES = [(path.stem, case) for path in FILES for case in yaml.safe_load(path.read_text())]
DIFFERENCES = yaml.safe_load((HERE / "differences.yaml").read_text()) or []

TYPES = {
    "json": "application/json",
    "yaml": "application/yaml",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json-patch": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}
ACCEPTS = {
    "table": "application/json;as=Table;v=v1;g=meta.k8s.io",
    "partial": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    "partial-list": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
    "aggregated": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
}
PLACES = {
    "cms": "/api/v1/namespaces/{ns}/configmaps",
    "secrets": "/api/v1/namespaces/{ns}/secrets",
    "pods": "/api/v1/namespaces/{ns}/pods",
    "svcs": "/api/v1/namespaces/{ns}/services",
    "pvcs": "/api/v1/namespaces/{ns}/persistentvolumeclaims",
    "pdbs": "/apis/policy/v1/namespaces/{ns}/poddisruptionbudgets",
    "sts": "/apis/apps/v1/namespaces/{ns}/statefulsets",
    "deploys": "/apis/apps/v1/namespaces/{ns}/deployments",
    "crds": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
}
"""What a path may begin with, in the braces of a step."""
PATIENCE_SECONDS = 20


class Client:
    """Speaks to one API server over one connection."""

    def __init__(self, url, authority, certificate, key):
        context = ssl.create_default_context(cafile=authority)
        context.load_cert_chain(certificate, key)
        host, port = url.removeprefix("https://").split(":")
        self._connection = http.client.HTTPSConnection(host, int(port), timeout=30, context=context)

    def close(self):
        self._connection.close()

    def ask(self, method, path, data, headers, *, lines=None):
        """Return code, headers, and the decoded answer: JSON, else text; for `lines`, a list of so many at most."""
        self._connection.request(method, path, data, {"User-Agent": "conformance/1", **headers})
        answer = self._connection.getresponse()
        if lines is not None and answer.status == 200:
            return answer.status, answer.headers, self._lines(answer, lines)
        text = answer.read()
        try:
            return answer.status, answer.headers, json.loads(text) if text else None
        except ValueError:
            return answer.status, answer.headers, text.decode()

    def _lines(self, answer, count):
        found = []
        while len(found) < count:
            line = answer.readline()
            if not line:
                break
            found.append(json.loads(line))
        # An open watch is cut; the next request dials anew.
        self._connection.close()
        return found


def _compact(body):
    # Raw parts are kept as they were sent, blanks and all.
    return json.dumps(body, separators=(",", ":")).encode()


def dig(value, path):
    for step in path.split("."):
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def leaves(value, prefix=""):
    """Yield (path, value) of everything that has no parts."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if not items:
        yield prefix, value
        return
    for key, item in items:
        yield from leaves(item, f"{prefix}.{key}" if prefix else str(key))


def matches(path, pattern):
    """Tell whether a path is the pattern's, or lies below it."""
    return fnmatch.fnmatchcase(path, pattern) or fnmatch.fnmatchcase(path, pattern + ".*")


def filled(value, names):
    """Write the saved values into the places that name them."""
    if isinstance(value, str):
        for name, text in names.items():
            if value == f"{{{name}}}":
                return text
            value = value.replace(f"{{{name}}}", str(text))
        return value
    if isinstance(value, dict):
        return {filled(key, names): filled(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, names) for item in value]
    return value


TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
VERSION = re.compile(r'(resourceVersion\\?":\\?")\d+')
AGE = re.compile(r"\d+[smh]\d*[sm]?")
ADDRESS = re.compile(r"\b10\.96\.\d+\.\d+\b")
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*", re.DOTALL)


class Normal:
    """Puts names in the place of what differs from run to run; equal things get equal names."""

    def __init__(self, names):
        self._names = names
        self._known = {}

    def __call__(self, value, path=""):
        if isinstance(value, dict):
            items = ((key, item) for key, item in value.items() if key != "storageVersionHash")
            return {self._text(key): self._entry(key, item, path) for key, item in items}
        if isinstance(value, list):
            return [self(item, f"{path}.{index}") for index, item in enumerate(value)]
        return self._text(value) if isinstance(value, str) else value

    def _entry(self, key, value, path):
        match key:
            case "resourceVersion" if isinstance(value, str) and value:
                # A list's version moves with whatever else happens; an object's is its own.
                is_list = path.rpartition(".")[2] == "metadata" and path.count(".") < 1 and self._in_list
                return "<version>" if is_list else self._named("version", value)
            case "object" if isinstance(value, dict) and set(value) == {"kind", "apiVersion", "metadata"}:
                # A bookmark, whose version moves with whatever else happens.
                return pruned(self(value, key), ["metadata.resourceVersion"] if self._is_bookmark(value) else (), ())
            case "continue":
                return "<continue>"
            case "nodePort" | "healthCheckNodePort" if value:
                return "<port>"
            case "description" if "columnDefinitions" in path:
                return "<description>"
            case "causes" if isinstance(value, list):
                # The server goes through a map: the order of causes is none.
                return sorted(self(value), key=lambda cause: (cause.get("field", ""), cause.get("message", "")))
            case "managedFields" if isinstance(value, list):
                # They stand by time before they stand by name: a second that passes in between is no difference.
                kept = [each for each in value if each.get("manager") != "kube-controller-manager"]
                return [self(each) for each in sorted(kept, key=owner)]
            case "cells":
                return ["<age>" if isinstance(cell, str) and AGE.fullmatch(cell) else self(cell) for cell in value]
        return self(value, f"{path}.{key}" if path else key)

    @staticmethod
    def _is_bookmark(value):
        return not value["metadata"].keys() - {"resourceVersion", "creationTimestamp", "annotations"}

    def _named(self, kind, value):
        return self._known.setdefault((kind, value), f"<{kind} {sum(k == kind for k, _ in self._known) + 1}>")

    def _text(self, text):
        for name, value in self._names.items():
            if isinstance(value, str) and len(value) > 3:
                text = text.replace(value, f"<{name}>")
        head, several, tail = text.partition("is invalid: [")
        if several:
            # Here, too, the order is none.
            text = head + several + ", ".join(sorted(re.split(r", (?=[\w.\[\]<>-]+: )", tail.removesuffix("]"))))
        text = TIME.sub("<time>", text)
        text = VERSION.sub(r"\1<version>", text)
        text = ADDRESS.sub("<address>", text)
        text = CERTIFICATE.sub("<certificate>", text)
        return UID.sub(lambda found: self._named("uid", found[0]), text)

    def answer(self, body):
        self._in_list = isinstance(body, dict) and ("items" in body or body.get("kind") == "Table")
        return self(body)


NOTHING = object()


def owner(entry):
    """What entries stand by when they were made in one second; one without a time stands first."""
    return [entry["operation"], "time" in entry, entry["manager"], entry["apiVersion"], entry.get("subresource", "")]


def pruned(value, omit, only):
    """Drop the paths that are not compared, and what is empty without them."""
    found = _pruned(value, omit, only, "")
    return None if found is NOTHING else found


def _pruned(value, omit, only, path):
    if any(fnmatch.fnmatchcase(path, pattern) for pattern in omit):
        return NOTHING
    if isinstance(value, dict) and value:
        parts = {key: _pruned(item, omit, only, f"{path}.{key}".lstrip(".")) for key, item in value.items()}
        kept = {key: item for key, item in parts.items() if item is not NOTHING}
        return kept or NOTHING
    if isinstance(value, list) and value:
        parts = [_pruned(item, omit, only, f"{path}.{index}".lstrip(".")) for index, item in enumerate(value)]
        return [item for item in parts if item is not NOTHING] or NOTHING
    return value if not only or any(matches(path, pattern) for pattern in only) else NOTHING


class Run:
    """One case on one server: asks, and writes down the answers."""

    def __init__(self, client, hooks):
        self._client = client
        self.names = {"ns": f"case-{uuid.uuid4().hex[:8]}", **hooks}
        then = datetime.now(UTC) - timedelta(days=6 * 365 + 328.5)
        self._texts = {"big": "x" * 300_000, "then": f"{then:%Y-%m-%dT%H:%M:%S}"}
        self.normal = Normal(self.names)
        self.transcript = []

    def case(self, case):
        self._prepare()
        try:
            for step in case["steps"]:
                self._step(step)
        finally:
            for path in case.get("finally", ()):
                self._client.ask("DELETE", filled(path, self.names), None, {})
            self._client.ask("DELETE", f"/api/v1/namespaces/{self.names['ns']}", None, {})
        return self.transcript

    def _prepare(self):
        namespace = {"metadata": {"name": self.names["ns"]}}
        self._step({"do": "POST /api/v1/namespaces", "body": namespace, "quiet": True})
        for name in ("serviceaccounts/default", "configmaps/kube-root-ca.crt"):
            self._step({"do": f"GET /api/v1/namespaces/{{ns}}/{name}", "until": {"code": 200}, "quiet": True})

    def _step(self, step):
        code, headers, body = self._answer(step)
        for name, path in step.get("save", {}).items():
            self.names[name] = dig(body, path)
        if step.get("quiet"):
            assert code < 300, f"{step['do']}: {code} {body}"
            return
        entry = {"do": step["do"], "code": code}
        warnings = headers.get_all("Warning")
        if warnings:
            entry["warnings"] = sorted(self.normal(warning) for warning in warnings)
        entry["body"] = pruned(self.normal.answer(body), step.get("omit", ()), step.get("only", ()))
        self.transcript.append(entry)

    def _answer(self, step):
        method, _, path = filled(filled(step["do"], PLACES), self.names).partition(" ")
        kind = step.get("as", "json")
        headers = {"Accept": ACCEPTS.get(step.get("accept", ""), step.get("accept", "application/json"))}
        body = filled(step.get("body"), self.names | self._texts)
        data = body.encode() if isinstance(body, str) else None if body is None else _compact(body)
        if data is not None:
            headers["Content-Type"] = TYPES.get(kind, kind)
        headers |= filled(step.get("headers", {}), self.names)
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self._client.ask(method, path, data, headers, lines=step.get("events"))
            if self._reached(step.get("until", {}), answer):
                return answer
            assert time.monotonic() < end, f"{step['do']}: never {step['until']}, but {answer[0]} {answer[2]}"
            time.sleep(0.05)  # a real server tells no client when its caches have caught up

    def _reached(self, until, answer):
        code, _, body = answer
        for path, wanted in until.items():
            try:
                value = code if path == "code" else dig(body, path)
            except (KeyError, IndexError, TypeError, ValueError):
                value = None
            if value != filled(wanted, self.names):
                return False
        return True


def differences(transcript, expected):
    """Yield (step, path, expected, found) for each difference."""
    missing = object()
    for index, (found, wanted) in enumerate(zip(transcript, expected, strict=True)):
        had, should = dict(leaves(found)), dict(leaves(wanted))
        for path in sorted(had.keys() | should.keys()):
            if had.get(path, missing) != should.get(path, missing):
                yield index, path, should.get(path, "(nothing)"), had.get(path, "(nothing)")


def accepted(case, index, path):
    """Tell whether a difference is one of those that are known and told apart in differences.yaml."""
    return any(
        fnmatch.fnmatchcase(case, each.get("case", ""))
        and each.get("step", index) == index
        and any(matches(path, pattern) for pattern in each["paths"])
        for each in DIFFERENCES
    )


def report(case, found):
    lines = [f"step {index}: {path}: expected {wanted!r}, got {had!r}" for index, path, wanted, had in found]
    return f"{case}\n" + "\n".join(lines)


@pytest.fixture(params=["sandbox", pytest.param("real", marks=pytest.mark.control_plane)])
def server(request):
    client = Client(*request.getfixturevalue(f"{request.param}_credentials"))
    yield request.param, client
    client.close()


@pytest.mark.parametrize(("file", "case"), CASES, ids=[f"{file}: {case['name']}" for file, case in CASES])
def test_answers_as_recorded_on_a_real_api_server(server, file, case, recorded_folder, reviewer, request):
    name, client = server
    path = recorded_folder / f"{file}.json"
    recorded = json.loads(path.read_text()) if path.exists() else {}
    transcript = json.loads(json.dumps(Run(client, reviewer).case(case)))
    if name == "real" and request.config.getoption("--record"):
        recorded[case["name"]] = transcript
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n")
        return
    assert case["name"] in recorded, "not recorded yet: pytest tests/api --servers=real --record"
    found = list(differences(transcript, recorded[case["name"]]))
    if name == "sandbox":
        found = [each for each in found if not accepted(f"{file}: {case['name']}", each[0], each[1])]
    assert not found, report(case["name"], found)
