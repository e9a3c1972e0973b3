"""An app's image for the sandbox: its `image/` folder with its packed setup package, built once.

Layer: shell.
"""

import hashlib
import os
import shutil
from pathlib import Path

from kdlib import packages
from kdlib.sandbox import build_image

__all__ = ["app_image"]


async def app_image(app: Path, cache: Path) -> Path:
    """Return the built image of an app of the catalogue, from the cache where it was built before."""
    return await build_image(_context(app, cache / "contexts"), cache / "images")


def _context(app: Path, cache: Path) -> Path:
    """Return a folder with the app's image recipe and its packed setup package, made once for each content."""
    package = packages.pack(app / "package")
    total = hashlib.sha256(package)
    files = sorted(path for path in (app / "image").rglob("*") if path.is_file())
    for path in files:
        total.update(f"\0{path.relative_to(app)}\0".encode() + path.read_bytes())
    made = cache / total.hexdigest()[:16] / app.name
    if made.is_dir():
        return made / "image"
    part = cache / f"part-{os.getpid()}" / app.name
    shutil.rmtree(part.parent, ignore_errors=True)
    shutil.copytree(app / "image", part / "image")
    (part / "image" / "setup.tgz").write_bytes(package)
    try:
        part.parent.rename(made.parent)
    except OSError:
        # Another process was faster; its folder has the same content.
        if not made.is_dir():
            raise
        shutil.rmtree(part.parent)
    return made / "image"
