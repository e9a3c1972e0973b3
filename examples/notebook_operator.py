"""notebook-operator: every NotebookPool becomes a cluster of notebook members.

Layer: shell.
"""

import asyncio
from pathlib import Path

import kdlib
from kdlib import kube, runtime

APP = kdlib.load_app(Path(__file__).with_name("notebook-app.yaml"))
POOL = kube.Kind("example.org/v1", "NotebookPool")


def desired(seen: kdlib.Seen) -> kdlib.Desired:
    """Compute every object of one pool. Pure, so its tests need no Kubernetes."""
    pool = kdlib.Cluster.of(seen.root, app=APP, members={"nb": seen.root["spec"]["size"]})
    return kdlib.build(kdlib.resolve(pool, APP, seen))


async def main() -> None:
    """Look after the pools of the cluster that the default kubeconfig or the service account names."""
    async with kube.connect() as api:
        await runtime.Controller(api, POOL, desired).run()


if __name__ == "__main__":
    asyncio.run(main())
