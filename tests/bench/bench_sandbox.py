"""Measure the embedded API server: start, rest, and writes a second, from another process with two watchers.

    python tests/bench/bench_sandbox.py [--seconds 4] [--connections 12] [--record FILE] [--profile FILE]

Wall times depend on what else the machine does, so every number comes with the server's own processor time, and that
as a ratio to a yardstick: what the same request costs a bare aiohttp server that sends its body back over TLS.
"""

import argparse
import asyncio
import contextlib
import cProfile
import itertools
import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path

GOALS = {"creates": 800, "applies": 250}
MANAGER = "fieldManager=kubedirector&force=true"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
STATEFUL_SETS = "/apis/apps/v1/namespaces/default/statefulsets"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


# --- what is sent ---------------------------------------------------------------------------------------------------


def config_map(index: int) -> bytes:
    """Return a ConfigMap of 1 KB."""
    labels = {"app": "bench", "index": str(index)}
    data = {f"key-{number}": f"{index}-{number}-" + "x" * 80 for number in range(8)}
    metadata = {"name": f"map-{index}", "labels": labels}
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}).encode()


def stateful_set(index: int, change: int) -> bytes:
    """Return a StatefulSet of 3 KB, as an operator applies it; each change is another environment and annotation."""
    name = f"set-{index}"
    labels = {"app": "bench", "role": "worker", "cluster": name, "example.org/app": "bench", "example.org/index": name}
    env = [{"name": f"SETTING_{number}", "value": f"value of setting {number}"} for number in range(14)]
    env += [
        {"name": "CHANGE", "value": str(change)},
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": f"{name}-token", "key": "token"}}},
    ]
    ports = [{"name": f"port-{number}", "containerPort": 8000 + number, "protocol": "TCP"} for number in range(4)]
    mounts = [{"name": each, "mountPath": f"/mnt/{each}"} for each in ("config", "data", "scratch", "secret", "tools")]
    resources = {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "2Gi"}}
    probe = {"httpGet": {"path": "/ready", "port": 8000}, "periodSeconds": 5, "failureThreshold": 6}
    container = {
        "name": "app",
        "image": "registry.example.org/bench/worker:1.2.3",
        "command": ["/usr/sbin/init"],
        "env": env,
        "ports": ports,
        "volumeMounts": mounts,
        "resources": resources,
        "readinessProbe": probe,
        "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}, "runAsUser": 0},
    }
    image = "registry.example.org/bench/fetch:1"
    fetch = {"name": "fetch", "image": image, "command": ["fetch"], "volumeMounts": mounts}
    volumes = [
        {"name": "config", "configMap": {"name": f"{name}-config", "defaultMode": 0o644}},
        {"name": "secret", "secret": {"secretName": f"{name}-secret"}},
        {"name": "scratch", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
        {"name": "tools", "emptyDir": {}},
    ]
    claim = {
        "metadata": {"name": "data", "labels": labels},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "20Gi"}}},
    }
    pod = {"containers": [container], "initContainers": [fetch], "volumes": volumes}
    spec = {
        # Without replicas the numbers are those of the set itself; its pods would be further creations.
        "replicas": 0,
        "serviceName": "bench",
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": {"app": "bench", "cluster": name}},
        "template": {"metadata": {"labels": labels, "annotations": {"example.org/change": str(change)}}, "spec": pod},
        "volumeClaimTemplates": [claim],
    }
    metadata = {"name": name, "labels": labels, "annotations": {"example.org/intent": f"{index:032x}{change:032x}"}}
    return json.dumps({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": spec}).encode()


# --- processes ------------------------------------------------------------------------------------------------------


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used, user and system, in steps of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


@contextlib.contextmanager
def running(*arguments: object):
    """Run this script in another role; yields the process and its first line."""
    command = [sys.executable, str(Path(__file__).resolve()), *map(str, arguments)]
    # Some environments keep no compiled modules; an installation has them, so the runs of this script have their own.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(Path(tempfile.gettempdir(), "bench-sandbox-pycache"))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGTERM)


def say(value: object) -> None:
    """Tell the parent, or the user."""
    sys.stdout.write((value if isinstance(value, str) else json.dumps(value)) + "\n")
    sys.stdout.flush()


async def until_ended() -> None:
    """Wait for SIGTERM."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()


async def serve(folder: Path) -> None:
    """Be the server: an embedded cluster without a node."""
    from kdlib.sandbox import Sandbox, SandboxOptions, collect_seldom

    async with Sandbox(SandboxOptions(node=False)) as sandbox:
        collect_seldom()
        sandbox.write_kubeconfig(folder / "kubeconfig")
        say({"url": sandbox.url, "cpu": time.process_time()})
        await until_ended()


async def echo(folder: Path) -> None:
    """Be the yardstick: the same transport, and the body as the answer."""
    from aiohttp.web import Response, Server, ServerRunner, TCPSite

    from kdlib.sandbox import Authority, User, kubeconfig_text, server_context, write_private

    async def handle(request):
        return Response(body=await request.read(), content_type="application/json")

    authority = Authority("bench")
    runner = ServerRunner(Server(handle, access_log=None))
    await runner.setup()
    await TCPSite(runner, "127.0.0.1", 0, ssl_context=server_context(authority, "127.0.0.1")).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    client = authority.issue(User("bench").name)
    text = kubeconfig_text("bench", url, authority=authority.certificate, client=client)
    write_private(folder / "kubeconfig", text)
    say({"url": url})
    await until_ended()
    await runner.cleanup()


def connected(folder: Path, connections: int):
    """Return a client's session over a kubeconfig, with its client certificate."""
    import yaml
    from aiohttp import ClientSession, ClientTimeout, TCPConnector

    document = yaml.safe_load((folder / "kubeconfig").read_text())
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    context = ssl.create_default_context(cadata=b64decode(cluster["certificate-authority-data"]).decode())
    with tempfile.NamedTemporaryFile() as pair:
        pair.write(b64decode(user["client-certificate-data"]) + b64decode(user["client-key-data"]))
        pair.flush()
        context.load_cert_chain(pair.name)
    connector = TCPConnector(ssl=context, limit=connections)
    agent = {"User-Agent": "bench/1"}
    return ClientSession(cluster["server"], connector=connector, headers=agent, timeout=ClientTimeout(total=None))


async def watch(folder: Path) -> None:
    """Be two watchers, each of ConfigMaps and of StatefulSets; tell at the end how many events came to each."""
    paths = (CONFIG_MAPS, STATEFUL_SETS, CONFIG_MAPS, STATEFUL_SETS)
    seen = [0] * len(paths)

    async def follow(place: int, path: str) -> None:
        async with session.get(path, params={"watch": "1", "allowWatchBookmarks": "true"}) as answer:
            opened[place].set()
            async for line in answer.content:
                json.loads(line)
                seen[place] += 1

    opened = [asyncio.Event() for _ in paths]
    async with connected(folder, len(paths)) as session, asyncio.TaskGroup() as group:
        tasks = [group.create_task(follow(place, path)) for place, path in enumerate(paths)]
        for each in opened:
            await each.wait()
        say("{}")
        await until_ended()
        say(seen)
        for task in tasks:
            task.cancel()


# --- measuring ------------------------------------------------------------------------------------------------------


@dataclass
class Load:
    """One client against one server."""

    pid: int
    session: object
    connections: int
    seconds: float

    async def run(self, requests, limit: int = 10**9) -> dict[str, float]:
        """Send (method, path, headers, body) requests over all connections for a while; return what it cost."""
        done = 0
        begun, cpu, own = time.perf_counter(), cpu_seconds(self.pid), time.process_time()
        end = begun + self.seconds

        async def work() -> None:
            nonlocal done
            for method, path, headers, body in requests:
                async with self.session.request(method, path, headers=headers, data=body) as answer:
                    text = await answer.read()
                    if answer.status >= 300:
                        raise RuntimeError(text.decode())
                done += 1
                if done >= limit or time.perf_counter() > end:
                    return

        async with asyncio.TaskGroup() as group:
            for _ in range(self.connections):
                group.create_task(work())
        seconds = time.perf_counter() - begun
        return {
            "requests": done,
            "per_second": round(done / seconds),
            "server_ms": round(1000 * (cpu_seconds(self.pid) - cpu) / done, 3),
            "client_ms": round(1000 * (time.process_time() - own) / done, 3),
        }


JSON = {"Content-Type": "application/json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}


def creations(start: int = 0):
    """Yield creations of ConfigMaps, each another one."""
    for index in itertools.count(start):
        yield "POST", CONFIG_MAPS, JSON, config_map(index)


def applications(indexes, change: int):
    """Yield applications of StatefulSets."""
    for index in indexes:
        yield "PATCH", f"{STATEFUL_SETS}/set-{index}?{MANAGER}", APPLY, stateful_set(index, change)


async def measure_yardstick(options) -> dict[str, dict[str, float]]:
    """Return what the bare transport costs for each size of body."""
    with tempfile.TemporaryDirectory() as folder, running("echo", folder) as (process, _):
        async with connected(Path(folder), options.connections) as session:
            load = Load(process.pid, session, options.connections, options.seconds / 2)
            await load.run(creations(), limit=200)
            creates = await load.run(creations())
            return {"creates": creates, "applies": await load.run(applications(itertools.count(), 0))}


async def measure_start(times: int) -> dict[str, float]:
    """Return how long an interpreter takes until the cluster serves: the quickest of several starts."""
    walls, cpus = [], []
    for _ in range(times + 1):  # the first one compiles
        with tempfile.TemporaryDirectory() as folder:
            begun = time.perf_counter()
            with running("serve", folder) as (_, told):
                walls.append(time.perf_counter() - begun)
                cpus.append(told["cpu"])
    return {"ready_seconds": round(min(walls), 3), "ready_cpu_seconds": round(min(cpus), 3)}


async def measure_writes(options) -> dict[str, dict[str, float]]:
    """Return what writes cost with two watchers, and that nothing is done at rest."""
    profile = ["--profile", options.profile] if options.profile else []
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder, running("serve", folder, *profile) as (server, _):
        with running("watch", folder) as (watcher, _):
            async with connected(Path(folder), options.connections) as session:
                load = Load(server.pid, session, options.connections, options.seconds)
                await load.run(creations(10**6), limit=200)
                found["creates"] = await load.run(creations())
                await load.run(applications(range(10**6, 10**6 + 100), 0))
                found["first applies"] = await load.run(applications(itertools.count(), 0))
                have = range(int(found["first applies"]["requests"]))
                changed = (each for change in itertools.count(1) for each in applications(have, change))
                found["changed applies"] = await load.run(changed)
                await load.run(applications(have, 0))
                unchanged = (each for _ in itertools.count() for each in applications(have[:50], 0))
                await load.run(unchanged, limit=50)
                found["unchanged applies"] = await load.run(unchanged)
                await asyncio.sleep(1)
                before = cpu_seconds(server.pid)
                await asyncio.sleep(5)
                found["rest"] = {"cpu_seconds_in_5": round(cpu_seconds(server.pid) - before, 3)}
            watcher.send_signal(signal.SIGTERM)
            seen = json.loads(watcher.stdout.readline())
            found["watchers"] = {"config_map_events": seen[::2], "stateful_set_events": seen[1::2]}
    return found


async def measure(options) -> dict[str, dict[str, float]]:
    """Measure everything, one thing after the other."""
    found = {"start": await measure_start(options.starts)}
    yardstick = await measure_yardstick(options)
    found |= await measure_writes(options)
    for name, numbers in found.items():
        kind = "creates" if name == "creates" else "applies" if name.endswith("applies") else ""
        if kind:
            numbers["yardsticks"] = round(numbers["server_ms"] / yardstick[kind]["server_ms"], 1)
            numbers["of_goal"] = round(numbers["per_second"] / GOALS[kind], 2)
    return {"yardstick creates": yardstick["creates"], "yardstick applies": yardstick["applies"], **found}


def main() -> None:
    """Run in one of the roles; without one, measure."""
    parser = argparse.ArgumentParser(description="Measure the embedded API server.")
    parser.add_argument("role", nargs="?", default="measure", choices=["measure", "serve", "echo", "watch"])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each load lasts")
    parser.add_argument("--connections", type=int, default=12)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--record", type=Path, help="write the numbers to a file as JSON")
    parser.add_argument("--profile", help="profile the server into this file (it is slower then)")
    options = parser.parse_args()
    role = {"serve": serve, "echo": echo, "watch": watch}.get(options.role)
    if role is not None:
        with cProfile.Profile() if options.profile else contextlib.nullcontext() as profile:
            asyncio.run(role(options.folder))
        if options.profile:
            profile.dump_stats(options.profile)
        return
    found = asyncio.run(measure(options))
    for name, numbers in found.items():
        say(f"{name:<18} " + "  ".join(f"{what}={number}" for what, number in numbers.items()))
    if options.record:
        options.record.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
