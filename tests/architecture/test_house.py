"""The house holds together: layers, a pure half without waiting, limits, names, and documented public names."""

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PURE_ROOMS = ("wire", "graph", "model", "packages", "rules", "lifecycle", "manifests", "report", "offline")
PURE_FILES = ("errors.py", "names.py", "frozen.py")
PACKAGES = ("kdlib", "kdd")
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "misc", "base"}
FILE_LINES, FUNCTION_LINES = 400, 60
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def sources() -> list[Path]:
    """Return every source file of the product but the guest payload, which runs inside members."""
    found = itertools.chain.from_iterable(sorted((ROOT / package).rglob("*.py")) for package in PACKAGES)
    return [path for path in found if "payload" not in path.parts and "_data" not in path.parts]


def pure_sources() -> list[Path]:
    """Return the files of the half that decides."""
    rooms = [path for room in PURE_ROOMS for path in sorted((ROOT / "kdlib" / room).rglob("*.py"))]
    return [*rooms, *(ROOT / "kdlib" / name for name in PURE_FILES)]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_pure_half_never_waits() -> None:
    """No coroutine in a pure room, but for the Transport Protocol, which only describes one."""
    found = [
        f"{named(path)}:{node.lineno}"
        for path in pure_sources()
        if path.name != "transport.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith))
    ]
    assert found == []


def waits(path: Path) -> bool:
    waiting = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    return any(isinstance(node, waiting) for node in ast.walk(ast.parse(path.read_text())))


def test_the_pure_half_reads_no_clock_no_dice_no_environment_and_keeps_no_log() -> None:
    forbidden = {"asyncio", "anyio", "logging", "random", "secrets", "socket", "subprocess", "time", "os", "structlog"}
    found = [
        f"{named(path)}: imports {module}"
        for path in pure_sources()
        for module in imported(path)
        if module.split(".")[0] in forbidden
    ]
    assert found == []


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_nobody_reaches_into_another_package() -> None:
    """Other rooms, and the daemon, import packages; never modules inside them."""
    found = []
    for path in sources():
        parts = path.relative_to(ROOT).parts
        own = parts[:2] if parts[0] == "kdlib" and len(parts) > 2 else parts[:1]
        for module in imported(path):
            steps = tuple(module.split("."))
            if steps[0] == "kdlib" and len(steps) > 2 and steps[:2] != own and (ROOT / "kdlib" / steps[1]).is_dir():
                found.append(f"{named(path)}: imports {module}")
    assert found == []


def test_the_environment_is_read_in_one_place() -> None:
    allowed = {"kdd/settings.py", "kdlib/testing/plugin.py", "kdlib/testing/control_plane.py"}
    found = [
        f"{named(path)}:{node.lineno}"
        for path in sources()
        if named(path) not in allowed
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    ]
    assert found == []


def test_imports_are_absolute_and_unconditional() -> None:
    found = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.level or any(alias.name == "*" for alias in node.names)):
                found.append(f"{named(path)}:{node.lineno}")
            if isinstance(node, ast.Name) and node.id == "TYPE_CHECKING":
                found.append(f"{named(path)}:{node.lineno}")
    assert found == []


def test_files_and_functions_keep_their_limits() -> None:
    long_files, long_functions = [], []
    for path in sources():
        text = path.read_text()
        if len(text.splitlines()) > FILE_LINES:
            long_files.append(f"{named(path)}: {len(text.splitlines())}")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, FUNCTIONS):
                doc = ast.get_docstring(node, clean=False)
                lines = (node.end_lineno or 0) - node.lineno + 1 - (doc.count("\n") + 1 if doc else 0)
                if lines > FUNCTION_LINES:
                    long_functions.append(f"{named(path)}:{node.name}: {lines}")
    assert (long_files, long_functions) == ([], [])


def test_at_most_one_function_in_a_hundred_is_complex() -> None:
    scores = {
        f"{named(path)}:{node.name}": complexity(node)
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, FUNCTIONS)
    }
    beyond = sorted(name for name, score in scores.items() if score > 10)
    assert len(beyond) <= len(scores) / 100, beyond


def complexity(function: ast.AST) -> int:
    """Count the ways through a function: each branch, each case, each `and` and `or`; functions inside it apart."""
    branches = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.IfExp, ast.comprehension)
    score, todo = 1, list(ast.iter_child_nodes(function))
    while todo:
        node = todo.pop()
        if isinstance(node, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
            continue
        score += isinstance(node, (*branches, ast.Assert, ast.match_case))
        score += len(node.values) - 1 if isinstance(node, ast.BoolOp) else 0
        todo.extend(ast.iter_child_nodes(node))
    return score


def test_files_are_named_after_what_is_in_them() -> None:
    assert [named(path) for path in sources() if path.stem in FORBIDDEN_NAMES] == []


def test_each_module_says_what_it_is_and_on_which_side_it_stands() -> None:
    found = []
    for path in sources():
        doc = ast.get_docstring(ast.parse(path.read_text())) or ""
        last = doc.splitlines()[-1] if doc else ""
        # A file of a shell room may be pure, and says so; then it is held to it.
        sides = {"Layer: pure."} if path in pure_sources() else {"Layer: pure.", "Layer: shell."}
        if path.parent.name in PACKAGES and path.name == "__init__.py":
            continue
        if last not in sides:
            found.append(f"{named(path)}: ends with {last!r}")
        if last == "Layer: pure." and path.name != "transport.py" and waits(path):
            found.append(f"{named(path)}: calls itself pure and waits")
    assert found == []


def test_public_names_are_documented() -> None:
    found = [
        f"{named(path)}:{node.name}"
        for path in sources()
        for node in public_nodes(ast.parse(path.read_text()))
        if not ast.get_docstring(node)
    ]
    assert found == []


def public_nodes(tree: ast.AST) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield classes, functions and methods with a public name, but nothing nested in a function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_"):
            yield node
        if isinstance(node, ast.ClassDef):
            yield from public_nodes(node)


@pytest.mark.parametrize("room", sorted(path.parent.name for path in (ROOT / "kdlib").glob("*/__init__.py")))
def test_a_room_lists_its_public_names_sorted(room: str) -> None:
    tree = ast.parse((ROOT / "kdlib" / room / "__init__.py").read_text())
    lists = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    assert len(lists) == 1, f"kdlib.{room} has no __all__"
    assert list(lists[0]) == sorted(lists[0], key=ruff_order)


def ruff_order(name: str) -> tuple[int, str]:
    """Sort as the formatter does: constants, then classes, then functions."""
    kind = 0 if name.isupper() else 1 if name[0].isupper() else 2
    return kind, name
