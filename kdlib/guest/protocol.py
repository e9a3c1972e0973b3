"""The inside of a member, seen from outside: its set-up, and notifications, by few execs that may be cut anywhere.

Layer: shell.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import anyio

from kdlib.errors import ApiError, UnreachableError
from kdlib.guest.answers import (
    RUNNING,
    Absent,
    Accepted,
    Answer,
    Refused,
    Running,
    Unreadable,
    Unwritable,
    decode_answer,
)
from kdlib.guest.frames import Frame, begin_command, encode, tell_command
from kdlib.guest.programs import guest_script, programs
from kdlib.guest.work import NotifyWork, SetUpWork, Work, notify_frame, set_up_frame, tail_bytes
from kdlib.model import Finished, GuestFact, Stalled, UnderWay
from kdlib.wire import ExecRequest, ExecStream

__all__ = ["CanExec", "Progress", "notify", "set_up"]

CONTAINER = "app"
OUTPUT_LIMIT = 1024 * 1024
NO_SHELL = (126, 127)
REATTACHMENTS = 4
"""How often a wait is taken up again in a row when its connection is cut at once; then the operation has stalled."""

Progress = Callable[[GuestFact], None]
"""Told of what is known before the end: that an operation goes on, or takes longer than others should wait for it."""

Clock = Callable[[], datetime]
"""Tells the time, with its zone: of two documents for one member the one sent later counts."""


def _now() -> datetime:
    return datetime.now(UTC)


class CanExec(Protocol):
    """Executes commands in containers: `kdlib.kube.Api`, or a Transport."""

    def exec(self, request: ExecRequest) -> AbstractAsyncContextManager[ExecStream]:
        """Open an exec; leaving the context cuts the connection."""


async def set_up(api: CanExec, work: SetUpWork, *, progress: Progress | None = None, clock: Clock = _now) -> GuestFact:
    """Set the member up, or read back how its attempt ended; returns when it has ended, or cannot be followed.

    Two execs, one more for each 4 minutes that the start script runs, or when a connection is cut. `progress` is called
    with an `UnderWay` fact each `limits.report` seconds.

    Guarantees: the start script's `--configure` is started at most once per attempt and container life, whoever
    calls how often. A `Finished` fact is final; a `Stalled` one says to call again.
    Assumes: the attempt is recorded before the first call, and no other attempt is made at the same time.
    Cancellation: leaves what runs inside the member running.
    Raises: nothing of the world's errors; they make a `Stalled` fact.
    """
    frame = set_up_frame(work, stamp=_stamp(clock), programs=programs())
    sent = await _begin(api, work, frame, limit_seconds=work.limits.send, progress=progress)
    match sent:
        case Accepted():
            return _fact(work, await _followed(api, work, progress))
        case Finished() | Stalled():
            return _fact(work, sent)
        case Unwritable():
            return _fact(work, Finished(73, detail="/etc/guestconfig cannot be written in the container"))
        case _:
            return _fact(work, Stalled(_unexpected(sent)))


async def notify(api: CanExec, work: NotifyWork, *, progress: Progress | None = None, clock: Clock = _now) -> GuestFact:
    """Bring configmeta to the member, and run its start script for the event; or read back how that ended.

    One exec, and one more for each 4 minutes that the event takes, or when a connection is cut. `progress` is called
    with a `Stalled` fact once, when the member has not finished within `limits.answer`, and then with an `UnderWay`
    fact each `limits.report` seconds.

    Guarantees: an event is run at most once per change and container life. configmeta never goes back to a document
    that was sent earlier. A member that cannot write its configmeta has stalled; it has not failed.
    Cancellation: leaves what runs inside the member running.
    Raises: nothing of the world's errors; they make a `Stalled` fact.
    """
    async with anyio.create_task_group() as tasks:
        if progress is not None:
            tasks.start_soon(_say_when_late, work, progress)
        result = await _notified(api, work, clock, progress)
        tasks.cancel_scope.cancel()
    return _fact(work, result)


async def _say_when_late(work: NotifyWork, progress: Progress) -> None:
    await anyio.sleep(work.limits.answer)
    progress(_fact(work, Stalled(f"no end of {_words(work)} within {work.limits.answer:g} s")))


async def _notified(
    api: CanExec, work: NotifyWork, clock: Clock, progress: Progress | None = None
) -> Finished | Stalled:
    frame = notify_frame(work, stamp=_stamp(clock))
    limit = work.limits.send + (work.limits.attach if work.action.arguments else 0)
    answer = await _begin(api, work, frame, limit_seconds=limit, progress=progress)
    match answer:
        case Finished(exit_code=0) | Stalled():
            return answer
        case Finished():
            return answer if work.action.arguments else Stalled(answer.detail or "configmeta.json was not written")
        case Running():
            return await _followed(api, work, progress)
        case _:
            return Stalled(_unexpected(answer))


async def _begin(
    api: CanExec, work: Work, frame: Frame, *, limit_seconds: float, progress: Progress | None
) -> Answer | Stalled:
    """Send a frame and return the answer."""
    command = begin_command("set-up" if isinstance(work, SetUpWork) else "notify")
    request = ExecRequest(work.namespace, work.pod, CONTAINER, command, stdin=True)
    conversation = _Conversation(api, request, limit_seconds, _reporter(work, progress))
    return await conversation.hold(encode(frame, guest_script()))


async def _followed(api: CanExec, work: Work, progress: Progress | None = None) -> Finished | Stalled:
    """Wait for the end of an operation that was begun, over as many execs as it takes."""
    limits, cuts = work.limits, 0
    command = tell_command(
        work.action.key, wait_seconds=limits.attach, tail_bytes=tail_bytes(work), report_seconds=limits.report
    )
    request = ExecRequest(work.namespace, work.pod, CONTAINER, command)
    conversation = _Conversation(api, request, limits.attach + limits.send, _reporter(work, progress))
    while True:
        began = anyio.current_time()
        answer = await conversation.hold()
        match answer:
            case Finished():
                return answer
            case Running():
                cuts = 0
            case Stalled() if cuts < REATTACHMENTS:
                cuts = 1 if anyio.current_time() - began > limits.send else cuts + 1
                await anyio.sleep(0.25 * 2**cuts)
            case Stalled():
                return answer
            case _:
                return Stalled(_unexpected(answer))


def _reporter(work: Work, progress: Progress | None) -> Callable[[Answer], None]:
    """Return who is told of each answer before the last one."""

    def report(answer: Answer) -> None:
        if progress is not None and isinstance(answer, Running):
            progress(_fact(work, UnderWay(answer.seconds, answer.line)))

    return report


@dataclass(frozen=True, slots=True)
class _Conversation:
    """One exec within its limit; `report` is told while the operation goes on."""

    api: CanExec
    request: ExecRequest
    limit_seconds: float
    report: Callable[[Answer], None]

    async def hold(self, stream: bytes = b"") -> Answer | Stalled:
        """Send the stream, and read the answer."""
        output: dict[int, bytearray] = {1: bytearray(), 2: bytearray()}
        going_on: Answer | None = None
        try:
            with anyio.fail_after(self.limit_seconds):
                async with self.api.exec(self.request) as connection:
                    await _send(connection, stream)
                    async for channel, data in connection:
                        # What is over the limit is no answer of ours: it is read, so that the command can end.
                        if channel in output and len(output[channel]) < OUTPUT_LIMIT:
                            output[channel] += data
                        going_on = self._heard(output[1]) or going_on
                    code = await connection.exit_code()
        except TimeoutError:
            return Stalled(f"no answer within {self.limit_seconds:g} s")
        except (ApiError, UnreachableError) as error:
            return Stalled(f"the container cannot be reached: {error}")
        if going_on and not output[1]:
            return going_on
        answer = decode_answer(bytes(output[1]), bytes(output[2]))
        if isinstance(answer, Unreadable) and code in NO_SHELL:
            return Finished(code, detail=f"the image has no shell that can be executed: {answer.why}")
        return answer

    def _heard(self, output: bytearray) -> Answer | None:
        """Take the lines from the output that say that the operation goes on, tell of them, and return the last."""
        answer = None
        while output.startswith(RUNNING) and b"\n" in output:
            line, _, rest = bytes(output).partition(b"\n")
            output[:] = rest
            answer = decode_answer(line + b"\n")
            self.report(answer)
        return answer


async def _send(connection: ExecStream, stream: bytes) -> None:
    """Send the stream; a command that ends before it took all of it has its say all the same."""
    if not stream:
        return
    try:
        await connection.send(stream)
        await connection.close_stdin()
    except UnreachableError:
        return


def _unexpected(answer: Answer | Stalled) -> str:
    match answer:
        case Refused(why):
            return f"the container did not take what was sent: {why}"
        case Unwritable():
            return "/etc/guestconfig cannot be written in the container"
        case Absent():
            return "the container knows nothing of what was begun; it is another one"
        case Unreadable(why):
            return f"the container gave an answer that cannot be read: {why}"
        case _:
            return "the container gave an unexpected answer"


def _words(work: NotifyWork) -> str:
    return work.action.event or "writing configmeta.json"


def _fact(work: Work, result: Finished | Stalled | UnderWay) -> GuestFact:
    return GuestFact(work.pod, work.container, work.action.key, result)


def _stamp(clock: Clock) -> int:
    return round(clock().timestamp() * 1000)
