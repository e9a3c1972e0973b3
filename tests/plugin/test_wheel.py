"""The examples with an installed wheel, in a virtual environment that knows nothing of this tree."""

import shutil
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TOP = Path(__file__).parents[2]


def needed(distribution, extras):
    """Return the names of what a distribution says it needs, here and now."""
    found = set()
    for wanted in map(Requirement, distribution.requires or []):
        if wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            found.add((canonicalize_name(wanted.name), frozenset(wanted.extras)))
    return found


def closure(distribution, extras):
    """Return what is needed, and what that needs; nothing that happens to be installed besides."""
    found, todo = {}, needed(distribution, extras)
    while todo:
        name, more = todo.pop()
        if name not in found:
            found[name] = metadata.distribution(name)
            todo |= needed(found[name], more)
    return found.values()


def link(distribution, site):
    """Put an installed distribution into another environment, by links."""
    tops = {Path(file).parts[0] for file in distribution.files or []} - {".."}
    for top in tops - {"__pycache__"}:
        if not (site / top).exists():
            (site / top).symlink_to(distribution.locate_file(top))


async def test_the_examples_pass_with_an_installed_wheel_and_what_it_says_it_needs(tmp_path, run):
    async def done(*command, cwd=tmp_path, environment=None):
        code, output = await run(*command, cwd=cwd, environment=environment)
        assert code == 0, output
        return output

    await done(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist", cwd=TOP)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    place = tmp_path / "clean"
    await done(sys.executable, "-m", "venv", "--without-pip", place)
    python = place / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    await done(*pip, "install", "--no-deps", "--no-index", "--no-compile", wheel)
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(place), "platbase": str(place)}))
    (installed,) = metadata.distributions(name="kubedirector", path=[str(site)])
    for distribution in closure(installed, {"testing"}):
        link(distribution, site)

    shutil.copytree(TOP / "examples", tmp_path / "examples")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    found = await done(python, "-c", "import kdlib; print(kdlib.__file__)", environment=environment)
    assert Path(found.strip()).is_relative_to(place)
    tests = ("-m", "pytest", "-p", "no:cacheprovider", "-W", "error", tmp_path / "examples" / "testing")
    output = await done(python, *tests, environment=environment)
    assert "kube: sandbox" in output
    assert "4 passed" in output
