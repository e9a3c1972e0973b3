"""The corpus sent to an API server that asks the webhook: it says what the specification says, in good words."""

import importlib.util
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kdd.stage import install_crds
from kdlib import kube
from kdlib.errors import ApiError
from kdlib.wire import KD_STATUS_BACKUP, Request


def loaded(path):
    """Load another test file, whose world is wanted here too."""
    spec = importlib.util.spec_from_file_location(f"{path.stem}_for_corpus", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CORPUS = loaded(Path(__file__).with_name("test_corpus.py"))
WEBHOOK = loaded(Path(__file__).parents[1] / "scenarios" / "test_webhook.py")
plane = WEBHOOK.plane
NEW = [case for case in CORPUS.CASES if case.is_new and case.config is None and not case.without]


@asynccontextmanager
async def served(server, folder):
    """Run a replica of the webhook before a server that holds the world of the corpus."""
    async with server, WEBHOOK.Address() as address:
        async with kube.connect(kubeconfig=str(folder / "kubeconfig")) as api:
            await install_crds(api)
            for name in (CORPUS.SYSTEM, CORPUS.NAMESPACE):
                await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
            reviewed = WEBHOOK.Reviewed(api, address, folder)
            async with reviewed.replica():
                await reviewed.until_asked()
                apps = [item for item in CORPUS.WHOLE if item["kind"] == "KubeDirectorApp"]
                for item in (*CORPUS.THERE, *apps):
                    await answer(api, item)
                yield api


async def answer(api, value, **query):
    """Send an object; return the refusal, None where it is taken or is there already."""
    kind = CORPUS.kind_of(value)
    path = kind.path(value["metadata"].get("namespace", "") if kind.namespaced else "")
    try:
        await api.transport.request(Request("POST", path, query, value))
    except ApiError as refusal:
        return None if refusal.reason == "AlreadyExists" else refusal
    return None


@pytest.mark.parametrize("server", ["sandbox", pytest.param("real", marks=pytest.mark.control_plane)])
async def test_a_server_that_asks_the_webhook_says_what_the_specification_says(server, request, tmp_path):
    is_real = server == "real"
    running = WEBHOOK.on_real(request.getfixturevalue("plane"), tmp_path) if is_real else WEBHOOK.on_sandbox(tmp_path)
    wrong = []
    async with served(running, tmp_path) as api:
        for case in NEW:
            refusal = await answer(api, case.value, dryRun="All")
            wrong += [f"{case.name}: {what}" for what in flaws(case, refusal)]
    assert not wrong, "\n".join(wrong)


def flaws(case, refusal):
    """Yield what is wrong with an answer: each problem is one line with its path and what to do."""
    if not case.refused or refusal is None:
        if bool(case.refused) != bool(refusal):
            yield f"{case.refused} became {refusal}"
        return
    causes = refusal.status.get("details", {}).get("causes", [])
    if case.refused[1] not in {cause.get("field") for cause in causes}:
        yield f"{case.refused[1]} is not among {causes}"
    if case.kind == KD_STATUS_BACKUP or "namespace of the provided object" in str(refusal):
        return
    lines = str(refusal).splitlines()
    if "denied the request" not in lines[0]:
        yield f"refused by another: {refusal}"
    told = [line for line in lines if case.refused[1] in line]
    if not told or not all(";" in line for line in told):
        yield f"{case.refused[1]} has no line with a remedy in {refusal}"
