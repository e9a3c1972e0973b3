"""A member is set up by the contract (specification 5), its script at most once per attempt and container life."""

import asyncio
import os
import signal
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest

from kdlib.errors import UnreachableError, api_error
from kdlib.guest import Limits, ScriptLimit, guest_script, programs, set_up
from kdlib.guest.answers import Accepted
from kdlib.guest.frames import encode
from kdlib.guest.protocol import _followed
from kdlib.guest.work import set_up_frame
from kdlib.model import Finished, Stalled

SHELLS = ("dash", "bash", "busybox")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("shell", SHELLS)
async def test_a_member_is_set_up(make_container, make_package, make_set_up, shell):
    box = make_container(shell)
    make_package(box, 'configcli --get node.fqdn >"$GUEST_ROOT/fqdn"; echo out; echo err >&2\n')
    box.path = f"{box.root}/usr/local/bin:{box.path}"
    fact = await set_up(box, make_set_up(install_configcli=True))
    assert fact.result == Finished(0, generation=7)
    assert (fact.pod, fact.container, fact.operation) == ("pod-0", "containerd://a", "setup-1")
    assert box.events() == ["--configure"]
    assert box.text("fqdn") == "pod-0.here\n"
    assert box.text("etc/guestconfig/configmeta.json") == '{"node":{"id":"1","fqdn":"pod-0.here"}}'
    assert box.text("opt/guestconfig/configure.status") == "containerd://a=0"
    assert box.text("opt/guestconfig/configure.stdout") == "out\n"
    assert box.text("opt/guestconfig/configure.stderr") == "err\n"
    assert len(box.requests) == 2


@pytest.mark.parametrize("shell", SHELLS)
async def test_w16_one_attempt_runs_once_however_often_it_is_asked_for(
    make_container, make_package, make_set_up, shell
):
    box = make_container(shell)
    make_package(box, "sleep 0.3; exit 5\n")
    facts = await asyncio.gather(*(set_up(box, make_set_up()) for _ in range(3)))
    again = await set_up(box, make_set_up())
    assert box.events() == ["--configure"]
    assert [fact.result.exit_code for fact in (*facts, again)] == [5] * 4


@pytest.mark.parametrize("shell", SHELLS)
async def test_w16_a_call_that_began_first_and_comes_second_does_not_take_the_work_along(
    make_container, make_package, make_set_up, shell
):
    box = make_container(shell)
    make_package(box)
    home = box.root / "etc/guestconfig/.kubedirector"
    spool = home / "in.1"
    spool.mkdir(parents=True)
    (spool / "guest").write_bytes(guest_script())
    os.mkfifo(spool / "vars")
    slow = await asyncio.create_subprocess_exec(
        "sh",
        *(str(spool / "guest"), "run-set-up", str(spool), "022"),
        env={"PATH": box.path, "GUEST_ROOT": str(box.root)},
        start_new_session=True,
    )
    try:
        await asyncio.to_thread(tick)
        async with asyncio.timeout(30):
            fact = await set_up(box, make_set_up())
        assert fact.result == Finished(0, generation=7)
        assert box.events() == ["--configure"]
    finally:
        slow.kill()
        await slow.wait()


def tick():
    """Return when a process that begins now has a later start time than one that began before."""
    until = time.clock_gettime(time.CLOCK_BOOTTIME) + 2 / os.sysconf("SC_CLK_TCK")
    while time.clock_gettime(time.CLOCK_BOOTTIME) < until:
        os.sched_yield()


@pytest.mark.parametrize("layout", ["old", "new"])
async def test_both_layouts_have_their_places_and_modes(make_container, make_package, make_set_up, layout):
    box = make_container()
    make_package(box)
    await set_up(box, make_set_up(new_layout=layout == "new", install_configcli=True))
    programs = box.root / ("usr/local/bin" if layout == "new" else "usr/bin")
    for name in ("configcli", "ccli", "bdvcli", "bd_vcli", "configmacro"):
        assert os.access(programs / name, os.X_OK)
        assert (box.root / "usr/bin" / name).exists()
    assert box.run(str(programs / "ccli"), "--get", "node.fqdn").stdout == "pod-0.here\n"
    assert box.run(str(programs / "configmacro"), "node", "--get_self_id").stdout == "1\n"
    assert mode(box.root / "etc/guestconfig") == (0o700 if layout == "new" else 0o755)
    assert mode(box.root / "etc/guestconfig/configmeta.json") == 0o644
    assert mode(box.root / "opt/guestconfig") == 0o700
    assert mode(box.root / "opt/guestconfig/app/startscript") == 0o744
    modules = list(box.root.rglob("configcli.py"))
    assert modules
    assert all(("usr/local/lib" in str(path)) or layout == "old" for path in modules)
    assert list(box.root.rglob("configcli3.py"))


