"""What containers wrote can be read: all, the end, since, of the life before, and as it comes."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from kdlib.errors import ApiError
from kdlib.sandbox.node.logbook import Logbook
from kdlib.sandbox.streams import LogRequest

in_module = pytest.mark.asyncio(loop_scope="module")


BEGIN = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.now = BEGIN

    def __call__(self):
        self.now += timedelta(seconds=1)
        return self.now


async def read(book, **options):
    return b"".join([data async for data in book.read(LogRequest("n", "p", "c", **options))])


def filled(*lines):
    book = Logbook(Clock())
    for line in lines:
        book.write(1, line)
    return book


@in_module
async def test_a_line_is_told_when_it_is_whole():
    book = filled(b"on", b"e\ntw")
    assert await read(book) == b"one\n"

    book.write(2, b"err\n")
    book.close()

    assert await read(book) == b"one\nerr\ntw"


@in_module
async def test_options_choose_lines():
    book = filled(b"1\n", b"2\n3\n")
    book.write(2, b"4\n")

    assert await read(book, tail_lines=2) == b"3\n4\n"
    assert await read(book, tail_lines=0) == b""
    assert await read(book, limit_bytes=3) == b"1\n2"
    assert await read(book, since=BEGIN + timedelta(seconds=3)) == b"3\n4\n"
    assert await read(book, stream="Stderr") == b"4\n"
    assert await read(book, tail_lines=1, stream="Stdout") == b"3\n"
    assert (await read(book, timestamps=True)).splitlines()[0] == b"2026-01-02T03:04:06.678901000Z 1"


@in_module
async def test_following_ends_with_the_log():
    book = filled(b"1\n")
    everything = asyncio.create_task(read(book, follow=True))
    only_new = asyncio.create_task(read(book, follow=True, tail_lines=0))
    await asyncio.sleep(0)

    book.write(1, b"2\n")
    await asyncio.sleep(0)
    book.write(1, b"3")
    book.close()

    assert await everything == b"1\n2\n3"
    assert await only_new == b"2\n3"


@in_module
async def test_an_endless_log_is_bounded():
    book = Logbook(Clock())
    for _ in range(40):
        book.write(1, b"x" * 1_000_000 + b"\n")

    assert len(await read(book)) <= 10 * 1024 * 1024 + 1_000_001


@in_module
async def test_the_log_of_the_life_before_can_be_read(world):
    world.run(
        "lives",
        "echo life; test -e /kept/x && sleep 1000; touch /kept/x; exit 1",
        volumes=[{"name": "kept", "emptyDir": {}}],
        container={"volumeMounts": [{"name": "kept", "mountPath": "/kept"}]},
    )
    await world.running("lives")
    await world.until(lambda: world.container("lives")["restartCount"] == 1)

    assert await world.log("lives", previous=True) == "life\n"


@in_module
async def test_there_is_no_log_before_the_first_life(world):
    world.run("first", "sleep 1000")
    await world.running("first")

    with pytest.raises(ApiError, match='previous terminated container "app" in pod "first" not found') as refusal:
        await world.log("first", previous=True)
    assert refusal.value.code == 400
