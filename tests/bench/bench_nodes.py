"""Measure clusters on real nodes: from creation to configured, with a setup package that members fetch.

    python tests/bench/bench_nodes.py --kubeconfig FILE --image NAME --address IP [--audit-log FILE] [--shapes 1x1,1x4]

Any Kubernetes cluster will do whose pods reach `--address`, an address of this machine, where the package is served.
The image needs a POSIX shell, tar, gzip, and curl, wget or Python. Beside each number stands what the original took for
the same work on two cores. With an audit log the daemon's requests are counted.
"""

import argparse
import asyncio
import contextlib
import functools
import http.server
import json
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from kdd.stage import install_crds
from kdlib import kube, packages
from kdlib.errors import AlreadyExistsError
from kdlib.frozen import dig
from kdlib.wire import KD_APP, KD_CLUSTER, POD, Kind, Ref

PACKAGE = Path(__file__).parents[1] / "apps" / "shell" / "package"
NAMESPACES = Kind("v1", "Namespace", namespaced=False)
ORIGINAL = {"1x1": 30.1, "1x4": 33.0, "10x4": 59.0, "100x2": 110.0}
"""Seconds from creation to configured, as measured with the original on a node of this kind."""

AGENT = "kubedirector"


class Followed:
    """Clusters and pods of one namespace, and when they became what is measured."""

    def __init__(self):
        self.clusters, self.pods = kube.Cache(), kube.Cache()
        self.configured_at, self.running_at = {}, {}
        self.changed = asyncio.Event()
        self.clusters.subscribe(self._cluster_changed)
        self.pods.subscribe(self._pod_changed)

    def _cluster_changed(self, change):
        if dig(change.after or {}, "status", "state") == "configured":
            self.configured_at.setdefault(change.after["metadata"]["name"], time.perf_counter())
        self.changed.set()

    def _pod_changed(self, change):
        if dig(change.after or {}, "status", "containerStatuses", 0, "state", "running") is not None:
            self.running_at.setdefault(change.after["metadata"]["name"], time.perf_counter())
        self.changed.set()

    async def until(self, holds, seconds):
        async with asyncio.timeout(seconds):
            while not holds():
                self.changed.clear()
                await self.changed.wait()


