"""`kdd release`: what a daemon held can go when no daemon is there to let go of it."""

import asyncio

import pytest
from typer.testing import CliRunner

from kdd import main
from kdd.app_use import IN_USE
from kdd.stage import install_crds
from kdlib import admission, kube
from kdlib.errors import NotFoundError
from kdlib.reconcile import CLEANUP
from kdlib.sandbox import Sandbox, SandboxOptions
from kdlib.testing import an_app
from kdlib.wire import KD_APP, KD_CONFIG, LEASE, SECRET, Ref

LEASED = Ref(LEASE, "kubedirector", "kubedirector")
HELD = (Ref(KD_APP, "default", "shell"), Ref(KD_CONFIG, "kubedirector", "kd-global-config"))
FINALIZERS = (IN_USE, CLEANUP)
PLACE = ("--system-namespace", "kubedirector")
OTHERS = "example.com/somebody-else"
APP = an_app("shell")["spec"]


@pytest.fixture
async def api(tmp_path):
    async with Sandbox(SandboxOptions(node=False)) as sandbox:
        sandbox.write_kubeconfig(tmp_path / "kubeconfig")
        async with kube.connect(kubeconfig=tmp_path / "kubeconfig") as api:
            await install_crds(api)
            await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kubedirector"}})
            yield api


@pytest.fixture
def released(tmp_path):
    """Return how to run the command."""

    async def run(*place):
        arguments = ["release", "--kubeconfig", str(tmp_path / "kubeconfig"), *(place or PLACE)]
        return await asyncio.to_thread(CliRunner().invoke, main.app, arguments)

    return run


def body(ref, **more):
    names = {"name": ref.name, "namespace": ref.namespace}
    metadata = {**names, **more.pop("metadata", {})}
    return {"apiVersion": ref.kind.api_version, "kind": ref.kind.name, "metadata": metadata, **more}


async def left_behind(api):
    """Leave what a daemon leaves that was taken away: held objects, a registration, its Lease and certificate."""
    for ref, finalizer, spec in zip(HELD, FINALIZERS, (APP, {}), strict=True):
        await api.create(body(ref, spec=spec, metadata={"finalizers": [finalizer, OTHERS]}))
    for ref in admission.registered_refs():
        await api.create({"apiVersion": ref.kind.api_version, "kind": ref.kind.name, "metadata": {"name": ref.name}})
    await api.create(body(LEASED, spec={"holderIdentity": "", "leaseDurationSeconds": 1}))
    await api.create(body(Ref(SECRET, "kubedirector", "kubedirector-webhook")))


async def test_what_a_daemon_held_can_go_and_what_others_hold_stays_held(api, released):
    await left_behind(api)
    told = await released()
    assert (told.exit_code, told.output.count("released"), told.output.count("removed")) == (0, 2, 4), told.output
    for ref in HELD:
        assert (await api.get(ref))["metadata"]["finalizers"] == [OTHERS]
    for ref in (*admission.registered_refs(), LEASED, Ref(SECRET, "kubedirector", "kubedirector-webhook")):
        with pytest.raises(NotFoundError):
            await api.get(ref)
    again = await released()
    assert (again.exit_code, again.output) == (0, "")


async def test_nothing_is_released_while_a_daemon_holds_the_lease(api, released):
    await left_behind(api)
    await api.merge_patch(LEASED, {"spec": {"holderIdentity": "kdd-0"}})
    told = await released()
    assert told.exit_code == 2
    assert told.output.count("\n") == 1
    assert "held by 'kdd-0'" in told.output
    assert (await api.get(HELD[0]))["metadata"]["finalizers"] == [IN_USE, OTHERS]
    await api.get(admission.registered_refs()[0])


async def test_of_a_daemon_for_one_namespace_nothing_outside_of_it_is_released(api, released):
    await left_behind(api)
    told = await released("--namespace", "kubedirector")
    assert (told.exit_code, told.output.count("released"), told.output.count("removed")) == (0, 1, 2), told.output
    assert (await api.get(HELD[1]))["metadata"]["finalizers"] == [OTHERS]
    assert (await api.get(HELD[0]))["metadata"]["finalizers"] == [IN_USE, OTHERS]
    for ref in admission.registered_refs():
        await api.get(ref)
