"""Stock kubectl works against the sandbox as it does against a real cluster: every verb that users type.

It is run with each kubectl that is found: the one of the control plane's folder, and the one in PATH.
"""

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from kdlib.sandbox import Sandbox, SandboxOptions
from kdlib.testing import control_plane_folder

TOP = Path(__file__).parents[2]
CANDIDATES = {
    "control-plane": str(control_plane_folder(os.environ) / "kubectl"),
    "path": shutil.which("kubectl") or "kubectl",
}
SET = """
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web}}
spec: {clusterIP: None, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web, labels: {app: web, extra: here}}
spec:
  serviceName: web
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: app
        image: any
        env: [{name: A, value: "1"}, {name: B, value: "2"}]
        command: [sh, -c, 'echo hello from $HOSTNAME; trap "exit 0" TERM; while :; do sleep 0.1; done']
"""
DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ponds.example.org}
spec:
  group: example.org
  scope: Namespaced
  names: {plural: ponds, singular: pond, kind: Pond, shortNames: [pd]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.ducks, statusReplicasPath: .status.ducks}}
    additionalPrinterColumns:
    - {name: Ducks, type: integer, jsonPath: .spec.ducks}
    - {name: Mud, type: string, jsonPath: .spec.mud, priority: 1}
    schema:
      openAPIV3Schema:
        type: object
        description: A pond with ducks on it.
        properties:
          spec:
            type: object
            properties:
              ducks: {type: integer, minimum: 0, description: How many ducks there are.}
              mud: {type: string, default: soft}
          status: {type: object, properties: {ducks: {type: integer}, state: {type: string}}}
