"""A change reaches a member by one exec: configmeta first, then the event, at most once per container life."""

import asyncio
import stat

import pytest

from kdlib.errors import UnreachableError
from kdlib.guest import Limits, ScriptLimit, notify, set_up
from kdlib.guest.work import notify_frame
from kdlib.model import Finished, Stalled

SHELLS = ("dash", "bash", "busybox")
ADDED = ("--addnodes", "--nodegroup", "1", "--role", "head", "--fqdns", "a.b,c.d")


@pytest.fixture
def make_member(make_container, make_package, make_set_up):
    """Make a container that is set up, with a start script of this body."""

    async def make(body="", shell="dash"):
        box = make_container(shell)
        make_package(box, f'[ "$1" != --configure ] || exit 0\n{body}')
        await set_up(box, make_set_up())
        box.requests.clear()
        return box

    return make


@pytest.mark.parametrize("shell", SHELLS)
async def test_an_event_is_run_once_by_one_exec(make_member, make_notify, shell):
    box = await make_member("echo told; exit 2\n", shell)
    work = make_notify("addnodes-x", *ADDED, configmeta=b'{"new":1}')
    fact = await notify(box, work)
    assert len(box.requests) == 1
    assert fact.operation == "notify-addnodes-x"
    assert fact.result == Finished(2, stdout_tail="told\n", generation=8)
    assert box.text("etc/guestconfig/configmeta.json") == '{"new":1}'
    assert (await notify(box, work)).result == fact.result
    assert box.events() == ["--configure", " ".join(ADDED)]


async def test_a_refresh_writes_configmeta_and_runs_nothing(make_member, make_notify):
    box = await make_member()
    fact = await notify(box, make_notify("8", configmeta=b'{"new":1}'))
    assert fact.result == Finished(0, generation=8)
    assert box.text("etc/guestconfig/configmeta.json") == '{"new":1}'
    assert box.events() == ["--configure"]


async def test_an_event_is_read_back_when_its_exec_was_cut(make_member, make_notify, wait, until):
    box = await make_member(f"{wait}exit 4\n")
    begun = asyncio.create_task(notify(box, make_notify("c", "--delnodes")))
    await until(lambda: len(box.events()) == 2)
    begun.cancel()
    await asyncio.wait([begun])
    box.go()
    assert (await notify(box, make_notify("c", "--delnodes"))).result.exit_code == 4
    assert box.events() == ["--configure", "--delnodes"]


async def test_another_try_of_a_change_has_a_guard_of_its_own(make_member, make_notify):
    box = await make_member()
    for change in ("c", "c-2"):
        await notify(box, make_notify(change, "--delnodes"))
    assert box.events() == ["--configure", "--delnodes", "--delnodes"]


async def test_configmeta_never_goes_back(make_member, make_notify, exchange):
    """A frame that was sent earlier and arrives later writes nothing; who sent it hears what is there."""
    box = await make_member()
    await notify(box, make_notify("9", generation=9, configmeta=b'{"new":1}'))
    late = notify_frame(make_notify("8", configmeta=b'{"old":1}'), stamp=1000)
    assert await exchange(box, "notify", late) == Finished(0, generation=9)
    assert box.text("etc/guestconfig/configmeta.json") == '{"new":1}'


async def test_the_folder_of_configmeta_keeps_the_mode_that_the_app_gave_it(make_member, make_notify):
    box = await make_member()
    folder = box.root / "etc/guestconfig"
    folder.chmod(0o711)
    await notify(box, make_notify("8", new_layout=True))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o711


async def test_a_cluster_that_counts_anew_is_followed(make_member, make_notify):
    box = await make_member()
    fact = await notify(box, make_notify("2", generation=2, configmeta=b'{"restored":1}'))
    assert fact.result == Finished(0, generation=2)
    assert box.text("etc/guestconfig/configmeta.json") == '{"restored":1}'


