"""The inside of members that have no processes: answers execs as a member does whose start script ends at once.

For hollow nodes: thousands of members in one process. It answers what the guest script answers to the same requests,
which tests compare.

Layer: shell.
"""

import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from kdlib.guest.answers import Absent, Accepted, Answer, Refused, encode_answer
from kdlib.guest.frames import BEGIN, TELL, FrameError, decode
from kdlib.model import Finished
from kdlib.wire import ExecRequest

__all__ = ["EmulatedRun", "Emulation", "emulated"]


@dataclass(frozen=True, slots=True)
class EmulatedRun:
    """How one run of a start script ends."""

    exit_code: int = 0
    stdout: bytes = b""
    stderr: bytes = b""


Script: TypeAlias = Callable[[ExecRequest, tuple[str, ...]], EmulatedRun]
"""Runs the start script of the member that the request is for, with arguments such as `--configure`."""

Life: TypeAlias = Callable[[ExecRequest], str]
"""Names the present life of the container that the request is for: another name is a fresh container."""

Keeps: TypeAlias = Callable[[ExecRequest], bool]
"""Tells whether the member has a volume that outlives its containers, with its setup package."""

Variables: TypeAlias = Mapping[str, str]
Blobs: TypeAlias = Mapping[str, bytes]


@dataclass
class _Inside:
    """What is known inside one life of one container."""

    runs: dict[str, EmulatedRun] = field(default_factory=dict)
    containers: dict[int, str] = field(default_factory=dict)
    adopted: set[int] = field(default_factory=set)
    has_package: bool = False
    is_set_up: bool = False
    """True where `--configure` ended well, in this life or, on a volume, in an earlier one."""
    resumed: set[str] = field(default_factory=set)
    sent: int = 0
    held: int = 0
    held_by: str = ""
    epoch: str = ""
    packed: bytes = b""
    """configmeta.json, compressed: in a large cluster it is long, and everybody has one."""

    def counted(self) -> int:
        """Return the generation of the configmeta that is there; 0 where another one counted it than who asks."""
        return self.held if self.held_by == self.epoch else 0


class Emulation:
    """Answers the execs of the guest protocol for any number of members."""

    def __init__(self, *, script: Script | None = None, life: Life | None = None, keeps: Keeps | None = None) -> None:
        self._script = script or _ends_at_once
        self._life = life or _for_ever
        self._keeps = keeps or _nothing_kept
        self._members: dict[tuple[str, str], tuple[str, _Inside]] = {}

    async def __call__(self, request: ExecRequest, stdin: AsyncIterator[bytes]) -> tuple[bytes, bytes, int]:
        """Run the command of one exec; returns stdout, stderr and exit code, 127 for a command it does not know."""
        match request.command:
            case ("sh", "-c", script, _, mode) if script == BEGIN:
                return await self._begun(request, mode, stdin)
            case ("sh", "-c", script, _, operation, _, tail, _) if script == TELL:
                return self._told(request, operation, int(tail))
            case _:
                return b"", b"command not found\n", 127

    def configmeta(self, namespace: str, pod: str) -> bytes:
        """Return the configmeta.json that the member holds; empty for none."""
        known = self._members.get((namespace, pod))
        return zlib.decompress(known[1].packed) if known and known[1].packed else b""

    def set_up_by_another(self, namespace: str, pod: str, life: str) -> None:
        """Know of a member what an operator of another make leaves in it: a package that was configured, no guards."""
        self._members[namespace, pod] = (life, _Inside(has_package=True, is_set_up=True))

    def forget(self, namespace: str, pod: str) -> None:
        """Drop all that is known of a member, as when its pod is gone."""
        self._members.pop((namespace, pod), None)

    async def _begun(self, request: ExecRequest, mode: str, stdin: AsyncIterator[bytes]) -> tuple[bytes, bytes, int]:
        data = await _frame_bytes(stdin)
        try:
            frame = decode(data)
        except FrameError as error:
            return (*encode_answer(Refused(str(error))), 65)
        inside = self._inside(request)
        inside.epoch = frame.variables["epoch"]
        if mode == "set-up":
            self._set_up(request, inside, frame.variables, frame.blobs)
            return (*encode_answer(Accepted()), 0)
        return self._notified(request, inside, frame.variables, frame.blobs)

    def _told(self, request: ExecRequest, operation: str, tail_bytes: int) -> tuple[bytes, bytes, int]:
        return _answer(_result(self._inside(request), operation, tail_bytes))

    def _inside(self, request: ExecRequest) -> _Inside:
        member, life = (request.namespace, request.pod), self._life(request)
        known = self._members.get(member)
        if known is None or known[0] != life:
            kept = known is not None and self._keeps(request) and known[1].is_set_up
            known = (life, _Inside(is_set_up=kept))
            self._members[member] = known
        return known[1]

    def _set_up(self, request: ExecRequest, inside: _Inside, variables: Variables, blobs: Blobs) -> None:
        attempt, operation = int(variables["attempt"]), f"setup-{variables['attempt']}"
        if attempt in inside.containers:
            return
        followed = _followed(inside, attempt, variables["container"])
        inside.containers[attempt] = variables["container"]
        if followed:
            inside.runs[operation] = inside.runs[f"setup-{followed}"]
            inside.resumed.update({operation} if f"setup-{followed}" in inside.resumed else ())
            return
        _write_configmeta(inside, variables, blobs)
        run = EmulatedRun()
        if variables["package_url"]:
            inside.has_package = True
            if inside.is_set_up and variables["from_scratch"] == "0":
                inside.resumed.add(operation)
            elif variables["run_configure"] == "1":
                run = self._script(request, ("--configure",))
                inside.is_set_up = run.exit_code == 0
        inside.runs[operation] = run

    def _notified(
        self, request: ExecRequest, inside: _Inside, variables: Variables, blobs: Blobs
    ) -> tuple[bytes, bytes, int]:
        arguments, operation = variables["arguments"], f"notify-{variables['change']}"
        if arguments and not inside.has_package:
            return _answer(Absent())
        _write_configmeta(inside, variables, blobs)
        if not arguments:
            return _answer(Finished(0, generation=inside.counted()))
        if operation not in inside.runs:
            run = self._script(request, tuple(arguments.split()))
            inside.runs[operation] = run
        return _answer(_result(inside, operation, int(variables["tail_bytes"])))


