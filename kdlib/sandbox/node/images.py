"""Images without a registry: a name stands for a folder with an OCI-style config and a layer over the base.

The folder holds `config.json` (`{"config": {"Entrypoint": [...], "Cmd": [...], "Env": ["A=b"], "WorkingDir": "/x",
"User": "1000", "StopSignal": "SIGINT"}}`, all optional) and `layer/`, whose content lies over the machine's own folders
in each container. On a machine where /bin, /sbin and /lib are links into /usr, a layer's programs belong below `usr/`.
Source: https://github.com/opencontainers/image-spec/blob/main/config.md.

Layer: shell.
"""

import json
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kdlib.errors import KubeDirectorError
from kdlib.frozen import Json, digest

__all__ = ["LINKS", "Image", "ImageError", "Images", "full_image_name"]

LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
"""Top-level folders that many machines have as links into /usr."""


class ImageError(KubeDirectorError):
    """A folder is no image; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class Image:
    """What a container starts from: layers, the lowest first, and the defaults of its config."""

    name: str
    layers: tuple[Path, ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    working_folder: str = "/"
    user: str = ""
    stop_signal: int = signal.SIGTERM

    @property
    def id(self) -> str:
        """Return the image's digest."""
        parts = [self.name, *map(str, self.layers), *self.entrypoint, "", *self.command, dict(self.environment)]
        return f"sandbox://sha256:{digest([*parts, self.working_folder, self.user])}"


class Images:
    """Which images the node knows.

    With `any_image`, an unknown name is the machine's own folders without a command; a container without a command
    runs an init that reaps.
    """

    def __init__(self, *, any_image: bool = False) -> None:
        self._any_image = any_image
        self._images: dict[str, Image] = {}

    def add(self, name: str, path: Path) -> None:
        """Know the folder at `path` by this name; it is read now.

        Raises: ImageError.
        """
        self._images[full_image_name(name)] = _read(name, path)

    def find(self, name: str) -> Image | None:
        """Return the image of this name, None where it is not known."""
        found = self._images.get(full_image_name(name))
        if found is None and self._any_image:
            return Image(name)
        return found

    @property
    def names(self) -> list[str]:
        """Return the full names of the images that were added, sorted."""
        return sorted(self._images)


def full_image_name(name: str) -> str:
    """Return the name with its registry and tag, as a runtime completes it: `docker.io/library/x:latest` for `x`."""
    first, slash, rest = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif "." not in first and ":" not in first and first != "localhost":
        name = f"docker.io/{first}/{rest}"
    if "@" not in name and ":" not in name.rpartition("/")[2]:
        name = f"{name}:latest"
    return name


def _read(name: str, path: Path) -> Image:
    config = _config(path)
    layer = path / "layer"
    _check_links(layer)
    environment = (entry.partition("=") for entry in config.get("Env") or ())
    return Image(
        name,
        layers=(layer.resolve(),) if layer.is_dir() else (),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        command=tuple(config.get("Cmd") or ()),
        environment={key: value for key, _, value in environment},
        working_folder=config.get("WorkingDir") or "/",
        user=config.get("User") or "",
        stop_signal=_signal_number(str(config.get("StopSignal") or "SIGTERM"), path),
    )


def _signal_number(text: str, path: Path) -> int:
    """Read a signal's number or name, such as `SIGINT`, `INT`, `2` or `SIGRTMIN+3`."""
    if text.isdecimal():
        return int(text)
    name, _, offset = text.upper().removeprefix("SIG").partition("+")
    try:
        return signal.Signals[f"SIG{name}"] + int(offset or 0)
    except (KeyError, ValueError) as error:
        raise ImageError(f'"{path}/config.json" has no valid StopSignal: "{text}"') from error


def _check_links(layer: Path) -> None:
    """Refuse a folder that would hide a link of the machine, and with it the programs of the base."""
    for name in LINKS:
        if Path("/", name).is_symlink() and (layer / name).is_dir() and not (layer / name).is_symlink():
            raise ImageError(
                f'"{layer}/{name}" would hide the machine\'s own programs; move its content to "usr/{name}"'
            )


def _config(path: Path) -> Json:
    if not path.is_dir():
        raise ImageError(f'image folder "{path}" is not there')
    file = path / "config.json"
    if not file.exists():
        return {}
    try:
        decoded = json.loads(file.read_text())
    except ValueError as error:
        raise ImageError(f'"{file}" is no JSON: {error}') from error
    config = decoded.get("config", {}) if isinstance(decoded, dict) else None
    if not isinstance(config, dict):
        raise ImageError(f'"{file}" has no object "config"')
    return config