@pytest.mark.parametrize("canary", ["usr/bin/configcli", "usr/local/bin/configcli"])
async def test_a_configcli_that_is_there_stays(make_container, make_package, make_set_up, canary):
    box = make_container()
    make_package(box)
    (box.root / canary).parent.mkdir(parents=True)
    (box.root / canary).write_text("theirs")
    await set_up(box, make_set_up(new_layout=False, install_configcli=True))
    assert box.text(canary) == "theirs"
    assert len(list(box.root.rglob("configcli"))) == 1


async def test_a_stream_cut_anywhere_changes_nothing(make_container, make_package, make_set_up):
    box = make_container()
    make_package(box)
    whole = len(encode(set_up_frame(make_set_up(), stamp=10**12, programs=programs()), guest_script()))
    for cut in (0, 1, 40, 100, 1000, whole // 3, whole // 2, whole - 65, whole - 64, whole - 1):
        box.cut_after = cut
        fact = await set_up(box, make_set_up())
        assert isinstance(fact.result, Stalled)
        left = {str(path.relative_to(box.root)) for path in box.root.rglob("*")}
        assert left <= {".life", "opt", "opt/app.tgz", "etc", "etc/guestconfig", "etc/guestconfig/.kubedirector"}
    box.cut_after = None
    assert (await set_up(box, make_set_up())).result == Finished(0, generation=7)
    assert box.events() == ["--configure"]


async def test_a_connection_lost_after_all_was_sent_loses_nothing(
    make_container, make_package, make_set_up, wait, until
):
    box = make_container()
    make_package(box, wait)
    begun = asyncio.create_task(set_up(box, make_set_up()))
    await until(box.events)
    begun.cancel()
    await asyncio.wait([begun])
    box.go()
    assert (await set_up(box, make_set_up())).result.exit_code == 0
    assert box.events() == ["--configure"]


async def test_a_wait_whose_connection_is_cut_is_taken_up_again(make_container, make_package, make_set_up):
    box = make_container()
    make_package(box, "sleep 0.5\n")
    plain = box.exec
    failures = [UnreachableError("cut"), UnreachableError("cut")]

    def cutting(request):
        if len(box.requests) >= 1 and failures:
            box.refuse.append(failures.pop())
        return plain(request)

    box.exec = cutting
    assert (await set_up(box, make_set_up())).result == Finished(0, generation=7)
    assert len(box.requests) == 4
    assert box.events() == ["--configure"]


async def test_a_long_wait_is_taken_up_again(make_container, make_package, make_set_up, wait, until):
    box = make_container()
    make_package(box, wait)
    begun = asyncio.create_task(set_up(box, make_set_up(limits=Limits(attach=1))))
    await until(lambda: len(box.requests) == 3)
    box.go()
    assert (await begun).result == Finished(0, generation=7)


@pytest.mark.parametrize("error", [UnreachableError("gone"), api_error(404, "NotFound", "no such pod")])
async def test_a_container_out_of_reach_has_stalled(make_container, make_set_up, error):
    box = make_container()
    box.refuse = [error] * 20
    fact = await set_up(box, make_set_up())
    assert isinstance(fact.result, Stalled)
    assert str(error) in fact.result.message


@pytest.mark.parametrize("shell", SHELLS)
async def test_a_killed_set_up_is_a_failure_and_not_begun_again(
    make_container, make_package, make_set_up, wait, until, shell
):
    box = make_container(shell)
    make_package(box, f'echo $PPID >"$GUEST_ROOT/worker"; {wait}')
    begun = asyncio.create_task(set_up(box, make_set_up()))
    await until(lambda: (box.root / "worker").exists() and box.text("worker"))
    os.kill(int(box.text("worker")), signal.SIGKILL)
    fact = await begun
    assert fact.result == Finished(70, detail="the process that did it ended without a result")
    assert (await set_up(box, make_set_up())).result == fact.result
    assert box.events() == ["--configure"]
    box.go()
    assert (await set_up(box, make_set_up(2, from_scratch=True))).result.exit_code == 0
    assert box.events() == ["--configure"] * 2


async def test_a_script_that_fails_tells_the_end_of_its_output(make_container, make_package, make_set_up):
    box = make_container()
    make_package(box, "seq 1 2000; printf '\\377\\000bad\\n' >&2; exit 3\n")
    fact = await set_up(box, make_set_up(max_log_size=10))
    assert fact.result.exit_code == 3
    assert fact.result.stdout_tail.endswith("\n1999\n2000\n")
    assert len(fact.result.stdout_tail) <= 44
    assert fact.result.stderr_tail == "??bad\n"
    assert box.text("opt/guestconfig/configure.status") == "containerd://a=3"


async def test_no_output_is_told_where_status_keeps_none(make_container, make_package, make_set_up):
    box = make_container()
    make_package(box, "echo out; exit 3\n")
    fact = await set_up(box, make_set_up(max_log_size=0))
    assert fact.result == Finished(3, generation=7)


@pytest.mark.parametrize("shell", SHELLS)
async def test_w26_a_script_that_hangs_is_stopped_with_all_it_started(
    make_container, make_package, make_set_up, until, shell
):
    box = make_container(shell)
    body = 'trap "" TERM; sleep 50 & echo $! >"$GUEST_ROOT/child"; echo started; wait; wait; sleep 50\n'
    make_package(box, body)
    fact = await set_up(box, make_set_up(script_limit=ScriptLimit(1, "a field"), limits=Limits(grace=0)))
    assert fact.result.exit_code in (137, 143)
    assert fact.result.detail == "the start script's configure did not end within 1 s and was stopped (a field)"
    assert fact.result.stdout_tail == "started\n"
    await until(lambda: not is_alive(int(box.text("child"))))


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def descriptors(pid):
    return [Path(f"/proc/{pid}/fd/{number}").readlink() for number in (0, 1)]


async def test_w27_a_service_that_the_script_leaves_behind_goes_on(make_container, make_package, make_set_up):
    box = make_container()
    make_package(box, 'sleep 30 & echo $! >"$GUEST_ROOT/child"\n')
    fact = await set_up(box, make_set_up())
    child = int(box.text("child"))
    try:
        assert fact.result == Finished(0, generation=7)
        assert is_alive(child)
        assert descriptors(child) == [Path("/dev/null"), box.root / "opt/guestconfig/configure.stdout"]
    finally:
        os.kill(child, signal.SIGKILL)


async def test_without_the_configure_event_all_is_put_in_place_and_nothing_run(
    make_container, make_package, make_set_up
):
    box = make_container()
    make_package(box)
    fact = await set_up(box, make_set_up(run_configure=False, install_configcli=True))
    assert fact.result == Finished(0, generation=7)
    assert box.events() == []
    assert (box.root / "opt/guestconfig/app/startscript").exists()
    assert (box.root / "usr/local/bin/configcli").exists()
    assert not (box.root / "opt/guestconfig/configure.status").exists()


async def test_a_retry_in_the_same_container_runs_with_what_is_right_by_then(make_container, make_package, make_set_up):
    box = make_container()
    make_package(box, "exit 1\n")
    assert (await set_up(box, make_set_up())).result.exit_code == 1
    make_package(box, "exit 0\n", **{"app/extra": "new"})
    assert (await set_up(box, make_set_up(2, from_scratch=True))).result.exit_code == 0
    assert box.events() == ["--configure"] * 2
    assert box.text("opt/guestconfig/app/extra") == "new"


async def test_an_attempt_meant_for_the_container_before_is_adopted(make_container, make_package, make_set_up):
    """The container was replaced between the operator's look and its call."""
    box = make_container()
    make_package(box, "exit 4\n")
    assert (await set_up(box, make_set_up(1, "containerd://a"))).result.exit_code == 4
    assert (await set_up(box, make_set_up(2, "containerd://b"))).result.exit_code == 4
    assert box.events() == ["--configure"]
    assert (await set_up(box, make_set_up(3, "containerd://b", from_scratch=True))).result.exit_code == 4
    assert box.events() == ["--configure"] * 2


async def test_an_attempt_with_a_number_of_before_tells_what_is_true_here(make_container, make_package, make_set_up):
    """The status was lost, and its attempts are counted anew, while the container lives on."""
    box = make_container()
    make_package(box, '[ -e "$GUEST_ROOT/good" ]\n')
    assert (await set_up(box, make_set_up(2))).result.exit_code == 1
    (box.root / "good").touch()
    assert (await set_up(box, make_set_up(10, from_scratch=True))).result.exit_code == 0
    assert (await set_up(box, make_set_up(1))).result == Finished(0, generation=7)
    assert box.events() == ["--configure"] * 2


async def test_a_generation_that_another_counted_is_not_told(make_container, make_package, make_set_up):
    box = make_container()
    make_package(box)
    assert (await set_up(box, make_set_up(epoch="first"))).result.generation == 7
    assert (await set_up(box, make_set_up(epoch="second"))).result == Finished(0, generation=0)
    assert box.events() == ["--configure"]


async def test_connections_lost_at_any_time_lose_nothing(make_container, make_package, make_set_up):
    box = make_container()
    make_package(box)
    for milliseconds in (0, 5, 10, 20, 40, 80, 120):
        begun = asyncio.create_task(set_up(box, make_set_up()))
        await asyncio.wait([begun], timeout=milliseconds / 1000)
        begun.cancel()
        await asyncio.wait([begun])
    assert (await set_up(box, make_set_up())).result == Finished(0, generation=7)
    assert box.events() == ["--configure"]


async def test_an_attempt_does_not_overtake_one_at_work(make_container, make_package, make_set_up, wait, until):
    box = make_container()
    make_package(box, wait)
    first = asyncio.create_task(set_up(box, make_set_up(1)))
    await until(box.events)
    fact = await set_up(box, make_set_up(2))
    box.go()
    assert fact.result.detail == "an earlier attempt is still at work in this container"
    assert (await first).result.exit_code == 0


@pytest.mark.parametrize(
    ("status", "scratch", "events", "result"),
    [
        ("containerd://a=0", False, 0, Finished(0, generation=7, resumed=True)),
        ("containerd://a=", False, 1, Finished(0, generation=7)),
        ("containerd://a=3", False, 1, Finished(0, generation=7)),
        ("containerd://a=0", True, 1, Finished(0, generation=7)),
        (
            "nonsense",
            False,
            0,
            Finished(74, generation=7, detail="malformed status file /opt/guestconfig/configure.status"),
        ),
    ],
)
async def test_a_new_container_goes_on_from_its_volume(
    make_container, make_package, make_set_up, status, scratch, events, result
):
    box = make_container()
    make_package(box)
    await set_up(box, make_set_up(install_configcli=True))
    (box.root / "opt/guestconfig/configure.status").write_text(status)
    (box.root / "usr/bin/ccli").unlink()
    (box.root / "events").unlink()
    box.begin("second")
    fact = await set_up(box, make_set_up(2, "containerd://b", from_scratch=scratch, install_configcli=True))
    assert fact.result == result
    assert len(box.events()) == events
    assert (box.root / "usr/bin/ccli").is_symlink()
    guards = [path.name for path in (box.root / "etc/guestconfig/.kubedirector").iterdir()]
    assert sorted(guards) == ["guest", "life.second"]


@pytest.mark.parametrize("status", ["containerd://a=3", "containerd://a="])
async def test_w19_what_a_later_run_left_in_the_status_file_undoes_no_set_up(
    make_container, make_package, make_set_up, status
):
    """The `--reconnect` of the original writes there; whoever reads it must know that all was well before."""
    box = make_container()
    make_package(box)
    await set_up(box, make_set_up())
    (box.root / "opt/guestconfig/configure.status").write_text(status)
    box.begin("second")
    work = make_set_up(2, "containerd://b")
    fact = await set_up(box, replace(work, action=replace(work.action, done_before=True)))
    assert fact.result == Finished(0, generation=7, resumed=True)
    assert box.events() == ["--configure"]


async def test_a_script_that_spoils_the_status_file_has_failed(make_container, make_package, make_set_up):
    box = make_container()
    make_package(box, 'rm "$GUEST_ROOT/opt/guestconfig/configure.status"\n')
    fact = await set_up(box, make_set_up())
    assert fact.result.detail == "malformed status file /opt/guestconfig/configure.status"


async def test_a_container_that_cannot_be_written_is_a_failure(make_container, make_set_up):
    box = make_container()
    (box.root / "etc").mkdir()
    (box.root / "etc/guestconfig").write_text("in the way")
    fact = await set_up(box, make_set_up())
    assert fact.result == Finished(73, detail="/etc/guestconfig cannot be written in the container")


async def test_a_container_without_shell_is_a_failure(make_container, make_set_up):
    box = make_container()
    (box.root / "sh").write_text("#!/bin/false\n")
    (box.root / "bin").mkdir()
    (box.root / "bin/sh").write_text("#!/usr/bin/env no-such-program\n")
    (box.root / "bin/sh").chmod(0o755)
    plain = box.exec
    box.exec = lambda request: plain(type(request)(**{**fields(request), "command": (str(box.root / "bin/sh"),)}))
    fact = await set_up(box, make_set_up())
    assert fact.result.exit_code == 127
    assert "no shell" in fact.result.detail


def fields(request):
    return {name: getattr(request, name) for name in ("namespace", "pod", "container", "command", "stdin")}


async def test_a_role_without_package_gets_its_files_only(make_container, make_set_up):
    box = make_container()
    fact = await set_up(box, make_set_up(package_url=None, configmeta=None))
    assert fact.result == Finished(0)
    assert not (box.root / "opt").exists()
    assert not (box.root / "etc/guestconfig/configmeta.json").exists()


async def test_a_damaged_stream_is_refused(make_container, make_package, make_set_up):
    box = make_container()
    make_package(box)
    plain = box.exec

    def damaging(request):
        context = plain(request)
        enter = context.__aenter__

        async def entered():
            stream = await enter()
            send = stream.send
            stream.send = lambda data: send(data[:5000] + b"X" + data[5001:])
            return stream

        context.__class__ = type("Damaging", (context.__class__,), {"__aenter__": lambda _: entered()})
        return context

    box.exec = damaging
    fact = await set_up(box, make_set_up())
    assert isinstance(fact.result, Stalled)
    assert "the stream was damaged" in fact.result.message
    assert box.events() == []


async def test_an_attempt_whose_process_died_at_once_has_failed(make_container, make_set_up, exchange):
    """The guard was taken, and nothing more was done: it counts as begun, and is not begun again."""
    box = make_container()
    (box.root / "etc/guestconfig/.kubedirector/life.first/setup-1").mkdir(parents=True)
    impatient = guest_script().replace(b"patience=10000", b"patience=200")
    frame = set_up_frame(make_set_up(), stamp=1, programs=programs())
    assert await exchange(box, "set-up", frame, impatient) == Accepted()
    fact = await _followed(box, make_set_up())
    assert fact == Finished(70, detail="the process that did it ended without a result")


async def test_an_operation_that_nobody_began_is_absent(make_container, make_set_up, exchange):
    box = make_container()
    assert isinstance(await _followed(box, make_set_up()), Stalled)
    impatient = guest_script().replace(b"patience=10000", b"patience=200")
    frame = set_up_frame(make_set_up(package_url=None), stamp=1, programs={})
    await exchange(box, "set-up", frame, impatient)
    assert isinstance(await _followed(box, make_set_up(9)), Stalled)


async def test_the_script_waits_until_systemd_answers(make_container, make_package, make_set_up):
    box = make_container()
    make_package(box)
    (box.root / "tmp").mkdir()
    (box.root / "bin").mkdir()
    (box.root / "bin/systemctl").write_text(
        '#!/bin/sh\necho "$*" >>"$GUEST_ROOT/asked"\n[ "$(wc -l <"$GUEST_ROOT/asked")" -ge 2 ]\n'
    )
    (box.root / "bin/systemctl").chmod(0o755)
    box.path = f"{box.root}/bin:{box.path}"
    assert (await set_up(box, make_set_up(systemd=True))).result.exit_code == 0
    assert box.text("asked").splitlines() == ["status systemd-journald"] * 2
    assert box.events() == ["--configure"]
