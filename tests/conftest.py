"""What holds for every test: nothing that a test opened outlives the run."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, settings

# The same examples in each run, however slow the machine: a change is judged by what it changed, never by the dice.
# `pytest --hypothesis-profile=dice` looks further.
settings.register_profile("fixed", deadline=None, derandomize=True)
settings.register_profile("dice", deadline=None)
# A mutant is caught by the first example that fails; nobody reads the smallest one.
settings.register_profile("mutants", deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
settings.load_profile("fixed")


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


def _mounts(folder: Path) -> list[str]:
    """Return what is mounted beneath a folder; elsewhere others of this machine mount what they like."""
    places = {Path(line.split()[4]) for line in Path("/proc/self/mountinfo").read_text().splitlines()}
    return sorted(str(place) for place in places if place.is_relative_to(folder))


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Fail the run if a process, a mount or a temporary file of a test is still there at its end."""
    children = _children()
    # Everything that tests and their processes make without saying where goes into a folder of this run's own.
    folder = Path(tempfile.mkdtemp(prefix="kd-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", str(folder))
        yield
    mounts = _mounts(folder)
    # pytest's own folder is pytest's to keep.
    files = sorted(path.name for path in folder.iterdir() if not path.name.startswith("pytest-of-"))
    if not mounts:
        shutil.rmtree(folder)
    left = {
        "processes": sorted(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in _children() - children),
        "mounts": mounts,
        "files": files,
    }
    assert left == {"processes": [], "mounts": [], "files": []}