@pytest.mark.parametrize("shell", SHELLS)
async def test_an_event_runs_in_a_container_that_another_operator_set_up(make_container, make_notify, shell):
    box = make_container(shell)
    script = box.root / "opt/guestconfig/app/startscript"
    script.parent.mkdir(parents=True)
    script.write_text('#!/bin/sh\necho "$*" >>"$GUEST_ROOT/events"\n')
    script.chmod(0o744)
    (box.root / "etc/guestconfig").mkdir(parents=True)
    fact = await notify(box, make_notify("addnodes-x", "--addnodes", "--role", "tail"))
    assert fact.result == Finished(0, generation=8)
    assert box.events() == ["--addnodes --role tail"]


async def test_an_event_in_a_container_without_package_changes_nothing(make_container, make_notify):
    box = make_container()
    fact = await notify(box, make_notify("c", "--delnodes"))
    assert isinstance(fact.result, Stalled)
    assert not (box.root / "etc/guestconfig/configmeta.json").exists()


async def test_a_stream_cut_anywhere_changes_nothing(make_member, make_notify):
    box = await make_member()
    before = box.text("etc/guestconfig/configmeta.json")
    for cut in (0, 10, 500, 15000):
        box.cut_after = cut
        fact = await notify(box, make_notify("c", "--delnodes", configmeta=b"{}"))
        assert isinstance(fact.result, Stalled)
    assert box.text("etc/guestconfig/configmeta.json") == before
    assert box.events() == ["--configure"]


async def test_a_member_out_of_reach_has_stalled(make_member, make_notify):
    box = await make_member()
    box.refuse = [UnreachableError("no route")] * 9
    fact = await notify(box, make_notify("8"))
    assert fact.result == Stalled("the container cannot be reached: no route")


async def test_who_takes_long_is_told_of_before_the_end(make_member, make_notify):
    box = await make_member("sleep 0.5\n")
    said = []
    fact = await notify(box, make_notify("c", "--delnodes", limits=Limits(answer=0.1)), progress=said.append)
    assert [item.result for item in said] == [Stalled("no end of delnodes within 0.1 s")]
    assert fact.result == Finished(0, generation=8)
    said.clear()
    await notify(box, make_notify("d", "--delnodes", limits=Limits(answer=60)), progress=said.append)
    assert said == []


async def test_an_event_that_takes_longer_than_an_exec_is_followed_by_others(make_member, make_notify, wait, until):
    box = await make_member(wait)
    begun = asyncio.create_task(notify(box, make_notify("c", "--delnodes", limits=Limits(attach=1))))
    await until(lambda: len(box.requests) == 2)
    box.go()
    assert (await begun).result == Finished(0, generation=8)
    assert box.events() == ["--configure", "--delnodes"]


@pytest.mark.parametrize("code", [0, 5])
async def test_w19_a_reconnect_leaves_no_trace_in_what_tells_of_the_configuration(
    make_container, make_package, make_set_up, make_notify, code
):
    """IC-07: of the status file only `configure` has something to say, in this life and in the next one."""
    box = make_container()
    make_package(box, f'[ "$1" != --configure ] || exit 0\necho reconnecting\nexit {code}\n')
    await set_up(box, make_set_up())
    fact = await notify(box, make_notify("reconnect-x", "--reconnect"))
    assert fact.result.exit_code == code
    assert box.text("opt/guestconfig/configure.status") == "containerd://a=0"
    assert "reconnecting" not in box.text("opt/guestconfig/configure.stdout")
    box.begin("second")
    again = await set_up(box, make_set_up(2, "containerd://b"))
    assert (again.result.exit_code, again.result.resumed) == (0, True)
    assert box.events() == ["--configure", "--reconnect"]


async def test_an_event_that_hangs_is_stopped(make_member, make_notify):
    box = await make_member("sleep 60\n")
    fact = await notify(box, make_notify("c", "--delnodes", script_limit=ScriptLimit(1, "a field")))
    assert fact.result.exit_code == 143
    assert fact.result.detail == "the start script's delnodes did not end within 1 s and was stopped (a field)"
