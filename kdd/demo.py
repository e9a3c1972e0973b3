"""`kdd demo`: the main job, told as a story. A Dask cluster comes up, computes, grows, heals, and goes.

Layer: shell.
"""

import asyncio
import signal
import time
from pathlib import Path

import aiohttp
from rich.console import Console

from kdd.dask import Count, count_words
from kdd.progress import changes, follow
from kdd.settings import Settings
from kdd.stage import Stage, open_stage
from kdlib.errors import KubeDirectorError
from kdlib.frozen import Json, dig
from kdlib.names import LABEL_CLUSTER
from kdlib.wire import (
    CONTROLLER_REVISION,
    KD_CLUSTER,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    SERVICE,
    STATEFUL_SET,
    Kind,
    Ref,
)

__all__ = ["DemoError", "demo"]

CLUSTER = Ref(KD_CLUSTER, "default", "dask")
_LEFTOVERS = (STATEFUL_SET, SERVICE, POD, PERSISTENT_VOLUME_CLAIM, CONTROLLER_REVISION, KD_CLUSTER)
_PATIENCE_SECONDS = 120.0
_TERMINATED = 128 + signal.SIGTERM


class DemoError(KubeDirectorError):
    """The demo did not come out as it should."""


async def demo(settings: Settings, *, keep: bool) -> None:
    """Run the demo; raises DemoError where something is not as the story tells it.

    Cancellation, and SIGTERM too, take everything down first; SIGTERM then ends the process with exit code 143.
    """
    story = asyncio.ensure_future(_tell(settings, keep=keep))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, story.cancel)
    try:
        await story
    except asyncio.CancelledError:
        this = asyncio.current_task()
        if this is not None and this.cancelling():
            raise
        raise SystemExit(_TERMINATED) from None


