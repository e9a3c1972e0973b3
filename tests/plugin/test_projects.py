"""The fixture `cluster` in projects of other people: what it gives, and what a failed test leaves in the report."""

import yaml

from kdlib.sandbox import Sandbox, SandboxOptions
from kdlib.wire import NAMESPACE

LIGHT = """
import sys

HEAVY = {"kubernetes_asyncio", "aiohttp", "pydantic", "cryptography", "kdlib.sandbox", "kdlib.kube"}
LOADED = set(sys.modules)


def test_the_plugin_loads_nothing_heavy():
    assert not HEAVY & LOADED
"""

USES = """
import asyncio

import kdlib
import pytest
from kdlib import kube, runtime
from kdlib.testing import EmulatedRun, a_config_map, a_definition, a_secret, an_app
from kdlib.wire import CONFIG_MAP, NAMESPACE

pytestmark = pytest.mark.asyncio
NAMED = {"metadata": {"name": "of-a-test"}}
CLASS = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "x", **NAMED}
HELD = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "finalizers": ["a.b/c"]}}


async def test_what_is_applied_is_there(cluster):
    (ref,) = await cluster.apply(a_config_map("one", answer="42"))
    wanted = {"data": {"answer": "42"}, "metadata": {"uid": ..., "deletionTimestamp": None}}
    found = await cluster.eventually(ref, wanted)
    assert found["metadata"]["namespace"] == cluster.namespace
    assert len(await cluster.eventually(CONFIG_MAP, lambda found: len(found) == 2)) == 2
    await cluster.apply(CLASS)
    await cluster.apply(HELD)


async def test_the_next_test_sees_nothing_of_it(cluster):
    # One of its own: the certificate of the cluster.
    await cluster.eventually(CONFIG_MAP, 1)
    namespaces = await cluster.api.list(NAMESPACE)
    assert not [item for item in namespaces.items if item["metadata"]["name"].startswith("test-what")]
    classes = await cluster.api.list(kube.Kind("storage.k8s.io/v1", "StorageClass", "storageclasses", namespaced=False))
    assert "of-a-test" not in {item["metadata"]["name"] for item in classes.items}


async def test_an_operator_sees_its_namespace_alone(cluster):
    seen = asyncio.Queue()

    async def operate(api):
        await seen.put({item["metadata"]["namespace"] for item in (await api.list(CONFIG_MAP)).items})
        await asyncio.Event().wait()

    await cluster.eventually(CONFIG_MAP, 1)
    async with asyncio.timeout(60), cluster.operator(operate), cluster.operator(operate, cluster_wide=True):
        assert sorted([await seen.get(), await seen.get()], key=len) == [
            {cluster.namespace}, {cluster.namespace, "default", "kube-node-lease", "kube-public", "kube-system"}
        ]


async def test_pods_are_hollow(cluster):
    spec = {"containers": [{"name": "app", "image": "example.org/it:1"}]}
    (pod,) = await cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": spec})
    await cluster.eventually(pod, {"status": {"phase": "Running"}})
    await cluster.members.restart("pod")
    await cluster.eventually(pod, lambda found: found["status"]["containerStatuses"][0]["restartCount"] == 1)


def state(found):
    return found["status"]["roles"][0]["members"][0]["state"]


async def test_start_scripts_end_as_the_test_says(cluster):
    kind, app = kube.Kind("example.org/v1", "Pool"), kdlib.App.model_validate(an_app("it"))

    def desired(seen):
        return kdlib.build(kdlib.resolve(kdlib.Cluster.of(seen.root, app=app, members={"worker": 1}), app, seen))

    cluster.members.play(lambda pod, arguments: EmulatedRun(exit_code=7))
    await cluster.apply(a_definition(kind))
    named = {"metadata": {"name": "pool"}, "spec": {}}
    (pool,) = await cluster.apply({"apiVersion": "example.org/v1", "kind": "Pool", **named})
    async with cluster.operator(lambda api: runtime.Controller(api, kind, desired).run()):
        await cluster.eventually(pool, lambda found: state(found) == "config error")
    assert {arguments[0] for _, arguments in cluster.members.runs} == {"--configure"}


async def test_that_fails(cluster):
    (ref,) = await cluster.apply(a_config_map("wrong", answer="41"))
    await cluster.apply(a_secret("hidden", key="value-of-the-secret"))
    await cluster.api.create({
        "apiVersion": "v1", "kind": "Event", "reason": "Wondered", "message": "what is the question",
        "metadata": {"name": "event", "namespace": cluster.namespace}, "type": "Normal",
        "involvedObject": {"apiVersion": "v1", "kind": "ConfigMap", "name": "wrong", "namespace": cluster.namespace},
    })
    async with cluster.process("sh", "-c", "echo words of the daemon; exec sleep 60") as daemon:
        await cluster.eventually(CONFIG_MAP, lambda _: True)
        await cluster.eventually(ref, {"data": {"answer": "42"}, "metadata": {"labels": {"a": "b"}}}, seconds=0.3)


async def test_a_kind_that_is_not_served(cluster):
    await cluster.eventually(kube.Kind("nowhere.org/v1", "Nothing"), 1, seconds=0.3)


async def test_an_operator_that_ends(cluster):
    async def operate(api):
        raise LookupError("no such luck")

    async with cluster.operator(operate):
        await cluster.eventually(CONFIG_MAP, 99)


async def test_a_process_that_ends(cluster):
    async with cluster.process("sh", "-c", "echo its last words; exit 3"):
        await cluster.eventually(CONFIG_MAP, 99)
"""

