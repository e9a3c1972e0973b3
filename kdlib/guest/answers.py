"""What a member answers: one line, and after the line of a finished operation its detail and its output.

`KD1 accepted`, `KD1 refused WHY`, `KD1 unwritable`, `KD1 absent`, `KD1 running SECONDS LINE`, or
`KD1 finished EXIT GENERATION RESUMED`. While an operation runs its line is told again and again. After the one of its
end come a line of detail and the end of the start script's stdout, while the end of its stderr is on stderr.

Layer: pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from kdlib.model import Finished

__all__ = [
    "Absent",
    "Accepted",
    "Answer",
    "Refused",
    "Running",
    "Unreadable",
    "Unwritable",
    "decode_answer",
    "encode_answer",
]

MAGIC = "KD1"
RUNNING = b"KD1 running"
"""How each line begins that is told of an operation before its end."""

_LONGEST_LINE = 200


@dataclass(frozen=True, slots=True)
class Accepted:
    """The frame arrived whole, and what it asks for is being done."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The frame was not taken; nothing was changed."""

    why: str


@dataclass(frozen=True, slots=True)
class Unwritable:
    """The frame was not taken, since /etc/guestconfig cannot be written."""


@dataclass(frozen=True, slots=True)
class Absent:
    """Nothing is known of the operation in this life of the container."""


@dataclass(frozen=True, slots=True)
class Running:
    """The operation has not ended yet; it began so many seconds ago, and `line` is the last that it wrote."""

    seconds: int = 0
    line: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The answer is none of ours; `why` shows its beginning."""

    why: str


_PLAIN: Mapping[bytes, Accepted | Unwritable | Absent] = MappingProxyType(
    {
        b"KD1 accepted": Accepted(),
        b"KD1 unwritable": Unwritable(),
        b"KD1 absent": Absent(),
    }
)

Answer: TypeAlias = Accepted | Refused | Unwritable | Absent | Running | Finished | Unreadable


def decode_answer(stdout: bytes, stderr: bytes = b"") -> Answer:
    """Read what a member answered; bytes of its output that are no UTF-8 become question marks."""
    line, _, rest = stdout.partition(b"\n")
    words = line.decode("utf-8", "replace").split(" ", 2)
    plain = _PLAIN.get(line)
    if plain is not None:
        return plain
    match words:
        case [magic, "refused", why] if magic == MAGIC:
            return Refused(why)
        case [magic, "running", *fields] if magic == MAGIC:
            return _running("".join(fields))
        case [magic, "finished", fields] if magic == MAGIC:
            return _finished(fields, rest, stderr)
        case _:
            return Unreadable(_beginning(stdout or stderr))


def encode_answer(answer: Answer) -> tuple[bytes, bytes]:
    """Return stdout and stderr of the answer, as the guest script writes them."""
    match answer:
        case Refused(why):
            return f"{MAGIC} refused {why}\n".encode(), b""
        case Unreadable(why):
            return why.encode(), b""
        case Running(seconds, line):
            return f"{MAGIC} running {seconds} {line}\n".encode(), b""
        case Finished() as end:
            line = f"{MAGIC} finished {end.exit_code} {end.generation} {int(end.resumed)}\n{end.detail}\n"
            return (line + end.stdout_tail).encode(), end.stderr_tail.encode()
        case plain:
            return next(line for line, known in _PLAIN.items() if known == plain) + b"\n", b""


def _running(fields: str) -> Running:
    """Read how long an operation has been running, and the last line that a terminal would show of its output."""
    number, _, output = fields.partition(" ")
    shown = [part.strip() for part in output.replace("\ufffd", "?").split("\r") if part.strip()] or [""]
    line = "".join(character if character.isprintable() else "?" for character in shown[-1])
    return Running(int(number) if number.isdecimal() else 0, line[-_LONGEST_LINE:])


def _finished(fields: str, rest: bytes, stderr: bytes) -> Answer:
    detail, _, stdout = rest.partition(b"\n")
    try:
        code, generation, resumed = map(int, fields.split())
    except ValueError:
        return Unreadable(f"finished {fields}")
    return Finished(
        exit_code=code,
        stdout_tail=_text(stdout),
        stderr_tail=_text(stderr),
        detail=_text(detail),
        generation=generation,
        resumed=bool(resumed),
    )


def _text(data: bytes) -> str:
    """Decode output; NUL, which no Kubernetes object may hold, becomes a question mark too."""
    return data.decode("utf-8", "replace").replace("\ufffd", "?").replace("\0", "?")


def _beginning(data: bytes) -> str:
    return _text(data[:200]).strip() or "no answer"
