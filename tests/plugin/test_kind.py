"""The back end kind, on a stand-in for its command: where no container engine runs, the real one cannot."""

import asyncio
import json

import pytest

IT = """
async def test_one(cluster):
    assert cluster.backend == "kind"


async def test_two(cluster):
    assert cluster.backend == "kind"
"""


def calls(home):
    return [json.loads(line)[:2] for line in (home / "calls").read_text().splitlines()]


def named(home):
    return {json.loads(line)[2] for line in (home / "calls").read_text().splitlines()}


MADE, GONE, ASKED = ["create", "cluster"], ["delete", "cluster"], ["get", "clusters"]
SERVED, LOADED = ["serve", "cluster"], ["load", "docker-image"]


async def test_parallel_workers_share_one_cluster_that_goes_with_the_run(project, stand_in):
    project.write(mode="auto", test_it=IT)
    await project.run("--kube=kind", "-n", "2", "--kube-image=example.org/it:1")
    assert project.ended("PASSED") == {"test_one", "test_two"}, project.output
    made = [call for call in calls(stand_in) if call not in (SERVED, ["loaded", "example.org/it:1"])]
    assert made == [MADE, LOADED, GONE]
    assert ["loaded", "example.org/it:1"] in calls(stand_in)
    (name,) = named(stand_in)
    assert name.startswith("kubedirector-testing-")
    assert not [*stand_in.glob("cluster-*")]


async def test_a_cluster_that_is_kept_is_taken_up_by_the_next_run(project, stand_in):
    project.write(mode="auto", test_it=IT)
    await project.run("--kube=kind", "--kube-keep", "-k", "test_one")
    await project.run("--kube=kind", "--kube-keep", "-k", "test_two")
    assert project.ended("PASSED") == {"test_two"}, project.output
    made = [call for call in calls(stand_in) if call != SERVED]
    assert made == [ASKED, MADE, ASKED, ["export", "kubeconfig"]]
    assert [path.name for path in stand_in.glob("cluster-*")] == ["cluster-kubedirector-testing"]
    await delete(project)


async def delete(project):
    """End the kept cluster as its user does."""
    process = await asyncio.create_subprocess_exec(
        *("kind", "delete", "cluster", "--name", "kubedirector-testing"), env=project.environment
    )
    assert await process.wait() == 0


async def test_what_kind_says_is_told_in_one_line_and_asked_once(project, stand_in):
    project.write(mode="auto", test_it=IT)
    project.environment["STAND_IN_FAILS"] = "yes"
    await project.run("--kube=kind", "-n", "2")
    assert project.ended("ERROR") == {"test_one", "test_two"}
    words = "`kind create cluster` ended with exit code 1: Creating cluster"
    assert words in project.output
    assert "requires cgroup v2" in project.output
    assert "Traceback" not in project.output
    assert calls(stand_in).count(MADE) == 1


async def test_without_the_command_the_remedy_is_told(project, tmp_path):
    project.write(mode="auto", test_it=IT)
    project.environment["PATH"] = str(tmp_path)
    await project.run("--kube=kind")
    assert "there is no command `kind`: install it from https://kind.sigs.k8s.io" in project.output
    assert "Traceback" not in project.output


@pytest.mark.control_plane
async def test_the_example_on_a_kind_cluster_that_is_a_real_control_plane(project, stand_in, examples):
    project.environment["STAND_IN_SERVER"] = "control-plane"
    await project.run("--kube=kind", examples / "testing")
    assert len(project.ended("PASSED")) == 4, project.output


@pytest.mark.control_plane
async def test_the_example_on_a_real_control_plane(project, examples):
    await project.run("--kube=control-plane", examples / "testing")
    assert len(project.ended("PASSED")) == 4, project.output
