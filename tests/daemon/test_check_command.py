"""`kdd check`: what it prints and its exit codes; the commands and files of the how-to work as they stand there."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from kdd.main import app

ROOT = Path(__file__).parents[2]
HOWTO = (ROOT / "docs" / "howto" / "check-manifests.md").read_text()
CLUSTER = """\
apiVersion: kubedirector.hpe.com/v1beta1
kind: KubeDirectorCluster
metadata: {name: c}
spec:
  app: demo
  roles: [{id: one, resources: {limits: {cpu: "1", memory: 1Gi}}, member: 1}]
"""


@pytest.fixture
def told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments, given=None):
        result = CliRunner().invoke(app, ["check", *map(str, arguments)], input=given)
        return result.exit_code, result.output

    return run


def test_warnings_fail_where_they_are_asked_to(told, tmp_path):
    (tmp_path / "c.yaml").write_text(CLUSTER)
    code, output = told("c.yaml")
    assert (code, "c.yaml:6: warning: KubeDirectorCluster c spec.roles[0].member" in output) == (0, True)
    assert told("--strict", "c.yaml")[0] == 1


def test_errors_fail(told, tmp_path):
    (tmp_path / "c.yaml").write_text(CLUSTER.replace("1Gi", "much"))
    assert told("c.yaml")[0] == 1
    assert told("nowhere.yaml")[0] == 1


def test_a_wrong_use_is_told_apart(told):
    assert told()[0] == 2
    code, output = told("--format", "xml", ".")
    assert (code, "none of text, json, sarif, github" in output) == (2, True)


def test_manifests_come_from_standard_input_too(told):
    code, output = told("-", "--format", "json", given=CLUSTER.replace("1Gi", "much"))
    assert code == 1
    assert {item["file"] for item in json.loads(output)["findings"]} == {"(stdin)"}


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
def test_each_form_is_written_alone(told, tmp_path, form):
    (tmp_path / "c.yaml").write_text(CLUSTER)
    code, output = told(".", "--format", form)
    assert (code, output.endswith("\n")) == (0, True)
    if form in {"json", "sarif"}:
        json.loads(output)


def test_a_terminal_without_unicode_gets_escapes(tmp_path):
    (tmp_path / "c.yaml").write_text(CLUSTER.replace("{name: c}", "{name: é}"))
    done = subprocess.run(
        [sys.executable, "-m", "kdd", "check", "c.yaml"],
        cwd=tmp_path,
        env={"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, b"\\xe9" in done.stdout, done.stderr) == (1, True, b"")


def commands():
    blocks = re.findall(r"^```bash\n(.*?)^```", HOWTO, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line.startswith(("kdd ", "cat "))]


@pytest.mark.parametrize("command", commands())
def test_the_commands_of_the_how_to_work(command, tmp_path):
    """Each runs in a folder that has what the page speaks of, by a shell, with `kdd` for this interpreter's."""
    shutil.copytree(ROOT / "catalog", tmp_path / "catalog")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    program = tmp_path / "bin" / "kdd"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m kdd "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=tmp_path,
        env={"PATH": f"{program.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_how_to_has_commands():
    assert len(commands()) >= 5


def test_the_files_of_the_how_to_are_yaml():
    blocks = re.findall(r"^```yaml\n(.*?)^```", HOWTO, re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 2
    assert all(isinstance(yaml.safe_load(block), (dict, list)) for block in blocks)


def test_the_pre_commit_hook_runs_a_command_that_exists():
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["id"] in HOWTO
    assert hook["entry"].split() == ["kdd", "check"]
    assert re.search(hook["files"], "catalog/dask/package/dask/startscript")
    assert re.search(hook["files"], "app.yaml")
    assert not re.search(hook["files"], "README.md")