@contextlib.contextmanager
def served(folder, address):
    """Serve a folder to pods; yields its URL."""
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer((address, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://{address}:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and logs nothing."""

    def log_message(self, *_):
        """Say nothing."""


def app(image, url):
    """Return the app: a head with a port, and tails."""
    spec = {
        "label": {"name": "Bench"},
        "distroID": "bench/shell",
        "version": "1",
        "configSchemaVersion": 8,
        "defaultImageRepoTag": image,
        "defaultConfigPackage": {"packageURL": url, "useNewSetupLayout": True},
        "services": [{"id": "echo", "label": {"name": "Echo"}, "endpoint": {"port": 7000, "urlScheme": "tcp"}}],
        "roles": [{"id": "head", "cardinality": "1"}, {"id": "tail", "cardinality": "0+"}],
        "config": {"selectedRoles": ["head", "tail"], "roleServices": [{"roleID": "head", "serviceIDs": ["echo"]}]},
    }
    return {"apiVersion": KD_APP.api_version, "kind": KD_APP.name, "metadata": {"name": "bench"}, "spec": spec}


def cluster(name, members):
    """Return a cluster of so many members."""
    small = {"requests": {"cpu": "1m", "memory": "8Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}}
    roles = [{"id": "head", "resources": small}, {"id": "tail", "members": members - 1, "resources": small}]
    spec = {"app": "bench", "serviceType": "ClusterIP", "roles": roles}
    return {"apiVersion": KD_CLUSTER.api_version, "kind": KD_CLUSTER.name, "metadata": {"name": name}, "spec": spec}


@contextlib.asynccontextmanager
async def daemon(kubeconfig, log):
    """Run the daemon as a process."""
    command = (sys.executable, "-m", "kdd", "run", "--kubeconfig", str(kubeconfig), "--no-webhook")
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


def asked(audit_log, position):
    """Return the daemon's requests in the audit log after a position: execs, watches, Events, and all others."""
    found = Counter()
    with audit_log.open(encoding="utf-8") as lines:
        lines.seek(position)
        for line in lines:
            event = json.loads(line)
            if event.get("stage") in ("ResponseComplete", "ResponseStarted") and _is_ours(event):
                found[_sort(event)] += event["stage"] == "ResponseComplete" or event["verb"] == "watch"
    return dict(found)


def _is_ours(event):
    return str(event.get("userAgent", "")).startswith(AGENT) and not str(event["userAgent"]).endswith("bench")


def _sort(event):
    resource = dig(event, "objectRef", "subresource") or dig(event, "objectRef", "resource")
    return resource if resource in ("exec", "events") else "watches" if event["verb"] == "watch" else "requests"


async def measure_shape(api, followed, shape, options):
    """Create the clusters of one shape at once; return how long it took, and what it cost."""
    clusters, members = map(int, shape.split("x"))
    position = options.audit_log.stat().st_size if options.audit_log else 0
    followed.configured_at.clear()
    names = [f"bench-{shape}-{number}" for number in range(clusters)]
    begun = time.perf_counter()
    for name in names:
        found = cluster(name, members)
        await api.create({**found, "metadata": {**found["metadata"], "namespace": options.namespace}})
    await followed.until(lambda: set(names) <= followed.configured_at.keys(), 600)
    took = max(followed.configured_at[name] for name in names) - begun
    told = {"seconds": round(took, 2), "original": ORIGINAL.get(shape)}
    told["last container running to configured, median"] = round(statistics.median(_lags(followed, names)), 3)
    if options.audit_log:
        await asyncio.sleep(2)
        told |= asked(options.audit_log, position)
    for name in names:
        await api.delete(Ref(KD_CLUSTER, options.namespace, name))
    await followed.until(lambda: not any(followed.clusters.get(options.namespace, name) for name in names), 300)
    await followed.until(lambda: not len(followed.pods), 600)
    return told


def _lags(followed, names):
    """Yield for each cluster the time from its last running container to configured."""
    for name in names:
        status = followed.clusters.get(*_key(followed, name))["status"]
        pods = [member["pod"] for role in status["roles"] for member in role["members"]]
        yield followed.configured_at[name] - max(followed.running_at[pod] for pod in pods)


def _key(followed, name):
    return next((item["metadata"]["namespace"], name) for item in followed.clusters if item["metadata"]["name"] == name)


async def measure(options):
    """Measure shape after shape in a namespace of its own."""
    with tempfile.TemporaryDirectory() as name, served(name, options.address) as url:
        folder, followed = Path(name), Followed()
        (folder / "shell.tgz").write_bytes(packages.pack(PACKAGE))
        async with kube.connect(kubeconfig=options.kubeconfig, user_agent="bench") as api:
            await install_crds(api)
            with contextlib.suppress(AlreadyExistsError):
                await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": options.namespace}})
            made = app(options.image, f"{url}/shell.tgz")
            await api.apply({**made, "metadata": {**made["metadata"], "namespace": options.namespace}})
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(kube.Reflector(api, kube.Selection(kind, options.namespace), cache).run())
                    for kind, cache in ((KD_CLUSTER, followed.clusters), (POD, followed.pods))
                ]
                async with daemon(options.kubeconfig, folder / "daemon.log"):
                    # The first one finds a node that has to make everything for the first time.
                    await measure_shape(api, followed, "1x1", options)
                    for shape in options.shapes:
                        told = await measure_shape(api, followed, shape, options)
                        sys.stdout.write(json.dumps({shape: told}) + "\n")
                        sys.stdout.flush()
                for task in tasks:
                    task.cancel()
            await api.delete(Ref(NAMESPACES, "", options.namespace))


def main():
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description="Measure clusters on real nodes.")
    parser.add_argument("--kubeconfig", type=Path, default=os.environ.get("KUBECONFIG"), required=False)
    parser.add_argument("--image", required=True)
    parser.add_argument("--address", required=True)
    parser.add_argument("--namespace", default="kd-bench")
    parser.add_argument("--audit-log", type=Path)
    parser.add_argument("--shapes", type=lambda text: text.split(","), default=list(ORIGINAL))
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
