"""Building an app's image for the sandbox: run its `sandbox.sh` once, and keep the layer that it filled.

Layer: shell.
"""

import asyncio
import hashlib
import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

from kdlib.errors import KubeDirectorError
from kdlib.sandbox.node.images import LINKS
from kdlib.sandbox.node.keeper_link import BOOT

__all__ = ["ImageBuildError", "build_image", "image_digest"]

_SCRIPT = "sandbox.sh"
_TAIL_BYTES = 4000
_BUILD_SECONDS = 1800.0
_BUILDING = "building-"


class ImageBuildError(KubeDirectorError):
    """An image's script failed; the message ends with the tail of its output."""


async def build_image(folder: Path, cache: Path, *, python: str = "") -> Path:
    """Return the built image of an app's `image/` folder, from the cache or by running its script.

    The script runs in a copy of the folder, with LAYER (an empty folder to fill) and PYTHON (the interpreter, outside
    of any virtual environment, that containers have as well). A `config.json` beside it becomes the image's config.
    The cache is keyed by the folder's content and the interpreter.

    Guarantees: the image appears whole or not at all, also with several builders at once.
    Cancellation: the script is killed and nothing is left.
    Raises: ImageBuildError.
    """
    interpreter = python or base_interpreter()
    built = await asyncio.to_thread(_place, folder, cache, interpreter)
    if await asyncio.to_thread(built.is_dir):
        return built
    work = await asyncio.to_thread(_workshop, cache)
    try:
        await _build(folder, work, interpreter)
        await asyncio.to_thread(_put, work / "image", built)
    finally:
        await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
    return built


def base_interpreter() -> str:
    """Return the interpreter that this process's virtual environment, if any, was made from."""
    name = f"python{sysconfig.get_python_version()}"
    found = Path(sys.base_prefix) / "bin" / name
    return str(found) if found.exists() else sys.executable


def image_digest(folder: Path, interpreter: str) -> str:
    """Return a digest of all files of the folder, their modes and the interpreter."""
    total = hashlib.sha256(interpreter.encode())
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            executable = bool(path.stat().st_mode & 0o100)
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            total.update(f"\0{path.relative_to(folder)}\0{executable}\0{content}".encode())
    return total.hexdigest()


def _place(folder: Path, cache: Path, interpreter: str) -> Path:
    return cache / f"{folder.resolve().parent.name}-{image_digest(folder, interpreter)[:16]}"


def _workshop(cache: Path) -> Path:
    """Make a folder to build in, and remove those of builders that were killed."""
    cache.mkdir(parents=True, exist_ok=True)
    for path in cache.glob(f"{_BUILDING}*"):
        owner = path.name.removeprefix(_BUILDING).partition("-")[0]
        if owner.isdecimal() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(path, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_BUILDING}{os.getpid()}-", dir=cache))


def _put(image: Path, built: Path) -> None:
    try:
        image.rename(built)
    except OSError:
        # Another builder was faster; its image is as good.
        if not built.is_dir():
            raise


async def _build(folder: Path, work: Path, interpreter: str) -> None:
    source, image = work / "source", work / "image"
    await asyncio.to_thread(shutil.copytree, folder, source, symlinks=True)
    (image / "layer").mkdir(parents=True)
    if (folder / "config.json").exists():
        shutil.copy(folder / "config.json", image / "config.json")
    if not (source / _SCRIPT).exists():
        return
    await _run(source, image / "layer", interpreter)
    await asyncio.to_thread(_follow_links, image / "layer")


def _follow_links(layer: Path) -> None:
    """Move what lies in folders that are links on this machine to where the links lead."""
    for name in LINKS:
        folder, link = layer / name, Path("/", name)
        if link.is_symlink() and folder.is_dir() and not folder.is_symlink():
            target = layer / link.readlink().as_posix().lstrip("/")
            shutil.copytree(folder, target, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(folder)


async def _run(source: Path, layer: Path, interpreter: str) -> None:
    # What installers put aside goes away with the workshop, even if they are killed.
    scratch = source.with_name("tmp")
    scratch.mkdir()
    process = await asyncio.create_subprocess_exec(
        *(*BOOT, "confined", str(os.getpid())),
        *("env", f"LAYER={layer}", f"PYTHON={interpreter}", f"TMPDIR={scratch}", "sh", _SCRIPT),
        cwd=source,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_BUILD_SECONDS):
            output, _ = await process.communicate()
    finally:
        # All that the script started ends with it.
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        tail = output[-_TAIL_BYTES:].decode(errors="replace").strip()
        raise ImageBuildError(f'"{source.name}/{_SCRIPT}" ended with exit code {process.returncode}: {tail}')
