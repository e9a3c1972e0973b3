"""Test projects of other people, in folders and processes of their own."""

import asyncio
import ctypes
import os
import signal
import sys
from functools import partial
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
SECONDS = 240
PR_SET_PDEATHSIG = 1


async def run_to_its_end(*command, cwd, environment=None):
    """Run a command; return its exit code, and what it said."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=cwd,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        preexec_fn=partial(ctypes.CDLL(None).prctl, PR_SET_PDEATHSIG, signal.SIGKILL),
    )
    try:
        async with asyncio.timeout(SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, output.decode()


class Project:
    """A folder with tests in it."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {**os.environ, "PYTHONPATH": str(TOP), "PYTHONDONTWRITEBYTECODE": "1"}
        self.output = ""

    def write(self, *, mode="strict", **files):
        settings = f"asyncio_mode = {mode}\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
        (self.folder / "pytest.ini").write_text(f"[pytest]\n{settings}")
        for name, text in files.items():
            (self.folder / f"{name}.py").write_text(text)

    async def run(self, *arguments):
        """Run its tests; return how many passed, failed and had errors."""
        plugin = (sys.executable, "-m", "pytest", "-p", "kdlib.testing.plugin", "-p", "no:cacheprovider", "-rA")
        _, self.output = await run_to_its_end(*plugin, *arguments, cwd=self.folder, environment=self.environment)
        return self

    def ended(self, word):
        """Return the names of the tests that ended so."""
        lines = (line.split() for line in self.output.splitlines() if line.startswith(f"{word} "))
        return {line[1].rpartition("::")[2] for line in lines}


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder)


@pytest.fixture
def stand_in(project, tmp_path):
    """Put the stand-in for kind in the project's PATH; return the folder that it keeps its clusters in."""
    home = tmp_path / "stand-in"
    home.mkdir()
    path = f"{TOP / 'tests' / 'apps' / 'kind'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    project.environment |= {
        "PATH": path,
        "STAND_IN_HOME": str(home),
        "STAND_IN_OWNER": str(os.getpid()),
        "STAND_IN_SERVER": "sandbox",
    }
    return home


@pytest.fixture
def examples():
    return TOP / "examples"


@pytest.fixture
def run():
    return run_to_its_end