def emulated(*, script: Script | None = None, life: Life | None = None, keeps: Keeps | None = None) -> Emulation:
    """Make an emulation of members.

    By default every start script ends at once, well, containers live for ever, and nothing outlives them.
    """
    return Emulation(script=script, life=life, keeps=keeps)


def _followed(inside: _Inside, attempt: int, container: str) -> int:
    """Return the attempt of this life whose result is that of this one too; 0 where it is to be made."""
    highest = max(inside.containers, default=0)
    if highest > attempt:
        return highest
    for other in sorted(inside.containers, key=str):
        if inside.containers[other] != container and other not in inside.adopted:
            inside.adopted.add(other)
            return other
    return 0


def _write_configmeta(inside: _Inside, variables: Variables, blobs: Blobs) -> None:
    if "configmeta" in blobs and int(variables["stamp"]) >= inside.sent:
        inside.sent, inside.held = int(variables["stamp"]), int(variables["generation"])
        inside.held_by = variables["epoch"]
        inside.packed = zlib.compress(blobs["configmeta"], 1)


def _result(inside: _Inside, operation: str, tail_bytes: int) -> Finished | Absent:
    run = inside.runs.get(operation)
    if run is None:
        return Absent()
    shown = tail_bytes if run.exit_code else 0
    tails = [output[-shown:].decode("utf-8", "replace") if shown else "" for output in (run.stdout, run.stderr)]
    resumed = operation in inside.resumed
    return Finished(run.exit_code, tails[0], tails[1], generation=inside.counted(), resumed=resumed)


def _answer(answer: Answer) -> tuple[bytes, bytes, int]:
    return (*encode_answer(answer), 0)


async def _frame_bytes(stdin: AsyncIterator[bytes]) -> bytes:
    """Read one frame, which tells its own length: the stream need not end."""
    data = bytearray()
    async for part in stdin:
        data += part
        header, found, body = data.partition(b"\n")
        fields = header.split(b" ")
        if found and len(fields) == 5 and len(body) >= int(fields[1]):
            break
    return bytes(data)


def _ends_at_once(_: ExecRequest, __: tuple[str, ...]) -> EmulatedRun:
    return EmulatedRun()


def _nothing_kept(_: ExecRequest) -> bool:
    return False


def _for_ever(_: ExecRequest) -> str:
    return ""
