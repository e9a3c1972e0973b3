"""Clusters of the shell-only test app on real nodes, as a test sees them: what they are like, and what runs in them."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from kdlib import kube, packages
from kdlib.frozen import dig
from kdlib.names import LABEL_CLUSTER
from kdlib.wire import KD_APP, KD_CLUSTER, POD, Ref

SHELL = Path(__file__).parents[1] / "apps" / "shell"
SMALL = {"requests": {"memory": "16Mi", "cpu": "10m"}, "limits": {"memory": "128Mi", "cpu": "500m"}}
PATIENCE_SECONDS = 90
EXEC_SECONDS = 30


def members_of(found, role=None):
    """Return the member statuses of one role, or of all."""
    roles = dig(found or {}, "status", "roles", default=[])
    return [member for item in roles if role in (None, item["id"]) for member in item.get("members", [])]


def condition(found, kind):
    """Return one condition of an object; an empty one where there is none."""
    return next((item for item in dig(found or {}, "status", "conditions", default=[]) if item["type"] == kind), {})


def is_configured(found, members):
    """Tell whether the cluster is configured for its present spec, with so many members, all of them so."""
    status = (found or {}).get("status", {})
    return (
        status.get("state") == "configured"
        and status.get("observedGeneration") == found["metadata"]["generation"]
        and [member["state"] for member in members_of(found)] == ["configured"] * members
    )


@dataclass(frozen=True)
class Shop:
    """Where members fetch setup packages from."""

    folder: Path
    url: str

    def offer(self, name, source):
        """Pack a folder; return the URL of the package."""
        (self.folder / name).write_bytes(packages.pack(source))
        return f"{self.url}/{name}"


class ShellCluster:
    """The shell-only test app, and one cluster of it in the namespace of the test."""

    def __init__(self, kubernetes, shop):
        self.kubernetes = kubernetes
        self.shop = shop
        self.ref = kubernetes.ref(KD_CLUSTER, "shell")

    async def app(self, name="shell", package="shell.tgz", **changes):
        """Apply the app, with changes to its spec; its members fetch its package over the network."""
        (found,) = packages.load(SHELL / "app.yaml")
        offered = {"packageURL": f"{self.shop.url}/{package}", "useNewSetupLayout": True}
        spec = {**found.value["spec"], "defaultImageRepoTag": "lab/debian:12", "defaultConfigPackage": offered}
        await self.kubernetes.apply({**found.value, "metadata": {"name": name}, "spec": {**spec, **changes}})
        return self.kubernetes.ref(KD_APP, name)

    async def apply(self, *, head=None, tail=None, **changes):
        """Apply the cluster: one head, two tails; with further fields of each, and of the spec."""
        roles = [
            {"id": "head", "resources": SMALL, **(head or {})},
            {"id": "tail", "members": 2, "resources": SMALL, **(tail or {})},
        ]
        spec = {"app": "shell", "serviceType": "ClusterIP", "roles": roles, **changes}
        wanted = {"apiVersion": KD_CLUSTER.api_version, "kind": KD_CLUSTER.name, "metadata": {"name": "shell"}}
        await self.kubernetes.apply({**wanted, "spec": spec})

    async def until(self, wanted, *, seconds=PATIENCE_SECONDS):
        """Wait until the cluster is as wanted; return it."""
        return await self.kubernetes.eventually(self.ref, wanted, seconds=seconds)

    async def configured(self, members, *, seconds=PATIENCE_SECONDS):
        """Wait until it is configured, with so many members; return it."""
        return await self.until(lambda found: is_configured(found, members), seconds=seconds)

    async def resize(self, tails):
        """Ask for so many tails."""
        await self.kubernetes.api.json_patch(self.ref, [{"op": "add", "path": "/spec/roles/1/members", "value": tails}])

    def pod(self, name):
        """Return what names a pod."""
        return self.kubernetes.ref(POD, name)

    async def kill(self, pod, *, grace_seconds=0):
        """Delete a member's pod; return its UID, which none after it has."""
        found = await self.kubernetes.api.get(self.pod(pod))
        await self.kubernetes.api.delete(self.pod(pod), grace_seconds=grace_seconds)
        return found["metadata"]["uid"]

    async def replaced(self, pod, uid):
        """Wait for another pod of the name, which is ready."""

        def ready(found):
            return found["metadata"]["uid"] != uid and condition(found, "Ready")["status"] == "True"

        await self.kubernetes.eventually(self.pod(pod), ready, seconds=PATIENCE_SECONDS)

    async def run_in(self, pod, command):
        """Run a shell command in a member; return its output."""
        return await run_in(self.kubernetes.api, Ref(POD, self.ref.namespace, pod), "app", command)

    async def told(self):
        """Return, for each member, the events that its start script was told of in this life."""
        pods = [member["pod"] for member in members_of(await self.kubernetes.api.get(self.ref))]
        return {pod: (await self.run_in(pod, "cat /var/log/shell-events.log")).splitlines() for pod in pods}

    def children(self, kind):
        """Return what selects its objects of a kind."""
        return kube.Selection(kind, self.ref.namespace, labels=f"{LABEL_CLUSTER}={self.ref.name}")


async def run_in(api, pod, container, command):
    """Run a shell command in a container, which has to end well; return its output."""
    output = bytearray()
    async with asyncio.timeout(EXEC_SECONDS):
        request = kube.ExecRequest(pod.namespace, pod.name, container, ("sh", "-c", command))
        async with api.exec(request) as stream:
            async for _, data in stream:
                output += data
            code = await stream.exit_code()
    assert code == 0, (command, output.decode())
    return output.decode()
