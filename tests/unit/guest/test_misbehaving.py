"""Start scripts that misbehave harm nobody but themselves, and what is told of them is true."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from kdlib.guest import Limits, ScriptLimit, notify, set_up
from kdlib.model import Finished

SHELLS = ("dash", "bash", "busybox")
SHORT = {"script_limit": ScriptLimit(1, "a field"), "limits": Limits(grace=1)}
REMOVE = 'rm -rf "$GUEST_ROOT/etc/guestconfig"\n'


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def children(until):
    """Read the processes that a start script noted, and end them after the test."""
    noted = []

    def read(box, name="child"):
        noted.extend(int(word) for word in box.text(name).split())
        return noted

    yield read
    for pid in noted:
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("shell", SHELLS)
async def test_w26_a_run_that_ignores_sigterm_is_killed_with_every_process_group_of_its_session(
    make_container, make_package, make_set_up, children, until, shell
):
    """W-26: jobs of a shell have process groups of their own, which a signal to the script's group does not reach."""
    box = make_container(shell)
    job = 'trap "" TERM; echo $$ >>"$GUEST_ROOT/child"; while :; do sleep 0.2; done'
    make_package(box, f"set -m\ntrap '' TERM\nsh -c '{job}' &\nsh -c '{job}' &\nwait\nsleep 60\n")
    fact = await set_up(box, make_set_up(**SHORT))
    assert fact.result.exit_code == 137
    assert fact.result.detail == "the start script's configure did not end within 1 s and was stopped (a field)"
    assert len(children(box)) == 2
    await until(lambda: not any(map(is_alive, children(box))))


async def test_a_script_that_ends_on_sigterm_leaves_nothing_that_ignores_it(
    make_container, make_package, make_set_up, children, until
):
    box = make_container()
    job = 'trap "" TERM; echo $$ >"$GUEST_ROOT/child"; while :; do sleep 0.2; done'
    make_package(box, f"sh -c '{job}' &\nsleep 60\n")
    fact = await set_up(box, make_set_up(**SHORT))
    assert fact.result.exit_code == 143
    await until(lambda: not any(map(is_alive, children(box))))


async def test_a_run_that_ends_well_when_it_is_asked_to_stop_has_failed_all_the_same(
    make_container, make_package, make_set_up
):
    box = make_container()
    make_package(box, 'trap "exit 0" TERM\nwhile :; do sleep 0.1; done\n')
    fact = await set_up(box, make_set_up(**SHORT))
    assert fact.result.exit_code == 124
    assert "did not end within 1 s" in fact.result.detail


@pytest.mark.parametrize("shell", SHELLS)
async def test_w27_a_daemon_that_the_script_makes_keeps_nobody_waiting_and_lives_on(
    make_container, make_package, make_set_up, children, shell
):
    """W-27: it holds the script's output open, and has a session of its own."""
    box = make_container(shell)
    make_package(
        box,
        "setsid sh -c 'echo $$ >\"$GUEST_ROOT/child\"; echo up; exec sleep 60' &\n"
        'until [ -s "$GUEST_ROOT/child" ]; do sleep 0.05; done\n',
    )
    fact = await asyncio.wait_for(set_up(box, make_set_up()), 30)
    assert fact.result.exit_code == 0
    assert all(map(is_alive, children(box)))


async def test_megabytes_and_bytes_that_are_no_text_come_back_as_a_tail(make_container, make_package, make_set_up):
    box = make_container()
    make_package(
        box,
        "head -c 5000000 /dev/zero | tr '\\0' x\nprintf 'a\\000b\\377c\\033[1m\\n'\n"
        "head -c 3000000 /dev/zero >&2\nexit 3\n",
    )
    fact = await set_up(box, make_set_up())
    assert fact.result.exit_code == 3
    assert fact.result.stdout_tail.endswith("xxa?b?c\x1b[1m\n")
    assert len(fact.result.stdout_tail) <= 257 * 4
    assert set(fact.result.stderr_tail) == {"?"}


async def test_a_script_may_close_its_descriptors(make_container, make_package, make_set_up):
    box = make_container()
    make_package(box, "exec <&- >&- 2>&-\nsleep 0.2\nexit 5\n")
    assert (await set_up(box, make_set_up())).result == Finished(5, generation=7)


@pytest.mark.parametrize("shell", SHELLS)
async def test_a_script_that_asks_for_a_terminal_is_told_that_there_is_none(
    make_container, make_package, make_set_up, shell
):
    """It reads an end of its input, and opening the terminal fails: it does not wait for a person."""
    box = make_container(shell)
    make_package(
        box,
        '[ ! -t 0 ] && [ ! -t 1 ] || exit 9\nread -r answer; [ -z "$answer" ] || exit 8\n'
        "(read -r answer </dev/tty) 2>/dev/null && exit 7\nexit 4\n",
    )
    fact = await asyncio.wait_for(set_up(box, make_set_up()), 20)
    assert fact.result.exit_code == 4


async def test_an_event_without_its_start_script_has_failed(make_container, make_package, make_set_up, make_notify):
    """The member was set up, so it is no other container: somebody removed the package."""
    box = make_container()
    make_package(box)
    await set_up(box, make_set_up())
    next((box.root / "opt/guestconfig").glob("*/startscript")).unlink()
    fact = await notify(box, make_notify("c", "--delnodes"))
    assert fact.result.exit_code == 75
    assert fact.result.detail == "the setup package has no folder with a startscript"


@pytest.mark.parametrize("shell", SHELLS)
async def test_a_script_that_removes_our_folder_runs_once_and_its_end_is_known(
    make_container, make_package, make_set_up, shell
):
    box = make_container(shell)
    make_package(box, f"{REMOVE}exit 3\n")
    await set_up(box, make_set_up())
    assert (await set_up(box, make_set_up())).result.exit_code == 3
    assert box.events() == ["--configure"]


@pytest.mark.parametrize("shell", SHELLS)
async def test_a_script_that_runs_on_without_our_folder_is_not_started_again(
    make_container, make_package, make_set_up, wait, until, shell
):
    box = make_container(shell)
    make_package(box, f'{REMOVE}: >"$GUEST_ROOT/removed"\n{wait}exit 3\n')
    begun = asyncio.create_task(set_up(box, make_set_up(limits=Limits(attach=1))))
    await until((box.root / "removed").exists)
    begun.cancel()
    await asyncio.wait([begun])
    again = asyncio.create_task(set_up(box, make_set_up()))
    await until((box.root / "etc/guestconfig/.kubedirector/guest").exists)
    box.go()
    assert (await again).result.exit_code == 3
    assert box.events() == ["--configure"]


async def test_an_event_waits_for_the_end_of_one_that_nobody_follows_any_more(
    make_container, make_package, make_set_up, make_notify, wait, until
):
    """So `--decommission` never runs beside an `--addnodes` that was under way."""
    box = make_container()
    make_package(box, f'[ "$1" != --addnodes ] || {{\n{wait}}}\necho "end $1" >>"$GUEST_ROOT/events"\n')
    await set_up(box, make_set_up())
    first = asyncio.create_task(notify(box, make_notify("a", "--addnodes")))
    await until(lambda: "--addnodes" in box.events())
    first.cancel()
    await asyncio.wait([first])
    second = asyncio.create_task(notify(box, make_notify("d", "--decommission")))
    await until((box.root / "etc/guestconfig/.kubedirector/life.first/notify-d/pid").exists)
    box.go()
    assert (await second).result.exit_code == 0
    assert box.events()[2:] == ["--addnodes", "end --addnodes", "--decommission", "end --decommission"]