async def _tell(settings: Settings, *, keep: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    async with open_stage(settings, console) as stage:
        began = time.monotonic()
        await _come_up(stage)
        await _compute(stage, workers=2)
        await _dashboard(stage)
        await _grow(stage)
        await _compute(stage, workers=4)
        await _heal(stage)
        await _compute(stage, workers=4)
        if keep:
            await _stay(stage)
        else:
            await _go(stage)
        console.print(f"\n[bold green]done[/] in {time.monotonic() - began:.1f} s")


def _chapter(stage: Stage, words: str) -> None:
    stage.console.print(f"\n[bold]{words}[/]")


async def _come_up(stage: Stage) -> None:
    _chapter(stage, "A Dask cluster: one scheduler, two workers, one notebook server")
    await stage.apply_files(stage.catalog / "app.yaml", stage.example)
    began = time.monotonic()
    await _until_configured(stage, members=4)
    stage.console.print(f"  configured after {time.monotonic() - began:.1f} s")


async def _until_configured(stage: Stage, *, members: int, not_container: str = "") -> Json:
    """Show progress until so many members are configured, none of them in the container named."""

    def reached(found: Json) -> bool:
        """Tell whether it is so; raises DemoError where a member has failed."""
        entries = [entry for role in dig(found, "status", "roles", default=[]) for entry in role.get("members", [])]
        failed = [entry for entry in entries if entry.get("state") == "config error"]
        if failed:
            words = dig(failed[0], "stateDetail", "configErrorDetail", default="config error")
            raise DemoError(f"member {failed[0]['pod']} failed: {words}")
        containers = [dig(entry, "stateDetail", "lastConfiguredContainer", default="") for entry in entries]
        settled = dig(found, "status", "state") == "configured" and len(entries) == members
        return settled and all(containers) and not_container not in containers

    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await follow(stage.api, CLUSTER, stage.console, until=reached)
    except TimeoutError:
        raise DemoError(f"{CLUSTER} is not configured after {_PATIENCE_SECONDS:.0f} s") from None


async def _compute(stage: Stage, *, workers: int) -> Count:
    status = (await stage.api.get(CLUSTER))["status"]
    pod = _members(status, "controller")[0]["pod"]
    texts = _texts()
    count = await count_words(stage.api, CLUSTER.namespace, pod, texts=texts, workers=workers)
    if count.known != workers or len(count.used) != workers:
        raise DemoError(f"the scheduler knows {count.known} workers and used {len(count.used)}, not {workers}")
    ranked = ", ".join(f"{word} {times}" for word, times in count.top[:5])
    where = f"{len(texts)} texts on {len(count.used)} workers in {count.seconds:.1f} s"
    stage.console.print(f"  counted {count.words} words of {where}: {ranked}")
    for name in count.used:
        stage.console.print(f"    worker {name.split('.')[0]}")
    return count


def _texts() -> tuple[str, ...]:
    """Return real text: every page and docstring that this product ships with, in pieces of a similar size."""
    top = Path(__file__).parents[1]
    files = sorted([*top.glob("*.md"), *top.glob("docs/**/*.md"), *top.glob("kdlib/*/*.py"), *top.glob("kdd/*.py")])
    words = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return tuple(words[start : start + 10_000] for start in range(0, min(len(words), 400_000), 10_000))


def _members(status: Json, role: str) -> list[Json]:
    return [member for entry in status["roles"] if entry["id"] == role for member in entry["members"]]


async def _dashboard(stage: Stage) -> None:
    url = await _dashboard_url(stage)
    limit = aiohttp.ClientTimeout(total=20)
    try:
        async with aiohttp.ClientSession(timeout=limit) as session, session.get(url) as answer:
            status = answer.status
    except (aiohttp.ClientError, TimeoutError) as error:
        raise DemoError(f"the dashboard at {url} does not answer: {error}") from error
    if status != 200:
        raise DemoError(f"the dashboard at {url} answers {status}")
    stage.console.print(f"  the dashboard answers: {url}")


async def _dashboard_url(stage: Stage) -> str:
    status = (await stage.api.get(CLUSTER))["status"]
    service = await stage.api.get(Ref(SERVICE, CLUSTER.namespace, _members(status, "controller")[0]["service"]))
    port = next(port for port in service["spec"]["ports"] if port["name"] == "http-dashboard")
    return f"http://{stage.node_address}:{port['nodePort']}/status"


async def _grow(stage: Stage) -> None:
    _chapter(stage, "The workers grow from 2 to 4")
    spec = (await stage.api.get(CLUSTER))["spec"]
    index = next(index for index, role in enumerate(spec["roles"]) if role["id"] == "worker")
    await stage.api.json_patch(CLUSTER, [{"op": "replace", "path": f"/spec/roles/{index}/members", "value": 4}])
    await _until_configured(stage, members=6)


async def _heal(stage: Stage) -> None:
    _chapter(stage, "Process 1 of a worker's container is killed")
    worker = _members((await stage.api.get(CLUSTER))["status"], "worker")[0]
    container = worker["stateDetail"]["lastConfiguredContainer"]
    await stage.kill_process_1(CLUSTER.namespace, worker["pod"])
    after = await _until_configured(stage, members=6, not_container=container)
    healed = next(entry for entry in _members(after["status"], "worker") if entry["pod"] == worker["pod"])
    stage.console.print(f"  {worker['pod']} was {container[-12:]} and is {_short(healed)} now, set up again")


def _short(member: Json) -> str:
    return str(member["stateDetail"]["lastConfiguredContainer"])[-12:]


async def _go(stage: Stage) -> None:
    _chapter(stage, "The cluster is deleted")
    await stage.api.delete(CLUSTER)
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            for kind in _LEFTOVERS:
                await _until_none(stage, kind)
    except TimeoutError:
        raise DemoError(f"something of {CLUSTER} is left after {_PATIENCE_SECONDS:.0f} s") from None
    stage.console.print("  no object of it is left")


async def _until_none(stage: Stage, kind: Kind) -> None:
    """Wait until no object of the kind belongs to the cluster."""
    labels = "" if kind == KD_CLUSTER else f"{LABEL_CLUSTER}={CLUSTER.name}"
    for found in await stage.listed(kind, labels):
        async for _ in changes(stage.api, Ref(kind, CLUSTER.namespace, found["metadata"]["name"])):
            pass
    if await stage.listed(kind, labels):
        await _until_none(stage, kind)


async def _stay(stage: Stage) -> None:
    _chapter(stage, "It is left running; what to type next, in another terminal:")
    kubeconfig = stage.write_kubeconfig()
    try:
        for line in (
            f"export KUBECONFIG={kubeconfig}",
            "kubectl get kdapp,kdcluster,pods,services",
            "kubectl describe kdcluster dask",
            "kubectl edit kdcluster dask          # change the workers' number of members",
            "kubectl delete kdcluster dask",
        ):
            stage.console.print(f"  {line}")
        stage.console.print(f"\n  dashboard: {await _dashboard_url(stage)}\n  Ctrl-C ends it.")
        await asyncio.Event().wait()
    finally:
        kubeconfig.unlink(missing_ok=True)
