"""That a start script goes on is told while it does: for how long, and its last line, if its app wants it in status."""

import asyncio
import contextlib
from dataclasses import replace

import pytest

from kdlib.errors import UnreachableError
from kdlib.guest import Limits, copy_progress, notify, set_up, watch_copy
from kdlib.guest.answers import Running, decode_answer
from kdlib.model import Finished, UnderWay, WatchCopy

SHELLS = ("dash", "bash", "busybox")
OFTEN = Limits(report=1, attach=20, send=20.0)


@pytest.mark.parametrize("shell", SHELLS)
async def test_a_script_that_runs_is_heard_of_by_the_exec_that_waits_for_it(
    make_container, make_package, make_set_up, wait, until, shell
):
    box, heard = make_container(shell), []
    make_package(box, f"echo one; printf '10%%\\r20%%\\000\\377'\n{wait}")
    begun = asyncio.create_task(set_up(box, make_set_up(limits=OFTEN), progress=heard.append))
    await until(lambda: len(heard) >= 2)
    box.go()
    assert (await begun).result == Finished(0, generation=7)
    assert len(box.requests) == 2
    assert [fact.operation for fact in heard] == ["setup-1"] * len(heard)
    assert heard[0].result.words == "20%?"
    assert 0 <= heard[0].result.seconds < heard[1].result.seconds < 60


async def test_the_latest_line_of_both_outputs_is_told(make_container, make_package, make_set_up, wait, until):
    box, heard = make_container(), []
    make_package(box, f"echo out; sleep 0.1; echo waiting for the seed >&2\n{wait}")
    begun = asyncio.create_task(set_up(box, make_set_up(limits=OFTEN), progress=heard.append))
    await until(lambda: heard)
    box.go()
    await begun
    assert heard[0].result.words == "waiting for the seed"


async def test_an_app_that_wants_no_output_in_the_status_is_told_of_by_time_alone(
    make_container, make_package, make_set_up, wait, until
):
    box, heard = make_container(), []
    make_package(box, f"echo secret\n{wait}")
    work = make_set_up(limits=OFTEN, max_log_size=0)
    begun = asyncio.create_task(set_up(box, work, progress=heard.append))
    await until(lambda: heard)
    box.go()
    await begun
    assert {fact.result.words for fact in heard} == {""}


async def test_what_an_earlier_run_wrote_is_not_told_of_this_one(
    make_container, make_package, make_set_up, make_notify, wait, until
):
    box, heard = make_container(), []
    make_package(box, f'[ "$1" != --delnodes ] || {{ echo mine\n{wait}}}\n[ "$1" != --addnodes ] || echo another\n')
    await set_up(box, make_set_up())
    await notify(box, make_notify("a", "--addnodes"))
    begun = asyncio.create_task(notify(box, make_notify("d", "--delnodes", limits=OFTEN), progress=heard.append))
    await until(lambda: heard)
    box.go()
    assert (await begun).result == Finished(0, generation=8)
    assert heard[0].result.words == "mine"


def test_a_long_line_is_cut_and_shows_nothing_that_cannot_be_printed():
    answer = decode_answer(b"KD1 running 12 " + b"x" * 500 + b"\x1b[31mred\x07\n")
    assert isinstance(answer, Running)
    assert (answer.seconds, len(answer.line)) == (12, 200)
    assert answer.line.endswith("?[31mred?")


def test_a_member_whose_programs_are_older_tells_less():
    assert decode_answer(b"KD1 running\n") == Running()


# --- the first copy onto a volume (3.7, IC-11)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", "not started yet"),
        ("          0   0%    0.00kB/s    0:00:00", "not started yet"),
        ("\r  1,024  42%  1.00MB/s  0:00:01\r  2,048  99%", "1,024  42%  1.00MB/s  0:00:01"),
        ("\r 10 100% 1.00MB/s 0:00:01 (xfr#3, to-chk=0/4)\n", ""),
    ],
)
def test_the_progress_of_a_copy_is_the_last_whole_line_of_rsync(log, words):
    assert copy_progress(log) == words


class Init:
    """An init container whose volume is in a folder; it may be cut off, or not be there."""

    def __init__(self, box, *, gone=False, cut=False):
        self.box, self.gone, self.cut = box, gone, cut
        (box.root / "mnt/etc").mkdir(parents=True)

    @contextlib.asynccontextmanager
    async def exec(self, request):
        assert request.container == "init"
        if self.gone:
            raise UnreachableError("no such container")
        command = tuple(word.replace("/mnt", f"{self.box.root}/mnt") for word in request.command)
        async with self.box.exec(replace(request, command=command)) as stream:
            yield CutStream() if self.cut else stream


class CutStream:
    """A connection that is cut as soon as it is open."""

    async def __aiter__(self):
        raise UnreachableError("cut")
        yield 1, b""


class Tailless(Init):
    """One whose image has no program to read with."""

    @contextlib.asynccontextmanager
    async def exec(self, request):
        (self.box.root / "mnt/etc/kubedirector-init-progress-bar.log").touch()
        command = tuple(word.replace("exec tail", "exec no-such-program") for word in request.command)
        async with super().exec(replace(request, command=command)) as stream:
            yield stream


def look(init):
    return watch_copy(init, "ns", WatchCopy("pod-0", "containerd://i"))


@pytest.mark.parametrize("shell", SHELLS)
async def test_a_look_at_the_copy_reads_what_the_init_program_writes(make_container, shell):
    init = Init(make_container(shell))
    assert (await look(init)).result == UnderWay(words="progress reporting not available")
    log = init.box.root / "mnt/etc/kubedirector-init-progress-bar.log"
    log.write_text("x" * 3000 + "\r  7  42%  1MB/s\r  8  43%")
    fact = await look(init)
    assert fact.result == UnderWay(words="7  42%  1MB/s")
    assert (fact.pod, fact.container, fact.operation) == ("pod-0", "containerd://i", "storage-init")
    log.unlink()
    log.mkdir()
    assert (await look(init)).result == UnderWay(words="progress reporting not available")


async def test_a_copy_that_cannot_be_looked_at_is_told_in_words(make_container):
    assert (await look(Init(make_container(), gone=True))).result.words == "init container not ready"
    assert (await look(Init(make_container(name="cut"), cut=True))).result.words == ""
    assert (await look(Tailless(make_container(name="tailless")))).result.words == "not available"