AUTO = """
from kdlib.testing import a_config_map


async def test_one(cluster):
    await cluster.apply(a_config_map("same"))
    assert cluster.backend == BACKEND


async def test_two(cluster):
    await cluster.apply(a_config_map("same"))
    assert cluster.backend == BACKEND
"""


async def test_a_project_in_strict_mode(project):
    project.write(test_a_light=LIGHT, test_b_uses=USES)
    await project.run()
    failed = {
        "test_that_fails",
        "test_a_kind_that_is_not_served",
        "test_an_operator_that_ends",
        "test_a_process_that_ends",
    }
    passed = {
        "test_the_plugin_loads_nothing_heavy",
        "test_what_is_applied_is_there",
        "test_the_next_test_sees_nothing_of_it",
        "test_an_operator_sees_its_namespace_alone",
        "test_pods_are_hollow",
        "test_start_scripts_end_as_the_test_says",
    }
    assert (project.ended("PASSED"), project.ended("FAILED"), project.ended("ERROR")) == (passed, failed, set()), (
        project.output
    )
    report = project.output
    assert 'data.answer: is "41", wanted "42"' in report
    assert 'metadata.labels: is absent, wanted {"a": "b"}' in report
    assert "Kubernetes objects on sandbox, namespace test-that-fails-" in report
    assert "name: wrong" in report
    assert "ConfigMap/wrong Wondered: what is the question" in report
    assert "words of the daemon" in report
    assert "name: hidden" in report
    assert "value-of-the-secret" not in report.partition("Kubernetes objects")[2]
    assert "dmFsdWUtb2YtdGhlLXNlY3JldA" not in report
    assert "cannot be seen: GET /apis/nowhere.org/v1/namespaces/" in report
    assert "operator ended by itself: no such luck" in report
    assert "sh ended by itself with exit code 3: its last words" in report
    assert "kube: sandbox" in report


async def test_a_project_in_auto_mode_with_parallel_workers(project):
    project.write(mode="auto", test_it=f"BACKEND = 'sandbox'\n{AUTO}")
    await project.run("-n", "2")
    assert project.ended("PASSED") == {"test_one", "test_two"}


HIDES = """
import sys
from importlib.machinery import PathFinder


class Hiding(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name == "pytest_asyncio" else super().find_spec(name, path, target)


sys.meta_path = [Hiding if each is PathFinder else each for each in sys.meta_path]
"""


async def test_without_pytest_asyncio_one_line_says_what_is_missing(project):
    project.write(sitecustomize=HIDES, test_it="def test_it(cluster): ...\n")
    (project.folder / "pytest.ini").write_text("[pytest]\n")
    project.environment["PYTHONPATH"] += f":{project.folder}"
    await project.run("-p", "no:asyncio")
    assert project.ended("ERROR") == {"test_it"}
    assert "the fixture `cluster` needs pytest-asyncio: pip install 'kubedirector[testing]'" in project.output
    assert "Traceback" not in project.output


async def test_a_context_that_is_there_keeps_what_is_not_the_tests_own(project, tmp_path):
    project.write(mode="auto", test_it=f"BACKEND = 'context'\n{AUTO}")
    async with Sandbox(SandboxOptions(node=False)) as sandbox:
        document = yaml.safe_load(sandbox.kubeconfig)
        document["contexts"].append({**document["contexts"][0], "name": "other"})
        document["current-context"] = "nowhere"
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(document))
        before = {item["metadata"]["name"] for item in sandbox.registry.list(NAMESPACE)}
        project.environment["KUBECONFIG"] = str(tmp_path / "kubeconfig")
        await project.run("--kube=context", "--kube-context=other")
        assert project.ended("PASSED") == {"test_one", "test_two"}
        assert {item["metadata"]["name"] for item in sandbox.registry.list(NAMESPACE)} == before
        await project.run("--kube=context", "--kube-context=third")
        assert project.ended("ERROR") == {"test_one", "test_two"}
        assert "there is no context 'third'; its contexts are 'other', 'sandbox'" in project.output.replace("\n", " ")
