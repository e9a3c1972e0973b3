"""What `import kdlib` offers is there, is typed, and costs nothing until it is used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import kdlib

STUB = Path(kdlib.__file__).with_suffix(".pyi")


@pytest.mark.parametrize("name", kdlib.__all__)
def test_each_public_name_is_there(name):
    assert getattr(kdlib, name)


def test_nothing_else_is_there():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        kdlib.nothing  # noqa: B018 - the access is the test


def test_the_types_are_those_of_the_names():
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    imported = {
        (node.module, alias.name) for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    listed = next(ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign))
    assert listed == kdlib.__all__ == sorted(kdlib.__all__, key=lambda name: (name.islower(), name))
    assert {name for _, name in imported} | {"__version__"} == set(listed)
    for module, name in imported:
        assert getattr(kdlib, name) is getattr(sys.modules[module], name)


def test_importing_the_library_imports_no_room():
    code = "import kdlib, sys; print([name for name in sys.modules if name.startswith('kdlib.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=STUB.parents[1])
    assert done.stdout.strip() == "[]"
