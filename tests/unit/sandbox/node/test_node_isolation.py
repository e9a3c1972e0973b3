"""Pods are apart from one another and from the machine."""

import sys
from pathlib import Path

import pytest

from kdlib.errors import ApiError

in_module = pytest.mark.asyncio(loop_scope="module")


FOREVER = "sleep 1000"


@in_module
async def test_a_pod_runs_with_its_own_host_name_address_and_process_ids(world):
    world.run("web-0", FOREVER)
    await world.running("web-0")

    pod = world.pod("web-0")
    assert pod["status"]["phase"] == "Running"
    assert await world.output("web-0", "hostname; echo $HOSTNAME") == "web-0\nweb-0"
    assert pod["status"]["podIP"].startswith("10.88.")
    assert pod["status"]["podIP"] in await world.output("web-0", "cat /proc/net/fib_trie")
    assert await world.output("web-0", "tr '\\0' ' ' < /proc/1/cmdline") == f"sh -c {FOREVER} "


@in_module
async def test_two_pods_listen_on_the_same_port_and_reach_each_other_by_address(world):
    serve = f"mkdir /w; cd /w; hostname > index.html; exec {sys.executable and 'python3'} -m http.server 8080"
    world.run("one", serve)
    world.run("two", serve)
    await world.running("one", "two")
    addresses = {name: world.pod(name)["status"]["podIP"] for name in ("one", "two")}

    fetch = "import urllib.request as u; print(u.urlopen('http://{}:8080/').read().decode().strip())"
    for caller in ("one", "two"):
        for name, address in addresses.items():
            ask = f'for i in $(seq 50); do python3 -c "{fetch.format(address)}" 2>/dev/null && exit; sleep 0.1; done'
            assert await world.output(caller, ask) == name


def _machine() -> list[set[str]]:
    return [{each.name for each in Path(folder).iterdir()} for folder in ("/etc", "/usr/bin", "/opt")]


@in_module
async def test_removing_system_folders_in_one_pod_touches_nobody(world):
    world.run("victim", FOREVER)
    world.run("witness", FOREVER)
    await world.running("victim", "witness")
    before = _machine()

    await world.shell("victim", "echo broken > /usr/bin/env; rm -rf /etc/ssl /opt /home /usr/bin")

    with pytest.raises(ApiError, match="executable file not found"):
        await world.shell("victim", "ls")
    assert await world.output("witness", "env true; cd /etc/ssl && cd /home && cd /opt && ls -d /usr/bin") == "/usr/bin"
    assert _machine() == before


@in_module
async def test_nothing_of_the_user_is_in_reach(world, tmp_path):
    (tmp_path / "secret").write_text("mine")
    world.run("nosy", FOREVER)
    await world.running("nosy")

    assert (await world.shell("nosy", f"cat {tmp_path}/secret"))[0] != 0
    assert await world.output("nosy", "ls -A /home /tmp /mnt /srv | tr -d '\\n'") == "/home:/mnt:/srv:/tmp:"
    assert "kdlib" not in await world.output("nosy", "ls -RA /root 2>/dev/null | head -50")
    assert (await world.shell("nosy", "echo 1 > /proc/sys/kernel/panic"))[0] != 0
    assert (await world.shell("nosy", "echo > /proc/sysrq-trigger"))[0] != 0
    assert (await world.shell("nosy", "touch /sys/x"))[0] != 0


@in_module
async def test_every_folder_can_be_written_and_is_fresh_in_each_container_life(world):
    world.run("fresh", "if test -e /usr/bin/mark; then exit 9; fi; touch /usr/bin/mark /etc/mark; exit 1")

    await world.until(lambda: world.container("fresh").get("restartCount", 0) >= 2)

    assert world.container("fresh")["lastState"]["terminated"]["exitCode"] == 1


@in_module
async def test_the_interpreter_that_runs_the_sandbox_is_there_in_pods(world):
    world.run("snake", FOREVER)
    await world.running("snake")

    python = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    assert await world.output("snake", f"{python} -c 'import sys, ssl; print(sys.prefix)'") == sys.base_prefix


@in_module
async def test_devices_and_shared_memory_work(world):
    world.run("devices", FOREVER)
    await world.running("devices")

    script = "echo x > /dev/null; head -c 4 /dev/urandom | wc -c; echo shm > /dev/shm/x; cat /dev/shm/x; ls /dev/fd/0"
    assert await world.output("devices", script) == "4\nshm\n/dev/fd/0"


@in_module
async def test_a_container_cannot_mount_or_change_the_clock(world):
    world.run("bound", FOREVER)
    await world.running("bound")

    assert (await world.shell("bound", "mount -t tmpfs none /mnt"))[0] != 0
    status = await world.output("bound", "grep CapBnd /proc/1/status")
    assert status.split()[1] == "00000000a80425fb"
