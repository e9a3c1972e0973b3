"""Measure the daemon against the embedded API server, with hollow members: reaction, rest, edits, scale, start, memory.

    python tests/bench/bench_daemon.py [--clusters 1000] [--only reaction,rest,...] [--record FILE]

The API server and the hollow node are one process, the daemon is another one. A hollow member's start script ends at
once. Budgets stand beside the numbers; the numbers depend on what else the machine does.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from kdd.stage import install_crds
from kdlib import kube, packages
from kdlib.frozen import dig
from kdlib.guest import EmulatedRun
from kdlib.sandbox import Sandbox, SandboxOptions, collect_seldom
from kdlib.testing import HollowContainers, HollowMembers, HollowNode, HollowSettings
from kdlib.wire import KD_CLUSTER, POD, Ref

SHELL = Path(__file__).parents[1] / "apps" / "shell"
NAMESPACE = "default"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
WRITES = {"POST", "PUT", "PATCH", "DELETE"}
AGENT = "kubedirector"


def say(value):
    """Print what was measured."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


class Starts:
    """When start scripts were started, by pod and event."""

    def __init__(self):
        self.at, self.changed = {}, asyncio.Event()

    def __call__(self, request, arguments):
        self.at[request.pod, arguments[0]] = time.perf_counter()
        self.changed.set()
        return EmulatedRun()


