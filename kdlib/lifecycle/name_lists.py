"""Lists of host names, short where they are long: members of one set differ by a number alone.

`a-0.h.ns.svc,a-1.h.ns.svc,...,a-9.h.ns.svc,a-12.h.ns.svc` is written `a-[0-9+12].h.ns.svc`. Else the status of a
cluster that grows from 500 members to 1,000 would name 500 members 500 times, and no API server takes that.

Layer: pure.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

__all__ = ["shortened", "spelled_out"]

_FEW = 16
"""So many names are written one by one."""

_NAME = re.compile(r"(?P<front>[^.\[\]]*-)(?P<number>0|[1-9][0-9]*)(?P<rest>\..*)?")
_SHORT = re.compile(r"(?P<front>[^.\[\]]*-)\[(?P<numbers>[0-9+-]+)\](?P<rest>.*)")


def shortened(names: Sequence[str]) -> str:
    """Join the names with commas; many are put together by their sets, each once, in the order of their numbers."""
    if len(names) <= _FEW:
        return ",".join(names)
    sets: dict[tuple[str, str], set[int]] = {}
    others = []
    for name in names:
        found = _NAME.fullmatch(name)
        if found:
            sets.setdefault((found["front"], found["rest"] or ""), set()).add(int(found["number"]))
        else:
            others.append(name)
    short = (f"{front}[{'+'.join(_runs(sorted(numbers)))}]{rest}" for (front, rest), numbers in sets.items())
    return ",".join([*short, *dict.fromkeys(others)])


def spelled_out(text: str) -> list[str]:
    """Return the names that a text written by `shortened` stands for."""
    return [name for part in text.split(",") for name in _spelled(part)]


def _spelled(part: str) -> Iterator[str]:
    found = _SHORT.fullmatch(part)
    if not found:
        yield part
        return
    for run in found["numbers"].split("+"):
        first, _, last = run.partition("-")
        for number in range(int(first), int(last or first) + 1):
            yield f"{found['front']}{number}{found['rest']}"


def _runs(numbers: Iterable[int]) -> Iterator[str]:
    """Yield each run of successive numbers as `first-last`, and single ones as they are."""
    first = last = -1
    for number in numbers:
        if number != last + 1 or first < 0:
            if first >= 0:
                yield _run(first, last)
            first = number
        last = number
    if first >= 0:
        yield _run(first, last)


def _run(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