"""


EACH_KIND = Path(__file__).with_name("each_kind.yaml")
"""One object of each kind that nobody else makes."""


class Kubectl:
    """One kubectl with one sandbox."""

    def __init__(self, program, kubeconfig, home):
        self._program = program
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "KUBECONFIG": str(kubeconfig),
            "NO_COLOR": "1",
            "TERM": "dumb",
        }

    def command(self, *words):
        return [self._program, *words]

    def run(self, *words, given=None, **environment):
        """Return what a command printed on stdout and stderr, and its exit code."""
        return subprocess.run(
            self.command(*words),
            input=given,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def __call__(self, line, given=None, **environment):
        """Return what a command printed; it must succeed."""
        done = self.run(*line.split(), given=given, **environment)
        assert done.returncode == 0, f"kubectl {line}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def refused(self, line, given=None):
        """Return what a command that must fail printed on stderr."""
        done = self.run(*line.split(), given=given)
        assert done.returncode != 0, f"kubectl {line} did not fail\n{done.stdout}"
        return done.stderr

    def json(self, line):
        return json.loads(self(f"{line} -o json"))


class SandboxThread:
    """A sandbox whose event loop has a thread of its own, so that kubectl can be waited for."""

    def __init__(self):
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(30), "the sandbox did not become ready"
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self):
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self):
        async with Sandbox(SandboxOptions(any_image=True)) as self.sandbox:
            self._ready.set()
            await self._stop.wait()


@pytest.fixture(scope="module", params=sorted(CANDIDATES))
def kubectl(request):
    program = CANDIDATES[request.param]
    if not Path(program).exists():
        pytest.skip(f"there is no {program}")  # of several kubectls, those that are here are tried
    with SandboxThread() as running, tempfile.TemporaryDirectory() as home:
        running.sandbox.write_kubeconfig(Path(home, "kubeconfig"))
        yield Kubectl(program, Path(home, "kubeconfig"), home)


@pytest.fixture
def name(request):
    """Return a name of this test alone."""
    return re.sub(r"[^a-z0-9]+", "-", request.node.name.partition("[")[0].removeprefix("test_"))[:40].strip("-")


@pytest.fixture
def web(kubectl):
    """Apply the stateful set; delete it at the end, and wait until its pods are gone."""
    kubectl("apply -f -", SET)
    kubectl("rollout status statefulset/web --timeout=30s")
    yield kubectl
    kubectl("delete statefulset,service -l app=web --ignore-not-found")
    kubectl("wait --for=delete pod -l app=web --timeout=30s")


def rows(text):
    return [line.split() for line in text.splitlines()]


def test_the_cluster_tells_about_itself(kubectl):
    assert "control plane is running at https://127.0.0." in kubectl("cluster-info")
    assert json.loads(kubectl("version -o json"))["serverVersion"]["minor"] == "36"
    listed = rows(kubectl("api-resources --no-headers"))
    assert ["statefulsets", "sts", "apps/v1", "true", "StatefulSet"] in listed
    assert "apps/v1" in kubectl("api-versions").split()
    assert kubectl("auth can-i create pods").strip() == "yes"
    assert kubectl("get --raw /readyz") == "ok"


def test_nodes_namespaces_and_services_show_in_tables(kubectl):
    header, node = rows(kubectl("get nodes"))
    assert header == ["NAME", "STATUS", "ROLES", "AGE", "VERSION"]
    assert node[1:3] == ["Ready", "<none>"]
    assert "INTERNAL-IP" in kubectl("get nodes -o wide")
    assert ["default", "Active"] in [row[:2] for row in rows(kubectl("get namespaces"))]
    assert "kubernetes" in kubectl("get all")


def test_apply_creates_leaves_alone_and_changes(web):
    again = web("apply -f -", SET)
    assert again.splitlines() == ["service/web unchanged", "statefulset.apps/web unchanged"]
    changed = SET.replace(', {name: B, value: "2"}', "").replace(", extra: here", "").replace('"1"', '"7"')
    assert "statefulset.apps/web configured" in web("apply -f -", changed)
    found = web.json("get statefulset web")
    assert found["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "A", "value": "7"}]
    assert "extra" not in found["metadata"]["labels"]


def test_diff_shows_what_apply_would_do(web):
    assert web.run("diff", "-f", "-", given=SET).returncode == 0
    done = web.run("diff", "-f", "-", given=SET.replace("replicas: 1", "replicas: 2"))
    assert done.returncode == 1
    assert "+  replicas: 2" in done.stdout


def test_server_side_apply_conflicts_until_it_is_forced(kubectl, name):
    document = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{k: %s}}\n"
    applied = kubectl("apply --server-side -f -", document % "v")
    assert applied == f"configmap/{name} serverside-applied\n"
    said = kubectl.refused("apply --server-side --field-manager=other -f -", document % "w")
    assert 'Apply failed with 1 conflict: conflict with "kubectl": .data.k' in said
    kubectl("apply --server-side --field-manager=other --force-conflicts -f -", document % "w")
    assert kubectl(f"get configmap {name} -o jsonpath={{.data.k}}") == "w"
    # What was applied on the client's side before is taken over.
    kubectl("apply -f -", document.replace(name, f"{name}-2") % "v")
    kubectl("apply --server-side -f -", document.replace(name, f"{name}-2") % "x")


def test_a_list_of_objects_is_checked_by_the_client_and_applied_as_each_of_them_is(kubectl, name):
    """Lists alone are checked by kubectl itself: by the OpenAPI document of version 2, which it reads as protobuf."""
    kubectl("apply -f -", DEFINITION.replace("ponds", "lakes").replace("pond", "lake").replace("Pond", "Lake"))
    kubectl("wait --for=condition=Established crd/lakes.example.org")
    lake = {"apiVersion": "example.org/v1", "kind": "Lake", "metadata": {"name": name}, "spec": {"ducks": 2}}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}}
    service["spec"] = {"ports": [{"name": "web", "port": 80, "targetPort": "http"}], "selector": {"a": "b"}}
    whole = {"apiVersion": "v1", "kind": "List", "items": [service, lake]}
    assert kubectl("apply -f -", json.dumps(whole)).splitlines() == [
        f"service/{name} created",
        f"lake.example.org/{name} created",
    ]
    wrong = [{**service, "spec": {**service["spec"], "prts": []}}, {**lake, "spec": {"ducks": 2, "geese": 1}}]
    said = kubectl.refused("apply -f -", json.dumps({**whole, "items": wrong}))
    assert 'ValidationError(Service.spec): unknown field "prts" in io.k8s.api.core.v1.ServiceSpec' in said
    assert 'ValidationError(Lake.spec): unknown field "geese" in org.example.v1.Lake.spec' in said
    kubectl(f"delete service,lakes {name}")
    # Its short name is that of another definition, which has to wait as long as this one has it.
    kubectl("delete crd lakes.example.org")


def test_unknown_fields_are_refused(kubectl, name):
    document = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndta: {{k: v}}\n"
    assert 'strict decoding error: unknown field "dta"' in kubectl.refused("apply -f -", document)
    assert 'strict decoding error: unknown field "dta"' in kubectl.refused("create -f -", document)
    assert kubectl("create --validate=ignore -f -", document) == f"configmap/{name} created\n"


def test_create_makes_objects_of_many_kinds(kubectl, name):
    kubectl(f"create namespace {name}")
    for line in (
        "configmap a --from-literal=k=v",
        "secret generic a --from-literal=k=v",
        "serviceaccount a",
        "service clusterip a --tcp=80:8080",
        "service nodeport b --tcp=80",
        "role a --verb=get --resource=pods",
        "rolebinding a --role=a --serviceaccount=default:a",
        "deployment a --image=any --replicas=0",
        "poddisruptionbudget a --selector=app=a --min-available=1",
    ):
        assert kubectl(f"create {line} -n {name}").endswith(" created\n"), line
    assert kubectl(f"get secret a -n {name} -o jsonpath={{.data.k}}") == "dg=="
    assert kubectl.refused(f"create configmap a -n {name}") == (
        'error: failed to create configmap: configmaps "a" already exists\n'
    )
    assert kubectl(f"delete namespace {name}") == f'namespace "{name}" deleted\n'
    assert f'namespaces "{name}" not found' in kubectl.refused(f"get namespace {name}")


def test_edit_saves_what_the_editor_wrote(kubectl, name, tmp_path):
    kubectl(f"create configmap {name} --from-literal=color=red")
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i "s/color: red/color: blue/" "$1"\n')
    editor.chmod(0o755)
    assert kubectl(f"edit configmap {name}", KUBE_EDITOR=str(editor)) == f"configmap/{name} edited\n"
    assert kubectl(f"get configmap {name} -o jsonpath={{.data.color}}") == "blue"


def test_patch_knows_three_ways(kubectl, name):
    kubectl(f"create configmap {name} --from-literal=a=1")
    kubectl(f'patch configmap {name} -p {{"data":{{"b":"2"}}}}')
    kubectl(f'patch configmap {name} --type=merge -p {{"data":{{"a":null}}}}')
    kubectl(f'patch configmap {name} --type=json -p [{{"op":"add","path":"/data/c","value":"3"}}]')
    assert kubectl.json(f"get configmap {name}")["data"] == {"b": "2", "c": "3"}


def test_labels_and_annotations_come_and_go(kubectl, name):
    kubectl(f"create configmap {name}")
    assert kubectl(f"label configmap {name} x=1") == f"configmap/{name} labeled\n"
    assert "'x' already has a value (1), and --overwrite is false" in kubectl.refused(f"label configmap {name} x=2")
    assert kubectl("get configmap -l x=1 -o name") == f"configmap/{name}\n"
    kubectl(f"label configmap {name} x-")
    kubectl(f"annotate configmap {name} note=here")
    metadata = kubectl.json(f"get configmap {name}")["metadata"]
    assert metadata["annotations"] == {"note": "here"}
    assert "labels" not in metadata


def test_scale_and_wait(web):
    assert web("scale statefulset web --replicas=2") == "statefulset.apps/web scaled\n"
    assert web("wait --for=jsonpath={.status.readyReplicas}=2 statefulset/web --timeout=30s")
    assert web("wait --for=condition=Ready pod/web-1 --timeout=30s") == "pod/web-1 condition met\n"
    header, *pods = rows(web("get pods -l app=web"))
    assert header == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert [pod[:4] for pod in pods] == [["web-0", "1/1", "Running", "0"], ["web-1", "1/1", "Running", "0"]]
    assert rows(web("get statefulset web"))[1][:2] == ["web", "2/2"]


def test_a_watch_prints_changes_as_they_happen(kubectl, name):
    command = kubectl.command("get", "configmaps", "-w", "--field-selector", f"metadata.name={name}")
    with subprocess.Popen(command, env=kubectl.environment, stdout=subprocess.PIPE, text=True) as watching:
        kubectl(f"create configmap {name} --from-literal=a=1")
        assert watching.stdout.readline().split() == ["NAME", "DATA", "AGE"]
        assert watching.stdout.readline().split()[:2] == [name, "1"]
        kubectl(f'patch configmap {name} -p {{"data":{{"b":"2"}}}}')
        assert watching.stdout.readline().split()[:2] == [name, "2"]
        kubectl(f"delete configmap {name}")
        assert watching.stdout.readline().split()[:2] == [name, "2"]
        watching.terminate()


def test_describe_tells_the_story_of_a_pod(web):
    told = web("describe pod web-0")
    assert re.search(r"^Controlled By: +StatefulSet/web$", told, re.MULTILINE)
    assert re.search(r"Normal +Scheduled .*Successfully assigned default/web-0 to ", told)
    assert re.search(r"Normal +Started ", told)
    assert "Pods Status:        1 Running" in web("describe statefulset web")
    assert re.search(r"^Selector: +app=web$", web("describe service web"), re.MULTILINE)
    assert re.search(r"^Status: +Active$", web("describe namespace default"), re.MULTILINE)
    assert "web-0" in web("describe node")


def test_exec_carries_streams_and_exit_code(web):
    done = web.run("exec", "web-0", "--", "sh", "-c", "hostname; echo wrong >&2; exit 3")
    assert (done.stdout, done.returncode) == ("web-0\n", 3)
    assert done.stderr.splitlines() == ["wrong", "command terminated with exit code 3"]
    big = "line of text\n" * 50_000
    assert web.run("exec", "-i", "web-0", "--", "cat", given=big).stdout == big
    assert web.run("exec", "-i", "web-0", "--", "wc", "-c", given="").stdout.strip() == "0"
    said = web.refused("exec web-0 -c nobody -- true")
    assert "container nobody is not valid for pod web-0" in said
    assert web.run("exec", "web-0", "--", "/no/such/program").returncode != 0


def test_logs_are_read_and_followed(web):
    assert web("logs web-0") == "hello from web-0\n"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\S+Z hello from web-0\n", web("logs web-0 --timestamps"))
    assert web("logs web-0 --tail=0") == ""
    assert web("logs -l app=web --prefix") == "[pod/web-0/app] hello from web-0\n"
    web.run("exec", "web-0", "--", "sh", "-c", "for i in 1 2 3; do echo line $i > /proc/1/fd/1; done")
    assert web("logs web-0 --tail=2").splitlines() == ["line 2", "line 3"]
    command = web.command("logs", "-f", "web-0", "--tail=1")
    with subprocess.Popen(command, env=web.environment, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout.readline() == "line 3\n"
        web.run("exec", "web-0", "--", "sh", "-c", "echo later > /proc/1/fd/1")
        assert following.stdout.readline() == "later\n"
        following.terminate()
    assert "previous terminated container" in web.refused("logs web-0 --previous")


def test_files_are_copied_both_ways(web, tmp_path):
    (tmp_path / "there").write_text("content\n")
    web(f"cp {tmp_path}/there web-0:/tmp/there")
    web(f"cp web-0:/tmp/there {tmp_path}/back")
    assert (tmp_path / "back").read_text() == "content\n"


def test_a_pod_is_run_and_deleted(kubectl, name):
    kubectl(f"run {name} --image=any --restart=Never --command -- echo hi")
    kubectl(f"wait --for=jsonpath={{.status.phase}}=Succeeded pod/{name} --timeout=30s")
    assert kubectl(f"logs {name}") == "hi\n"
    assert rows(kubectl(f"get pod {name}"))[1][1:3] == ["0/1", "Completed"]
    assert kubectl(f"delete pod {name}").startswith(f'pod "{name}" deleted')
    assert kubectl.refused(f"get pod {name}") == f'Error from server (NotFound): pods "{name}" not found\n'


def test_delete_waits_for_a_finalizer(kubectl, name):
    metadata = f"{{name: {name}, finalizers: [example.org/x]}}"
    kubectl("apply -f -", f"apiVersion: v1\nkind: ConfigMap\nmetadata: {metadata}\n")
    command = kubectl.command("delete", "configmap", name)
    with subprocess.Popen(command, env=kubectl.environment, stdout=subprocess.PIPE, text=True) as deleting:
        assert deleting.stdout.readline().startswith(f'configmap "{name}" deleted')
        assert kubectl.json(f"get configmap {name}")["metadata"]["deletionTimestamp"]
        assert deleting.poll() is None
        kubectl(f'patch configmap {name} --type=merge -p {{"metadata":{{"finalizers":null}}}}')
        assert deleting.wait(20) == 0


def test_custom_resources_are_like_built_in_ones(kubectl):
    kubectl("apply -f -", DEFINITION)
    kubectl("wait --for=condition=Established crd/ponds.example.org --timeout=20s")
    pond = "apiVersion: example.org/v1\nkind: Pond\nmetadata: {name: p}\nspec: {ducks: %s}\n"
    assert kubectl("apply -f -", pond % 2) == "pond.example.org/p created\n"
    assert kubectl("apply -f -", pond % 2) == "pond.example.org/p unchanged\n"
    assert kubectl("apply -f -", pond % 3) == "pond.example.org/p configured\n"
    assert rows(kubectl("get pd")) == [["NAME", "DUCKS"], ["p", "3"]]
    assert rows(kubectl("get pond p -o wide")) == [["NAME", "DUCKS", "MUD"], ["p", "3", "soft"]]
    assert kubectl("scale pond p --replicas=4") == "pond.example.org/p scaled\n"
    kubectl('patch pond p --subresource=status --type=merge -p {"status":{"state":"calm"}}')
    kubectl("wait --for=jsonpath={.status.state}=calm pond/p --timeout=20s")
    assert "spec.ducks: Invalid value: -1" in kubectl.refused("apply -f -", pond % -1)
    assert "How many ducks there are." in kubectl("explain pond.spec")
    assert re.search(r"^Kind: +Pond$", kubectl("describe pond p"), re.MULTILINE)
    kubectl("apply --server-side --force-conflicts -f -", pond % 5)
    assert kubectl("get ponds -A -o jsonpath={.items[*].spec.ducks}") == "5"
    kubectl("delete crd ponds.example.org")
    assert "NotFound" in kubectl.refused("get ponds") or "doesn't have a resource type" in kubectl.refused("get ponds")


def test_errors_read_as_on_a_real_cluster(kubectl):
    assert kubectl.refused("get pod nope") == 'Error from server (NotFound): pods "nope" not found\n'
    assert "the server doesn't have a resource type" in kubectl.refused("get nonsense")
    said = kubectl.refused("create -f -", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Not_A_Name}\n")
    assert 'The ConfigMap "Not_A_Name" is invalid: metadata.name: Invalid value: "Not_A_Name"' in said
    said = kubectl.refused("get pods --field-selector=spec.nonsense=1")
    assert "field label not supported: spec.nonsense" in said


SERVER = ("python3", "-m", "http.server", "--bind", "127.0.0.1", "8000")


@contextmanager
def forwarded(kubectl, pod, port):
    """Forward a port of this machine to one of a pod; yield its number here, and the command."""
    command = kubectl.command("port-forward", f"pod/{pod}", f":{port}", "--address=127.0.0.1")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=kubectl.environment, **pipes) as forwarding:
        told = re.match(r"Forwarding from 127\.0\.0\.1:(\d+) -> ", forwarding.stdout.readline())
        try:
            assert told, forwarding.stderr.read()
            yield int(told[1]), forwarding
        finally:
            forwarding.terminate()


def test_ports_are_forwarded_to_what_listens_for_its_own_pod_alone(kubectl, name):
    kubectl(f"run {name} --image=any --restart=Never --command -- {' '.join(SERVER)}")
    kubectl(f"wait --for=condition=Ready pod/{name} --timeout=20s")
    program = "import socket; socket.create_connection(('127.0.0.1', 8000), 10)"
    until = f'until python3 -c "{program}" 2>/dev/null; do sleep 0.05; done'
    assert kubectl.run("exec", name, "--", "sh", "-c", until).returncode == 0
    big = kubectl.run("exec", name, "--", "sh", "-c", "head -c 3000000 /dev/zero > /big; stat -c %s /big")
    assert big.stdout == "3000000\n"
    with forwarded(kubectl, name, 8000) as (port, _), ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: len(urlopen(f"http://127.0.0.1:{port}/big", timeout=20).read()), range(4)))
    assert found == [3_000_000] * 4
    with forwarded(kubectl, name, 9) as (port, forwarding):
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            assert connection.recv(1) == b""
        said = forwarding.stderr.readline()
    assert "error forwarding port 9: failed to connect to localhost:9: connection refused" in said
    kubectl(f"delete pod {name} --grace-period=1")


def test_attaching_shares_the_streams_of_a_container(web, name):
    words = ("run", name, "-i", "--rm", "--restart=Never", "--image=any", "--quiet", "--", "cat")
    assert web.run(*words, given="one\ntwo\n").stdout == "one\ntwo\n"
    command = web.command("attach", "web-0", "--quiet")
    with subprocess.Popen(command, env=web.environment, stdout=subprocess.PIPE, text=True) as attached:
        again = "while :; do echo here > /proc/1/fd/1; sleep 0.1; done"
        with subprocess.Popen(web.command("exec", "web-0", "--", "sh", "-c", again), env=web.environment) as writing:
            # Not what was written before: from now on.
            assert attached.stdout.readline() == "here\n"
            writing.terminate()
        attached.terminate()
    # Each kubectl has its own words for it: "is not valid for pod", "not found in pod".
    assert re.search("container nobody .* pod web-0", web.refused("attach web-0 -c nobody"))


def test_drain_evicts_what_the_budget_allows(web, name):
    node = web("get nodes -o jsonpath={.items[0].metadata.name}")
    web(f"create poddisruptionbudget {name} --selector=app=web --min-available=1")
    web(f"wait --for=jsonpath={{.status.currentHealthy}}=1 pdb/{name} --timeout=20s")
    eviction = json.dumps({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "web-0"}})
    said = web.refused("create --raw /api/v1/namespaces/default/pods/web-0/eviction -f -", eviction)
    assert "Cannot evict pod as it would violate the pod's disruption budget." in said
    web(f"delete pdb {name}")
    try:
        assert "pod/web-0 evicted" in web(f"drain {node} --pod-selector=app=web --timeout=20s")
    finally:
        web(f"uncordon {node}")
    web("rollout status statefulset/web --timeout=30s")


def test_each_kind_can_be_described_and_explained(web):
    assert re.search(r"Normal +SuccessfulCreate .*Create Pod web-0 in StatefulSet web", web("describe statefulset web"))
    web(f"apply -f {EACH_KIND}")
    kinds = [kind for kind in web("api-resources --verbs=list -o name").split() if kind != "reeds.example.org"]
    with ThreadPoolExecutor(2) as pool:
        described = dict(zip(kinds, pool.map(lambda kind: web(f"describe {kind} -A"), kinds), strict=True))
    assert [kind for kind, told in described.items() if not re.search(r"^Name: +\S", told, re.MULTILINE)] == []
    for field in ("poddisruptionbudgets.spec.minAvailable", "reeds.metadata", "pods.spec.containers"):
        assert re.search(r"^FIELD: ", web(f"explain {field}"), re.MULTILINE)
    web(f"delete -f {EACH_KIND}")
