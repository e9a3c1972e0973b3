"""What a review costs: its latency at a given load, how many a second one core bears, and the memory of the server.

The webhook runs in a process of its own, over an API server in that process; the load comes over TLS from this one.
Run `python tests/bench/bench_admission.py`; the budget is 300 reviews a second on one core and a p99 below 20 ms.
"""

import argparse
import asyncio
import contextlib
import cProfile
import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

from kdlib import admission, packages
from kdlib.errors import KubeDirectorError
from kdlib.frozen import copied
from kdlib.kube import Api
from kdlib.model import crd
from kdlib.sandbox import Registry
from kdlib.sandbox.store import LocalTransport
from kdlib.wire import KD_APP, KD_CLUSTER, KD_CONFIG

TOP = Path(__file__).parents[2]
SYSTEM = "kubedirector"
GOAL_PER_SECOND, GOAL_P99_MS = 300, 20.0


def say(words: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def catalogue() -> tuple[dict, dict]:
    """Return a real app and a real cluster: the Dask app of the catalogue, and the example that uses it."""
    app = packages.load(TOP / "catalog" / "dask" / "app.yaml")[0].value
    cluster = next(
        item.value for item in packages.load(TOP / "examples" / "dask.yaml") if item.value["kind"] == KD_CLUSTER.name
    )
    return tuple({**item, "metadata": {"namespace": "default", **item["metadata"]}} for item in (app, cluster))


async def serve(folder: Path) -> None:
    """Serve reviews until stdin is closed; say the port, and at the end the CPU time and memory used."""
    registry = Registry(lambda: datetime.now(UTC), lambda: str(uuid.uuid4()))
    app, _ = catalogue()
    for kind in (KD_APP, KD_CLUSTER, KD_CONFIG):
        registry.create(crd(kind.name))
    registry.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
    registry.create(app)
    settings = admission.Settings(
        place=admission.AtUrl("127.0.0.1"),
        certificates=admission.MadeHere(SYSTEM),
        system_namespace=SYSTEM,
        host="127.0.0.1",
        port=0,
    )
    async with admission.serve(Api(LocalTransport(registry)), settings) as webhook:
        (folder / "ca.crt").write_text(webhook.certificates.authorities)
        say(json.dumps({"port": webhook.port}))
        await asyncio.to_thread(sys.stdin.read)


def review(operation: str, cluster: dict, old: dict | None) -> bytes:
    """Return the bytes of a review as an API server sends it."""
    group, _, version = KD_CLUSTER.api_version.partition("/")
    kind = {"group": group, "version": version, "kind": KD_CLUSTER.name}
    managed = {"managedFields": [{"manager": "kubectl", "operation": "Apply", "fieldsV1": {"f:spec": {}}}] * 3}
    new = {**cluster, "metadata": {**cluster["metadata"], **managed}}
    request = {
        "uid": str(uuid.uuid4()),
        "kind": kind,
        "resource": {"group": group, "version": version, "resource": KD_CLUSTER.plural},
        "name": cluster["metadata"]["name"],
        "namespace": "default",
        "operation": operation,
        "userInfo": {"username": "ann", "groups": ["dev", "system:authenticated"]},
        "object": new,
        "oldObject": old,
        "dryRun": False,
        "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions", "fieldManager": "kubectl"},
    }
    return json.dumps(
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}, separators=(",", ":")
    ).encode()


def bodies() -> dict[str, bytes]:
    """Return a review of each sort: a creation, a growth, and a creation with many mistakes."""
    _, cluster = catalogue()
    grown, wrong = copied(cluster), copied(cluster)
    grown["spec"]["roles"][-1]["members"] = 1
    for role in wrong["spec"]["roles"]:
        role |= {"id": f"no-{role['id']}", "members": -1}
    return {
        "create": review("CREATE", cluster, None),
        "update": review("UPDATE", grown, cluster),
        "refusal": review("CREATE", wrong, None),
    }


