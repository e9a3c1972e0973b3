"""Members without processes answer as real ones do to the same requests."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from kdlib.guest import EmulatedRun, emulated, notify, set_up
from kdlib.guest.emulation import Emulation
from kdlib.model import Finished
from kdlib.wire import ExecRequest


class Stream:
    """An exec stream over an emulation: what is sent is collected until all of it is there."""

    def __init__(self, emulation, request):
        self.emulation, self.request, self.sent = emulation, request, []
        self.answer = None

    async def send(self, data):
        self.sent += [data[:1000], data[1000:]]

    async def close_stdin(self):
        pass

    async def __aiter__(self):
        async def stdin():
            for part in self.sent:
                yield part

        self.answer = await self.emulation(self.request, stdin())
        for channel in (1, 2):
            if self.answer[channel - 1]:
                yield channel, self.answer[channel - 1]

    async def exit_code(self):
        return self.answer[2]


class Hollow:
    """A transport whose containers are emulated."""

    def __init__(self, emulation: Emulation) -> None:
        self.emulation = emulation

    @asynccontextmanager
    async def exec(self, request):
        yield Stream(self.emulation, request)


SCRIPT = """case $1 in
--configure) exit 0 ;;
--fail) echo out; echo err >&2; exit 9 ;;
esac
"""


def script(_, arguments):
    return EmulatedRun(9, b"out\n", b"err\n") if arguments[0] == "--fail" else EmulatedRun()


async def test_an_emulated_member_answers_as_a_real_one(make_container, make_package, make_set_up, make_notify):
    box = make_container("busybox")
    make_package(box, SCRIPT)
    hollow = Hollow(emulated(script=script, life=lambda _: box.text(".life")))
    steps = [
        lambda api: notify(api, make_notify("early", "--addnodes")),
        lambda api: set_up(api, make_set_up(1)),
        lambda api: set_up(api, make_set_up(1)),
        lambda api: notify(api, make_notify("8", configmeta=b"{}")),
        lambda api: notify(api, make_notify("x", "--addnodes", generation=9, configmeta=b'{"a":1}')),
        lambda api: notify(api, make_notify("y", "--fail", generation=10)),
        lambda api: notify(api, make_notify("y", "--fail", generation=11)),
        lambda api: set_up(api, make_set_up(2, "containerd://b", generation=12)),
        lambda api: set_up(api, make_set_up(3, "containerd://b", generation=13, from_scratch=True)),
        lambda api: set_up(api, make_set_up(1)),
        lambda api: set_up(api, make_set_up(2, "containerd://b")),
        lambda api: set_up(api, make_set_up(2, "containerd://b", epoch="another")),
        lambda api: notify(api, make_notify("y", "--fail", generation=2, epoch="another")),
        lambda api: notify(api, make_notify("z", "--fail", generation=2, epoch="another")),
    ]
    for number, step in enumerate(steps):
        assert (number, await step(hollow)) == (number, await step(box))
        real = box.root / "etc/guestconfig/configmeta.json"
        held = hollow.emulation.configmeta("ns", "pod-0")
        assert held == (real.read_bytes() if real.exists() else b"")
    box.restart("second")
    make_package(box, SCRIPT)
    step = set_up(hollow, make_set_up(4, "containerd://c")), set_up(box, make_set_up(4, "containerd://c"))
    results = await asyncio.gather(*step)
    assert results[0] == results[1]
    late = set_up(hollow, make_set_up(3, "containerd://b")), set_up(box, make_set_up(3, "containerd://b"))
    results = await asyncio.gather(*late)
    assert results[0] == results[1]


async def test_an_emulated_member_with_a_volume_takes_its_work_up_as_a_real_one(
    make_container, make_package, make_set_up
):
    box = make_container("busybox")
    make_package(box, SCRIPT)
    hollow = Hollow(emulated(script=script, life=lambda _: box.text(".life"), keeps=lambda _: True))
    assert await set_up(hollow, make_set_up(1)) == await set_up(box, make_set_up(1))
    box.begin("second")
    found = [await set_up(each, make_set_up(2, "containerd://b", generation=8)) for each in (hollow, box)]
    assert found[0] == found[1]
    assert found[0].result.resumed
    box.begin("third")
    again = make_set_up(3, "containerd://c", from_scratch=True)
    assert await set_up(hollow, again) == await set_up(box, again)


async def test_a_stream_that_was_cut_is_refused(make_set_up):
    async def stdin():
        yield b"KD1 9"

    request = ExecRequest("ns", "pod-0", "app", ("sh", "-c", "", "kubedirector", "set-up"), stdin=True)
    hollow = emulated()
    assert (await hollow(request, stdin()))[2] == 127
    fact = await set_up(Hollow(hollow), make_set_up())
    assert fact.result == Finished(0, generation=7)
    hollow.forget("ns", "pod-0")
    assert hollow.configmeta("ns", "pod-0") == b""


@pytest.mark.parametrize("count", [200])
async def test_many_members_are_emulated_at_once(make_set_up, count):
    hollow = Hollow(emulated())
    facts = await asyncio.gather(*(set_up(hollow, replace(make_set_up(), pod=f"pod-{n}")) for n in range(count)))
    assert {fact.result for fact in facts} == {Finished(0, generation=7)}
