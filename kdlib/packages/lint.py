"""What is wrong with a setup package before any member has unpacked it.

Layer: pure.
"""

import posixpath
import re
from collections.abc import Iterator

from kdlib.errors import Problem
from kdlib.packages.archive import START_SCRIPT, PackageEntry, SetupPackage

__all__ = ["package_problems"]

_USUAL = re.compile(r"sh|bash|dash|perl|python(3(\.\d+)?|2(\.\d+)?)?")
_INSIDE = "link inside the package"


def package_problems(package: SetupPackage) -> Iterator[Problem]:
    """Yield everything wrong with a package; paths are those inside the archive.

    Rules `CK-P-02` to `CK-P-06`, and `CK-P-10`, which is a warning.

    A member runs `/opt/guestconfig/*/startscript`, so there must be exactly one folder with one (specification 5.3).
    """
    yield from _one_folder(package)
    yield from _start_script(package)
    for entry in package.entries:
        yield from _safe(entry)


def _one_folder(package: SetupPackage) -> Iterator[Problem]:
    folders = package.folders
    inside = any("/" in entry.path for entry in package.entries)
    if len(folders) != 1 or not inside:
        listed = ", ".join(repr(name) for name in folders[:5]) or "nothing"
        what = f"must hold exactly one folder, and holds {listed}"
        yield Problem("(the archive)", what, "put everything into one folder", "CK-P-02")


def _start_script(package: SetupPackage) -> Iterator[Problem]:
    scripts = package.start_scripts
    if not scripts:
        what, remedy = f"has no {START_SCRIPT!r} in its folder", f"add <folder>/{START_SCRIPT}"
        yield Problem("(the archive)", what, remedy, "CK-P-03")
    for script in scripts:
        if script.kind == "file":
            yield from _script_file(script, package.first_line)
            yield from _script_lines(script, dict(package.scripts).get(script.path, b""))
        elif script.kind not in {"link", "hardlink"}:
            yield Problem(script.path, "is no file", "make it an executable file", "CK-P-03")


def _script_file(script: PackageEntry, first_line: bytes) -> Iterator[Problem]:
    if not script.mode & 0o100:
        yield Problem(script.path, "is not executable", f"run chmod +x {START_SCRIPT} before packing", "CK-P-04")
    if not script.size:
        yield Problem(script.path, "is empty", "write the script", "CK-P-03")
    elif not first_line.startswith((b"#!", b"\x7fELF")):
        remedy = "begin it with #! and an interpreter"
        yield Problem(script.path, "does not name its interpreter", remedy, "CK-P-05")


def _script_lines(script: PackageEntry, text: bytes) -> Iterator[Problem]:
    """Yield what keeps a script from running: a carriage return is part of a word for every shell."""
    lines = text.split(b"\n")
    windows = next((number for number, line in enumerate(lines, start=1) if line.endswith(b"\r")), 0)
    if windows:
        what = f"has Windows line ends, the first in line {windows}"
        yield Problem(script.path, what, "save it with line feeds only", "CK-P-05")
    words = lines[0].removeprefix(b"#!").decode("utf-8", "replace").split()
    if words and not _is_usual(words):
        what = f"names the interpreter {' '.join(words)!r}, which few images have"
        yield Problem(script.path, what, "make sure that the app's image has it, or use /bin/sh", "CK-P-10")


def _is_usual(words: list[str]) -> bool:
    """Tell whether the usual images have the interpreter: a shell, Python or Perl, by its path or by env."""
    if words[0] in ("/usr/bin/env", "/bin/env"):
        named = next((word for word in words[1:] if not word.startswith("-") and "=" not in word), "")
        return _USUAL.fullmatch(named) is not None
    folder, _, name = words[0].rpartition("/")
    return folder in ("/bin", "/usr/bin") and _USUAL.fullmatch(name) is not None


def _safe(entry: PackageEntry) -> Iterator[Problem]:
    """Yield what would write outside the folder that the package is unpacked into, or make no file."""
    if _leaves(entry.path):
        yield Problem(entry.path, "leads out of the package", "use relative paths without ..", "CK-P-06")
    if entry.kind == "link":
        target = posixpath.join(posixpath.dirname(entry.path), entry.target)
        if not entry.target.startswith("/") and _leaves(posixpath.normpath(target)):
            yield Problem(entry.path, f"links to {entry.target!r}, outside the package", _INSIDE, "CK-P-06")
    if entry.kind == "hardlink" and _leaves(entry.target):
        yield Problem(entry.path, f"links to {entry.target!r}, outside the package", _INSIDE, "CK-P-06")
    if entry.kind == "other":
        yield Problem(entry.path, "is neither file, folder nor link", "remove it", "CK-P-06")


def _leaves(path: str) -> bool:
    return path.startswith("/") or ".." in path.split("/")
