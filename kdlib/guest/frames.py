"""What is sent into a member: one framed stream, and the commands that take it.

A frame is one line and a body. The line is `KD1 LENGTH SHA256 SCRIPT VARIABLES`: the length of the body in bytes, the
digest of all of it but its last 64 bytes, and the lengths of its first two parts. The body is the guest script, then
variables as shell assignments, then blobs, then the digest again. Nothing is done before all of it has arrived, since
a connection may be cut anywhere, and cannot end its stdin alone. The digest at the end tells that all arrived where
an image has no program that computes one.

Layer: pure.
"""

import hashlib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["BEGIN", "TELL", "Frame", "FrameError", "begin_command", "decode", "encode", "tell_command"]

MAGIC = "KD1"
DIGEST_LENGTH = 64
HOME = "${GUEST_ROOT-}/etc/guestconfig/.kubedirector"

BEGIN = f"""u=$(umask)
umask 077
d={HOME}
t=$d/in.$$
IFS=' ' read -r k n h s v || exit 65
no() {{
rm -rf "$t"
echo "{MAGIC} $*"
exit 65
}}
rm -rf "$t"
mkdir -p "$d" 2>/dev/null && mkdir "$t" 2>/dev/null || {{
head -c "$n" >/dev/null
no unwritable
}}
f=$t/frame
head -c "$n" >"$f" || no unwritable
[ "$(tail -c {DIGEST_LENGTH} "$f")" = "$h" ] || no refused the stream was cut
m=$((n-{DIGEST_LENGTH}))
c=$(head -c $m "$f"|sha256sum 2>/dev/null||head -c $m "$f"|shasum -a 256 2>/dev/null||\
head -c $m "$f"|openssl dgst -sha256 2>/dev/null)
case ${{c:-$h}} in *"$h"*) ;; *) no refused the stream was damaged ;; esac
head -c "$s" "$f" >"$t/guest"
exec sh "$t/guest" "$1" "$t" "$s" "$v" "$u\""""
"""Takes a frame; its argument says what for. In a URL with every exec, so it is short."""

TELL = f"""g={HOME}/guest
[ -r "$g" ]||{{
echo "{MAGIC} absent"
exit
}}
exec sh "$g" wait "$@\""""
"""Asks how an operation ended: arguments are its name, seconds to wait, bytes of output wanted, and seconds
between two reports that it goes on."""


class FrameError(ValueError):
    """The bytes are not a whole frame."""


@dataclass(frozen=True)
class Frame:
    """Variables and blobs for the guest script; names are shell names."""

    variables: Mapping[str, str] = field(default_factory=dict)
    blobs: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def begin_command(mode: str) -> tuple[str, ...]:
    """Return the command that takes a frame on its stdin; `mode` is `set-up` or `notify`."""
    return ("sh", "-c", BEGIN, "kubedirector", mode)


def tell_command(operation: str, *, wait_seconds: int, tail_bytes: int, report_seconds: int) -> tuple[str, ...]:
    """Return the command that waits for the end of an operation, and tells each so many seconds that it goes on."""
    return ("sh", "-c", TELL, "kubedirector", operation, str(wait_seconds), str(tail_bytes), str(report_seconds))


def encode(frame: Frame, script: bytes) -> bytes:
    """Return the bytes to send: blobs are found by their offset in the body, counted from 0, and their length."""
    # Variables tell where blobs are, and are in front of them: offsets are padded, so their length is known before.
    places = dict.fromkeys(frame.blobs, " " * 20)
    offset = len(script) + len(_assignments(frame.variables, places))
    for name, blob in frame.blobs.items():
        places[name] = f"{offset} {len(blob)}".ljust(20)
        offset += len(blob)
    variables = _assignments(frame.variables, places)
    body = b"".join((script, variables, *frame.blobs.values()))
    digest = hashlib.sha256(body).hexdigest()
    header = f"{MAGIC} {len(body) + DIGEST_LENGTH} {digest} {len(script)} {len(variables)}\n"
    return b"".join((header.encode(), body, digest.encode()))


def decode(data: bytes) -> Frame:
    """Read a frame back; raises FrameError where it is not whole."""
    header, _, body = data.partition(b"\n")
    fields = header.decode("ascii", "replace").split(" ")
    if len(fields) != 5 or fields[0] != MAGIC or len(body) != int(fields[1]):
        raise FrameError("the stream was cut")
    content = body[:-DIGEST_LENGTH]
    if body[-DIGEST_LENGTH:].decode("ascii", "replace") != fields[2]:
        raise FrameError("the stream was cut")
    if hashlib.sha256(content).hexdigest() != fields[2]:
        raise FrameError("the stream was damaged")
    script, variables = int(fields[3]), int(fields[4])
    words = shlex.split(content[script : script + variables].decode())
    assigned = dict(word.split("=", 1) for word in words)
    blobs = {}
    for name in [name for name in assigned if name.startswith("blob_")]:
        offset, length = map(int, assigned.pop(name).split())
        blobs[name.removeprefix("blob_")] = content[offset : offset + length]
    return Frame(assigned, blobs)


def _assignments(variables: Mapping[str, str], places: Mapping[str, str]) -> bytes:
    named = {**variables, **{f"blob_{name}": place for name, place in places.items()}}
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in named.items()).encode()
