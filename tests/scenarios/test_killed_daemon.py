"""The daemon is killed anywhere, and started again: the same end, no attempt started twice, no orphan."""

import asyncio

import pytest

from kdlib.wire import KD_CLUSTER, Ref

STEPS = ("create", "grow", "shrink", "delete")
RUNS, KILLS = 10, 5


class Killer:
    """Kills the daemon right after its k-th write or exec of a step."""

    def __init__(self, world, daemon):
        self._daemon = daemon
        self._left = 0
        self.strikes = 0
        self._struck = asyncio.Event()
        self._end = world.sandbox.access_log.subscribe(self._hear)

    def _hear(self, access):
        reads = access.is_watch or (access.method == "GET" and "/exec?" not in access.path)
        if reads or not access.user_agent.startswith("kubedirector") or self._left == 0:
            return
        self._left -= 1
        if self._left == 0:
            self._daemon.kill()
            self.strikes += 1
            self._struck.set()

    def arm(self, requests):
        self._left = requests
        self._struck.clear()

    async def revive(self, settled):
        """Start the daemon again once it was struck; or disarm when the step ends before."""
        struck = asyncio.ensure_future(self._struck.wait())
        await asyncio.wait({struck, settled}, return_when=asyncio.FIRST_COMPLETED)
        self._left = 0
        struck.cancel()
        if self._struck.is_set():
            await self._daemon.gone()
            await self._daemon.start()

    def close(self):
        self._end()


async def step(world, shell, cluster, name):
    """Ask for one step of the cluster's life, and wait until it is done."""
    match name:
        case "create":
            await world.apply(shell / "cluster.yaml")
            await world.until_configured(cluster, 3)
        case "grow":
            await world.resize(cluster, "tail", 4)
            await world.until_configured(cluster, 5)
        case "shrink":
            await world.resize(cluster, "tail", 1)
            await world.until_configured(cluster, 2)
        case "delete":
            await world.api.delete(cluster)
            await world.until(cluster, lambda found: found is None)
            await world.until_nothing_is_left(cluster)


@pytest.mark.parametrize("run", range(RUNS))
async def test_a_killed_daemon_loses_doubles_and_orphans_nothing(world, shell, tmp_path, make_daemon, run):
    cluster = Ref(KD_CLUSTER, "default", "shell")
    await world.apply(shell / "app.yaml")
    daemon = make_daemon(world.kubeconfig, tmp_path / "kdd.log")
    killer = Killer(world, daemon)
    await daemon.start()
    try:
        # Two kills while it comes up, one in each further step; each run strikes at other requests.
        for name, points in zip(STEPS, ((1 + run, 1 + run), (1 + run,), (1 + run % 5,), (1,)), strict=True):
            done = asyncio.ensure_future(step(world, shell, cluster, name))
            for requests in points:
                killer.arm(requests)
                await killer.revive(done)
            await done
            if name != "delete":
                await hold_to_account(world, cluster, name)
        assert killer.strikes == KILLS
    finally:
        killer.close()
        daemon.kill()
        await daemon.gone()


async def hold_to_account(world, cluster, name):
    """Check that each script was started once for its cause, and that only what is listed is there."""
    found = await world.api.get(cluster)
    members = world.members_of(found)
    for pod, lines in (await world.events_told(cluster)).items():
        assert lines.count("--configure") == 1, (name, pod, lines)
        assert len(lines) == len(set(lines)), (name, pod, lines)
    children = await world.children(cluster)
    assert set(children["Pod"]) == {member["pod"] for member in members}
    assert set(children["StatefulSet"]) == {role["statefulSet"] for role in found["status"]["roles"]}
    services = {member["service"] for member in members if member["service"] not in ("", "n/a")}
    assert set(children["Service"]) == services | {found["status"]["clusterService"]}
    assert len(children["ControllerRevision"]) == 1 + len(found["status"]["roles"])
