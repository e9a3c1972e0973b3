"""What holds for every test: nothing that a test opened outlives the run."""

from collections.abc import Iterator
from pathlib import Path

import pytest


def _children() -> set[int]:
    """Return the ids of living processes that descend from this one."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(stat.parent.name)] = int(fields[1])
    found, todo = set(), {int(Path("/proc/self").resolve().name)}
    while todo:
        todo = {pid for pid, parent in parents.items() if parent in todo} - found
        found |= todo
    return found


def _mounts() -> set[str]:
    return {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()}


def _temporary() -> set[str]:
    """Return the product's own temporary folders."""
    return {str(path) for path in Path("/tmp").glob("kubedirector-*")}


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Fail the run if a process, a mount or a temporary folder of a test is still there at its end."""
    children, mounts, folders = _children(), _mounts(), _temporary()
    yield
    left = {
        "processes": sorted(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in _children() - children),
        "mounts": sorted(_mounts() - mounts),
        "folders": sorted(_temporary() - folders),
    }
    assert left == {"processes": [], "mounts": [], "folders": []}
