"""Setup packages: a gzipped tar archive with one folder that holds an executable `startscript` (specification 5.6).

The archive is the same for the old and the new layout: they differ in where the helper programs are installed.
Packing is reproducible: the same files give the same bytes, wherever the same zlib compresses them.

Layer: pure.
"""

import gzip
import io
import tarfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from kdlib.errors import Problem, RefusedError

__all__ = [
    "MOST_ENTRIES",
    "MOST_UNPACKED_BYTES",
    "START_SCRIPT",
    "PackageEntry",
    "SetupPackage",
    "pack",
    "read",
    "read_folder",
]

START_SCRIPT = "startscript"

MOST_ENTRIES = 50_000
"""Most entries of a package that is read."""

MOST_UNPACKED_BYTES = 1024 * 1024 * 1024
"""Most bytes that the files of a package that is read may have."""

_MOST_AT_ONCE = 16 * 1024 * 1024
"""Most bytes that one header of an archive may ask for."""

_MOST_SCRIPT_BYTES = 256 * 1024
_MOST_SCRIPTS = 64
"""Bounds of what is read of scripts: of each, and how many."""

_NO_ARCHIVE = (tarfile.TarError, EOFError, zlib.error, ValueError, ArithmeticError, LookupError, RecursionError)
"""What the decoders of gzip and tar raise for bytes that are none."""


@dataclass(frozen=True, slots=True)
class PackageEntry:
    """One entry of an archive: `kind` is file, folder, link (symbolic), hardlink or other."""

    path: str
    kind: str
    mode: int
    size: int = 0
    target: str = ""
    """Where a link points."""


@dataclass(frozen=True, slots=True)
class SetupPackage:
    """What a setup package holds, without the contents of its files but for the start script's first line."""

    entries: tuple[PackageEntry, ...]
    first_line: bytes = b""
    """First line of the start script, at most 256 bytes."""
    scripts: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    """Path and text of the files that name an interpreter in their first line, the longest of them cut."""

    @property
    def folders(self) -> tuple[str, ...]:
        """Return the names at the top of the archive, sorted."""
        return tuple(sorted({entry.path.split("/")[0] for entry in self.entries if entry.path}))

    @property
    def start_scripts(self) -> tuple[PackageEntry, ...]:
        """Return the entries that a member would run: `<folder>/startscript`."""
        return tuple(entry for entry in self.entries if entry.path.split("/")[1:] == [START_SCRIPT])


def read(source: Path | bytes) -> SetupPackage:
    """Read a setup package from a file or from its bytes, without unpacking it.

    Raises RefusedError where it is no gzipped tar archive, or unpacks to more than the bounds of this module.
    """
    subject = str(source) if isinstance(source, Path) else "(package)"
    try:
        with source.open("rb") if isinstance(source, Path) else io.BytesIO(source) as file:
            with gzip.GzipFile(fileobj=file, mode="rb") as stream, _opened(stream) as archive:
                return _listed(archive, subject)
    except (gzip.BadGzipFile, *_NO_ARCHIVE) as error:
        what = f"is no gzipped tar archive: {error}"
        problem = Problem("(the file)", what, "make it with tar czf, or kdd pack", "CK-P-01")
        raise RefusedError(subject, [problem]) from error
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}"
        raise RefusedError(
            subject, [Problem("(the file)", what, "check the path and its permissions", "CK-F-01")]
        ) from error


def read_folder(folder: Path) -> SetupPackage:
    """Read the folder of a setup package, as if it were packed as it is; the modes are those of its files.

    Raises RefusedError where it cannot be read, or has more entries than the bounds of this module.
    """
    entries, scripts = [PackageEntry(folder.name, "folder", 0o755)], _Scripts()
    try:
        for path in sorted(folder.rglob("*")):
            entry = _entry_of(path, f"{folder.name}/{path.relative_to(folder).as_posix()}")
            entries.append(entry)
            if len(entries) > MOST_ENTRIES:
                what = f"holds more than {MOST_ENTRIES} entries"
                raise RefusedError(str(folder), [Problem("(the folder)", what, "make the package smaller", "CK-P-01")])
            if entry.kind == "file" and scripts.wanted(entry.path):
                with path.open("rb") as file:
                    scripts.take(entry.path, file)
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}"
        raise RefusedError(str(folder), [Problem("(the folder)", what, "check its permissions", "CK-F-01")]) from error
    return SetupPackage(tuple(entries), scripts.first_line, tuple(scripts.found))


def _entry_of(path: Path, name: str) -> PackageEntry:
    status = path.lstat()
    if path.is_symlink():
        return PackageEntry(name, "link", 0o777, 0, str(path.readlink()))
    kind = "folder" if path.is_dir() else "file" if path.is_file() else "other"
    return PackageEntry(name, kind, status.st_mode & 0o7777, status.st_size if kind == "file" else 0)


