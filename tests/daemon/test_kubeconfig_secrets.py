"""Secrets with kubeconfigs name Kubernetes clusters: they come, change and go while the daemon runs."""

import asyncio
import base64
import contextlib
import logging
from pathlib import Path

import pytest
from waiting import until

from kdd.kubeconfig_secrets import LABEL
from kdd.operate import operate
from kdd.settings import Settings
from kdd.stage import install_crds
from kdlib import kube, packages
from kdlib.sandbox import Sandbox, SandboxOptions
from kdlib.wire import KD_CLUSTER, SECRET, STATEFUL_SET, Ref

SHELL = Path(__file__).parents[2] / "tests" / "apps" / "shell"


@contextlib.asynccontextmanager
async def opened(folder, name):
    """Open a Kubernetes cluster with an app, and an Api to it."""
    async with Sandbox(SandboxOptions(node=False)) as sandbox:
        path = folder / name
        sandbox.write_kubeconfig(path)
        async with kube.connect(kubeconfig=path, name=name) as api:
            await install_crds(api)
            for namespace in ("kubedirector", "teams"):
                await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
            await create(api, "app.yaml")
            yield sandbox, api


async def create(api, file, **metadata):
    found = packages.load(SHELL / file)[0].value
    await api.create({**found, "metadata": {**found["metadata"], "namespace": "teams", **metadata}})


def secret(text, name="east"):
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": "kubedirector", "labels": {LABEL: ""}},
        "data": {"kubeconfig": base64.b64encode(text.encode()).decode()},
    }


async def until_worked_on(api):
    async def made():
        return bool((await api.list(kube.Selection(STATEFUL_SET, "teams"))).items)

    await until(made)


@pytest.fixture
async def home(tmp_path):
    async with opened(tmp_path, "home") as (sandbox, api):
        settings = Settings(cache=tmp_path, kubeconfig=str(tmp_path / "home"), kubeconfig_secrets=True)
        task = asyncio.ensure_future(operate(settings))
        try:
            yield sandbox, api
        finally:
            task.cancel()
            await asyncio.wait({task})


async def test_clusters_named_by_secrets_come_change_and_go_and_no_other_notices(home, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    (home_box, home_api) = home

    def lists():
        return len(
            [item for item in home_box.access_log if "/kubedirectorclusters?" in item.path and not item.is_watch]
        )

    async with opened(tmp_path, "first") as (first_box, first), opened(tmp_path, "second") as (second_box, second):
        await create(home_api, "cluster.yaml")
        await until_worked_on(home_api)
        before = lists()

        await home_api.apply(secret(first_box.kubeconfig))
        await create(first, "cluster.yaml")
        await until_worked_on(first)

        await create(second, "cluster.yaml")
        await home_api.apply(secret(second_box.kubeconfig))
        await until_worked_on(second)

        # What cannot be used is told by the name of the Secret, and not by what it holds.
        await home_api.apply(secret("users: [{name: u, user: {token: s3cret}}]", name="west"))

        async def told():
            return any("Secret kubedirector/west" in record.getMessage() for record in caplog.records)

        await until(told)

        await home_api.delete(Ref(SECRET, "kubedirector", "east"))

        async def left():
            since = len(second_box.access_log)
            await asyncio.sleep(0.5)
            return len(second_box.access_log) == since

        await until(left)
        await create(second, "cluster.yaml", name="later")
        # The home cluster is looked after as ever, so the daemon had its time.
        await create(home_api, "cluster.yaml", name="later")

        async def finalized():
            return bool((await home_api.get(Ref(KD_CLUSTER, "teams", "later")))["metadata"].get("finalizers"))

        await until(finalized)
        assert "finalizers" not in (await second.get(Ref(KD_CLUSTER, "teams", "later")))["metadata"]
        assert lists() == before
    text = "\n".join(record.getMessage() for record in caplog.records)
    assert "s3cret" not in text
    assert {getattr(record, "kubernetes", "") for record in caplog.records} >= {"east"}