class Bench:
    """The server with its hollow node, what is known of clusters, and the daemon as a process."""

    def __init__(self, sandbox, node, api, *, members, starts):
        self.sandbox, self.node, self.api, self._members = sandbox, node, api, members
        self.clusters, self.pods = kube.Cache(), kube.Cache()
        self.configured_at, self.running_at = {}, {}
        self.started_at, self.changed = starts.at, starts.changed
        self.writes = []
        self.requests = 0
        self.daemon = None
        self.clusters.subscribe(self._cluster_changed)
        self.pods.subscribe(self._pod_changed)
        sandbox.access_log.subscribe(self._asked)

    @property
    def execs(self):
        return self._members.execs

    def _cluster_changed(self, change):
        if change.after is not None and dig(change.after, "status", "state") == "configured":
            self.configured_at.setdefault(change.after["metadata"]["name"], time.perf_counter())
        self.changed.set()

    def _pod_changed(self, change):
        if dig(change.after or {}, "status", "containerStatuses", 0, "state", "running") is not None:
            key = change.after["metadata"]["name"], change.after["status"]["containerStatuses"][0]["containerID"]
            self.running_at.setdefault(key, time.perf_counter())

    def _asked(self, access):
        if access.user_agent.startswith(AGENT):
            if not access.is_watch:
                self.requests += 1
            if access.method in WRITES and "/exec" not in access.path:
                self.writes.append((time.perf_counter(), access.method, access.path))
                self.changed.set()

    async def until(self, holds, seconds=300):
        async with asyncio.timeout(seconds):
            while not (found := holds()):
                self.changed.clear()
                await self.changed.wait()
            return found

    async def create(self, name, tails):
        found = packages.load(SHELL / "cluster.yaml")[0].value
        roles = [found["spec"]["roles"][0], {**found["spec"]["roles"][1], "members": tails}]
        metadata = {"name": name, "namespace": NAMESPACE}
        await self.api.create({**found, "metadata": metadata, "spec": {**found["spec"], "roles": roles}})

    async def resize(self, name, tails):
        patch = [{"op": "add", "path": "/spec/roles/1/members", "value": tails}]
        await self.api.json_patch(Ref(KD_CLUSTER, NAMESPACE, name), patch)

    async def remove(self, *names):
        for name in names:
            await self.api.delete(Ref(KD_CLUSTER, NAMESPACE, name))
        await self.until(lambda: not any(self.clusters.get(NAMESPACE, name) for name in names))
        for name in names:
            self.configured_at.pop(name, None)

    def settled(self, name):
        found = self.clusters.get(NAMESPACE, name) or {}
        status = found.get("status") or {}
        seen = status.get("observedGeneration") == dig(found, "metadata", "generation")
        return status if seen and status.get("state") == "configured" else None

    def members(self, name):
        status = (self.clusters.get(NAMESPACE, name) or {}).get("status") or {}
        return [member["pod"] for role in status.get("roles", []) for member in role["members"]]

    @contextlib.asynccontextmanager
    async def operated(self, folder):
        """Run the daemon."""
        command = (sys.executable, "-m", "kdd", "run", "--kubeconfig", str(folder / "kubeconfig"))
        with (folder / "daemon.log").open("ab") as log:
            self.daemon = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        try:
            yield
        finally:
            self.daemon.send_signal(signal.SIGTERM)
            await self.daemon.wait()

    def memory_mib(self):
        status = Path(f"/proc/{self.daemon.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.daemon.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def percentile(values, share):
    """Return the value that this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def kinds_of(writes):
    """Count writes by method and resource, statuses apart."""
    kinds = Counter()
    for _, method, path in writes:
        parts = path.split("?")[0].split("/")
        named = parts[parts.index("namespaces") + 2 :]
        kinds[f"{method} {named[0]}{'/' + named[2] if len(named) > 2 else ''}"] += 1
    return dict(sorted(kinds.items()))


def seconds(values):
    """Return median and worst of times, in seconds."""
    return {"median": round(statistics.median(values), 3), "worst": round(max(values), 3), "times": len(values)}


# --- what is measured -----------------------------------------------------------------------------------------------


async def reaction(bench, _):
    """Measure from the last container that runs to the cluster that is configured (budget: 0.5 s median)."""
    found = []
    for number in range(20):
        name = f"reaction{number}"
        await bench.create(name, 3)
        await bench.until(lambda name=name: bench.settled(name))
        pods = set(bench.members(name))
        last = max(at for (pod, _), at in bench.running_at.items() if pod in pods)
        found.append(bench.configured_at[name] - last)
    await bench.remove(*(f"reaction{number}" for number in range(20)))
    return {"running to configured": seconds(found)}


async def creation(bench, _):
    """Count what one cluster of 1 + 3 members costs (budget: 25 requests, 8 execs)."""
    await quiet(bench)
    requests, execs = bench.requests, bench.execs
    writes = len(bench.writes)
    await bench.create("one", 3)
    await bench.until(lambda: bench.settled("one"))
    await asyncio.sleep(1)
    kinds = kinds_of(bench.writes[writes:])
    events = sum(count for kind, count in kinds.items() if kind.endswith(" events"))
    told = {
        "requests but for Events": bench.requests - requests - events - (bench.execs - execs),
        "execs": bench.execs - execs,
        "writes": kinds,
    }
    await bench.remove("one")
    return {"1 x 4": told}


async def restarts(bench, _):
    """Measure from a restart, and from an edit, to the start script (budget: 0.5 s median, whatever the number)."""
    told, there = {}, []
    for count in (1, 10, 100):
        for number in range(len(there), count):
            there.append(f"restart{number}")
            await bench.create(there[-1], 3)
        await bench.until(lambda: all(bench.settled(name) for name in there))
        restarted, grown = [], []
        for number in range(20):
            name = there[number % count]
            pod = bench.members(name)[1]
            bench.started_at.pop((pod, "--configure"), None)
            container = await bench.node.restart(NAMESPACE, pod)
            await bench.until(lambda pod=pod: (pod, "--configure") in bench.started_at)
            restarted.append(bench.started_at[pod, "--configure"] - bench.running_at.get((pod, container), 0))
            await bench.until(lambda name=name: bench.settled(name))
        for number in range(20):
            name = there[number % count]
            before, begun = set(bench.members(name)), time.perf_counter()
            await bench.resize(name, len(before))
            (pod,) = await bench.until(lambda name=name, before=before: set(bench.members(name)) - before)
            await bench.until(lambda pod=pod: (pod, "--configure") in bench.started_at)
            grown.append(bench.started_at[pod, "--configure"] - begun)
            await bench.until(lambda name=name: bench.settled(name))
        told[f"{count} clusters"] = {"restarted to script": seconds(restarted), "edited to script": seconds(grown)}
    await bench.remove(*there)
    return told


async def scale(bench, options):
    """Measure many clusters at once: all configured, memory, silence, single edits (budgets: 120 s, 0, p99 1 s)."""
    # A daemon that has looked after one cluster has imported all that it needs.
    await bench.create("first", 3)
    await bench.until(lambda: bench.settled("first"))
    await bench.remove("first")
    await quiet(bench)
    idle_mib = bench.memory_mib()
    count, begun, cpu = options.clusters, time.perf_counter(), bench.cpu_seconds()
    bench.requests = 0
    for number in range(count):
        await bench.create(f"many{number}", 3)
    created = time.perf_counter() - begun
    names = {f"many{number}" for number in range(count)}
    await bench.until(lambda: names <= bench.configured_at.keys(), 1200)
    told = {
        "created in": round(created, 1),
        "all configured in": round(time.perf_counter() - begun, 1),
        "daemon cpu seconds": round(bench.cpu_seconds() - cpu, 1),
        "requests a cluster": round(bench.requests / count, 1),
    }
    await quiet(bench)
    told["daemon MiB idle, full"] = [round(idle_mib), round(bench.memory_mib())]
    told["daemon KiB a member"] = round((bench.memory_mib() - idle_mib) * 1024 / (4 * count), 1)
    before, cpu = bench.requests, bench.cpu_seconds()
    await asyncio.sleep(options.rest_seconds)
    told[f"requests in {options.rest_seconds} s of rest"] = bench.requests - before
    told["cpu seconds at rest"] = round(bench.cpu_seconds() - cpu, 2)
    told["edit to first write"] = await edits(bench, count)
    return {f"{count} x 4": told}


async def edits(bench, count):
    """Make 30 edits, one a second; return how long each waited for the first write about its cluster."""
    found = []
    for number in range(30):
        name = f"many{number * 7 % count}"
        begun, known = time.perf_counter(), len(bench.writes)
        await bench.resize(name, 4)
        suffix = f"/{name}/status?"
        at = await bench.until(
            lambda known=known, suffix=suffix: next(
                (at for at, _, path in bench.writes[known:] if suffix in path), None
            )
        )
        found.append(at - begun)
        await asyncio.sleep(max(0.0, 1.0 - (time.perf_counter() - begun)))
    return {**seconds(found), "p99": round(percentile(found, 0.99), 3)}


async def quiet(bench, calm_seconds=3.0):
    """Wait until the daemon has asked for nothing for a while."""
    known = -1
    while known != bench.requests:
        known = bench.requests
        await asyncio.sleep(calm_seconds)


async def start(bench, options):
    """Measure a fresh daemon over everything that is there: until it first rests (budget: 15 s for 10,000 members)."""
    members = len(bench.pods)
    with tempfile.TemporaryDirectory() as folder:
        bench.sandbox.write_kubeconfig(Path(folder) / "kubeconfig")
        command = (sys.executable, __file__, "--operator", folder)
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        told = json.loads(await process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        await process.wait()
    return {f"start over {members} members": told}


async def operator(folder):
    """Be a daemon that tells how long it took until it rested."""
    from kdd.operator import controller
    from kdd.settings import Settings

    begun, cpu = time.perf_counter(), time.process_time()
    async with kube.connect(kubeconfig=folder / "kubeconfig") as api:
        found = controller(api, Settings(cache=folder))
        task = asyncio.create_task(found.run())
        await found.synced.wait()
        synced = time.perf_counter() - begun
        while not found.is_idle:
            # Not a bare sleep: a controller that ends is told.
            await asyncio.wait({task}, timeout=0.02)
            if task.done():
                task.result()
        wall = time.perf_counter() - begun
        numbers = {"synced s": synced, "rests after s": wall, "cpu s": time.process_time() - cpu}
        say({name: round(value, 2) for name, value in numbers.items()})
        ended = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        await ended.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def large(bench, _):
    """Measure one cluster of 1,000 members (budgets: no object over 1 MB; a change of one costs few writes)."""
    begun = time.perf_counter()
    await bench.create("large", 998)
    await bench.until(lambda: bench.settled("large"), 600)
    configured = time.perf_counter() - begun
    size = len(json.dumps(bench.clusters.get(NAMESPACE, "large")))
    await quiet(bench)
    writes, execs, begun = len(bench.writes), bench.execs, time.perf_counter()
    await bench.resize("large", 999)
    await bench.until(lambda: bench.settled("large") and len(bench.members("large")) == 1000, 600)
    grown = time.perf_counter() - begun
    await quiet(bench)
    told = {
        "configured in": round(configured, 1),
        "cluster object bytes": size,
        "one more member: seconds": round(grown, 1),
        "one more member: writes": kinds_of(bench.writes[writes:]),
        "one more member: execs": bench.execs - execs,
    }
    await bench.remove("large")
    return {"1 x 1000": told}


PARTS = {part.__name__: part for part in (reaction, creation, restarts, large, scale, start)}


async def measure(options):
    """Measure one part after the other, on one server and daemon."""
    told = {}
    with tempfile.TemporaryDirectory() as name:
        folder, starts = Path(name), Starts()
        members = HollowMembers(starts)
        containers = HollowContainers(members)
        async with (
            Sandbox(SandboxOptions(node=False, containers=containers)) as sandbox,
            HollowNode(sandbox.transport, containers, HollowSettings(heartbeat_seconds=0)) as node,
            kube.connect(kubeconfig=written(sandbox, folder), user_agent="bench") as api,
        ):
            collect_seldom()
            local = kube.Api(sandbox.transport)
            bench = Bench(sandbox, node, api, members=members, starts=starts)
            await install_crds(api)
            app = packages.load(SHELL / "app.yaml")[0].value
            await api.create({**app, "metadata": {**app["metadata"], "namespace": NAMESPACE}})
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(kube.Reflector(local, kube.Selection(kind), cache).run())
                    for kind, cache in ((KD_CLUSTER, bench.clusters), (POD, bench.pods))
                ]
                async with bench.operated(folder):
                    for part in options.only:
                        found = await PARTS[part](bench, options)
                        say(found)
                        told |= found
                for task in tasks:
                    task.cancel()
    return told


def written(sandbox, folder):
    """Write the kubeconfig into the folder, and return its path."""
    sandbox.write_kubeconfig(folder / "kubeconfig")
    return folder / "kubeconfig"


def main():
    """Measure, or be a daemon that is measured."""
    parser = argparse.ArgumentParser(description="Measure the daemon.")
    parser.add_argument("--clusters", type=int, default=1000)
    parser.add_argument("--rest-seconds", type=int, default=60)
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(PARTS))
    parser.add_argument("--record", type=Path)
    parser.add_argument("--operator", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.operator:
        asyncio.run(operator(options.operator))
        return
    told = asyncio.run(measure(options))
    if options.record:
        options.record.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