class Connection:
    """One connection that is kept, as an API server keeps its own."""

    async def open(self, port: int, trust: ssl.SSLContext) -> "Connection":
        """Connect."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
        return self

    async def ask(self, body: bytes) -> dict:
        """Send one review; return the response."""
        head = (
            f"POST /review/clusters?timeout=10s HTTP/1.1\r\nHost: webhook\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self.writer.write(head.encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in answer.decode().lower().split("\r\n")[1:] if line)
        return json.loads(await self.reader.readexactly(int(fields["content-length"])))["response"]


async def paced(connections: list[Connection], body: bytes, per_second: float, seconds: float) -> list[float]:
    """Send at a fixed pace, however long answers take; return the latencies in ms."""
    latencies: list[float] = []
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for connection in connections:
        free.put_nowait(connection)
    begin = time.perf_counter()

    async def one(due: float) -> None:
        connection = await free.get()
        await connection.ask(body)
        latencies.append((time.perf_counter() - due) * 1000)
        free.put_nowait(connection)

    async with asyncio.TaskGroup() as group:
        for number in range(int(per_second * seconds)):
            due = begin + number / per_second
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            group.create_task(one(due))
    return latencies


async def flat_out(connections: list[Connection], body: bytes, seconds: float) -> int:
    """Send as fast as answers come; return how many did."""
    end, count = time.perf_counter() + seconds, 0

    async def one(connection: Connection) -> None:
        nonlocal count
        while time.perf_counter() < end:
            await connection.ask(body)
            count += 1

    async with asyncio.TaskGroup() as group:
        for connection in connections:
            group.create_task(one(connection))
    return count


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


async def load(port: int, pid: int, folder: Path, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Measure each sort of review."""
    trust = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    connections = [await Connection().open(port, trust) for _ in range(options.connections)]
    found: dict[str, dict[str, float]] = {}
    try:
        for name, body in bodies().items():
            response = await connections[0].ask(body)
            if response["allowed"] == (name == "refusal"):
                raise KubeDirectorError(f"{name} was answered {response}")
            await flat_out(connections, body, 0.5)
            before = cpu_seconds(pid)
            count = await flat_out(connections, body, options.seconds)
            spent = cpu_seconds(pid) - before
            latencies = sorted(await paced(connections, body, options.pace, options.seconds))
            per_core = count / spent
            found[name] = {
                "bytes": len(body),
                "cpu_ms": round(spent / count * 1000, 2),
                "per_second_and_core": round(per_core),
                "of_goal": round(per_core / GOAL_PER_SECOND, 2),
                f"p50_ms_at_{options.pace:g}": round(statistics.median(latencies), 2),
                f"p99_ms_at_{options.pace:g}": round(latencies[int(len(latencies) * 0.99)], 2),
            }
        found["server"] = {"resident_mib": round(resident_mib(pid), 1)}
    finally:
        for connection in connections:
            connection.writer.close()
    return found


def measure(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Start the server, measure, end it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "serve", folder]
        command += ["--profile", options.profile] if options.profile else []
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            try:
                port = json.loads(server.stdout.readline())["port"]
                return asyncio.run(load(port, server.pid, Path(folder), options))
            finally:
                server.stdin.close()
                server.wait(20)


def main() -> None:
    """Run in one of the roles; without one, measure."""
    parser = argparse.ArgumentParser(description="Measure the admission webhook.")
    parser.add_argument("role", nargs="?", default="measure", choices=["measure", "serve"])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each load lasts")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--pace", type=float, default=100.0, help="reviews a second for the latencies")
    parser.add_argument("--record", type=Path, help="write the numbers to a file as JSON")
    parser.add_argument("--profile", help="profile the server into this file (it is slower then)")
    options = parser.parse_args()
    if options.role == "serve":
        with cProfile.Profile() if options.profile else contextlib.nullcontext() as profile:
            asyncio.run(serve(options.folder))
        if options.profile:
            profile.dump_stats(options.profile)
        return
    found = measure(options)
    for name, numbers in found.items():
        say(f"{name:<10} " + "  ".join(f"{what}={number}" for what, number in numbers.items()))
    if options.record:
        options.record.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