def pack(folder: str | Path) -> bytes:
    """Pack a folder into a setup package; the same files always give the same bytes.

    `folder` either holds `startscript` itself, and lends its name to the folder in the archive, or holds exactly one
    folder that does. Entries are sorted, belong to root, carry no time, and have mode 0755 or 0644 by the owner's
    executable bit; the start script is always executable. Byte code of Python is left out.
    Raises RefusedError where there is no start script.
    """
    top = _package_folder(Path(folder))
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.GNU_FORMAT, encoding="utf-8") as archive:
        archive.addfile(_header(top.name, tarfile.DIRTYPE, 0o755))
        for name in sorted(item.relative_to(top).as_posix() for item in top.rglob("*")):
            if "__pycache__" not in name.split("/"):
                _add(archive, top / name, f"{top.name}/{name}")
    packed = io.BytesIO()
    # No file name and no time in the header, and a fixed level, so that the bytes depend on the content alone.
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, compresslevel=9, mtime=0) as stream:
        stream.write(tar.getvalue())
    return packed.getvalue()


class _Bounded(io.RawIOBase):
    """A stream of which nobody reads more at once, or farther, than the bounds of this module."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to so many bytes; raises tarfile.ReadError where that is beyond the bounds."""
        if size is None or not 0 <= size <= _MOST_AT_ONCE:
            raise tarfile.ReadError("a header asks for too much")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to a place; raises tarfile.ReadError where that is beyond the bounds."""
        if whence != io.SEEK_SET or not 0 <= offset <= 2 * MOST_UNPACKED_BYTES:
            raise tarfile.ReadError("an entry lies too far behind")
        return self._stream.seek(offset)

    def tell(self) -> int:
        """Return the place."""
        return self._stream.tell()


class _Scripts:
    """Collects the texts of scripts, and the first line of the start script."""

    def __init__(self) -> None:
        self.first_line = b""
        self.found: list[tuple[str, bytes]] = []

    def wanted(self, path: str) -> bool:
        """Tell whether a file of this path is to be taken."""
        return _is_start_script(path) or len(self.found) < _MOST_SCRIPTS

    def take(self, path: str, file: IO[bytes]) -> None:
        """Keep a file if it is a script."""
        first = file.readline(256)
        if _is_start_script(path):
            self.first_line = first
        if first.startswith(b"#!"):
            self.found.append((path, first + file.read(_MOST_SCRIPT_BYTES)))


def _is_start_script(path: str) -> bool:
    return path.split("/")[1:] == [START_SCRIPT]


def _opened(stream: gzip.GzipFile) -> tarfile.TarFile:
    return tarfile.TarFile(fileobj=_Bounded(stream), mode="r")


def _listed(archive: tarfile.TarFile, subject: str) -> SetupPackage:
    entries: list[PackageEntry] = []
    total, scripts = 0, _Scripts()
    for member in archive:
        entry = _entry(member)
        total += entry.size
        if len(entries) >= MOST_ENTRIES or not 0 <= total <= MOST_UNPACKED_BYTES:
            what = f"unpacks to more than {MOST_ENTRIES} entries or {MOST_UNPACKED_BYTES} bytes"
            raise RefusedError(subject, [Problem("(the file)", what, "make the package smaller", "CK-P-01")])
        if entry.path:
            entries.append(entry)
        if entry.kind == "file" and scripts.wanted(entry.path):
            content = archive.extractfile(member)
            if content:
                scripts.take(entry.path, content)
    return SetupPackage(tuple(entries), scripts.first_line, tuple(scripts.found))


def _entry(member: tarfile.TarInfo) -> PackageEntry:
    path = member.name
    while path.startswith("./"):
        path = path[2:]
    kinds = {tarfile.DIRTYPE: "folder", tarfile.SYMTYPE: "link", tarfile.LNKTYPE: "hardlink"}
    kind = "file" if member.isreg() else kinds.get(member.type, "other")
    return PackageEntry(path.rstrip("/") if path != "." else "", kind, member.mode, member.size, member.linkname)


def _package_folder(folder: Path) -> Path:
    if (folder / START_SCRIPT).is_file():
        return folder.resolve()
    inner = sorted(item for item in folder.iterdir() if (item / START_SCRIPT).is_file()) if folder.is_dir() else []
    if len(inner) == 1:
        return inner[0]
    what = f"has {len(inner)} folders with a {START_SCRIPT}"
    remedy = f"put a {START_SCRIPT} into it, or into exactly one folder below it"
    raise RefusedError(str(folder), [Problem("(the folder)", what, remedy)])


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    if path.is_symlink():
        header = _header(name, tarfile.SYMTYPE, 0o777)
        header.linkname = str(path.readlink())
        archive.addfile(header)
    elif path.is_dir():
        archive.addfile(_header(name, tarfile.DIRTYPE, 0o755))
    else:
        data = path.read_bytes()
        executable = path.stat().st_mode & 0o100 or (name.count("/") == 1 and path.name == START_SCRIPT)
        header = _header(name, tarfile.REGTYPE, 0o755 if executable else 0o644)
        header.size = len(data)
        archive.addfile(header, io.BytesIO(data))


def _header(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.type, header.mode = kind, mode
    header.uname = header.gname = "root"
    return header
