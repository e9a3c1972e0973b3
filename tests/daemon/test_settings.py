"""Settings have one precedence: flag, environment, file, default; what cannot be read is one line and exit code 2."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kdd import flags, main
from kdd.reference import settings_page
from kdd.settings import read_settings
from kdd.version import version

TOP = Path(__file__).parents[2]


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Return how to type `kdd run` with an environment; gives exit code, output, and the settings it would run with."""
    for name in [name for name in os.environ if name.startswith("KDD_")]:
        monkeypatch.delenv(name)

    def typed(*arguments, **environ):
        found = [None]

        async def command(settings):
            found.append(settings)

        monkeypatch.setattr("kdd.run.run", command)
        monkeypatch.setattr(flags, "read_settings", lambda: read_settings({"HOME": str(tmp_path), **environ}))
        result = CliRunner(env=environ).invoke(main.app, ["run", *map(str, arguments)])
        return result.exit_code, result.output, found[-1]

    return typed


@pytest.fixture
def file(tmp_path):
    def written(text):
        path = tmp_path / "kdd.yaml"
        path.write_text(text if isinstance(text, str) else json.dumps(text))
        return path

    return written


def test_a_flag_goes_before_the_environment_that_before_the_file_and_that_before_the_default(run, file):
    path = file({"workers": 3, "log-format": "json", "system-namespace": "of-file"})
    environ = {"KDD_WORKERS": "4", "KDD_LOG_FORMAT": "console", "MY_NAMESPACE": "of-pod"}
    assert run()[2].workers == 20
    assert run("--config", path)[2].workers == 3
    assert run("--config", path, **environ)[2].workers == 4
    found = run("--config", path, "--workers", 5, **environ)[2]
    assert (found.workers, found.log_format, found.system_namespace) == (5, "console", "of-file")
    assert run(**environ)[2].system_namespace == "of-pod"


def test_a_daemon_for_one_namespace_has_everything_there_and_no_webhook_unless_it_is_asked_for(run):
    pod = {"MY_NAMESPACE": "of-pod", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    assert run(**pod)[2].webhook is not None
    found = run(KDD_NAMESPACE="team", **pod)[2]
    assert (found.namespace, found.system_namespace, found.webhook) == ("team", "team", None)
    assert run("--webhook", KDD_NAMESPACE="team", **pod)[2].webhook is not None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--namespace", "Team_1"], "run: --namespace: 'Team_1' is no name of a namespace; give one of lowercase"),
        (
            ["--namespace", "team", "--system-namespace", "ops"],
            "run: --system-namespace: 'ops' is not the namespace that is looked after alone, 'team'; leave it out",
        ),
    ],
)
def test_a_namespace_that_cannot_be_looked_after_alone_is_one_line(arguments, words):
    result = CliRunner().invoke(main.app, ["run", *arguments])
    assert (result.exit_code, result.output.count("\n")) == (2, 1), result.output
    assert result.output.startswith(f"kdd: {words}")


def test_the_environment_may_name_the_file(run, file):
    assert run(KDD_CONFIG=str(file("log-level: warning\n")))[2].log_level == "WARNING"


def test_lists_and_truths_are_read_from_everywhere(run, file):
    path = file("context: [east, west]\nwebhook: true\ncheck-access: false\nwebhook-url: https://192.0.2.7:8443\n")
    found = run("--config", path)[2]
    assert (found.contexts, found.webhook.check_access) == (("east", "west"), False)
    assert run("--config", path, KDD_WEBHOOK="false")[2].webhook is None
    assert run(KDD_CONTEXT="north south")[2].contexts == ("north", "south")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("workerz: 3\n", "workerz: is no setting; is 'workers' meant?"),
        ("config: other.yaml\n", "config: is no setting; "),
        ("workers: many\n", "workers: 'many': input should be a valid integer"),
        ("workers: [3]\n", "workers: [3] is no single value"),
        ("workers:\n", "workers: None is no single value"),
        ("context: east\n", "context: 'east' is no list"),
        ("log-format: xml\n", "log-format: 'xml': 'xml' is not one of"),
        ("webhook-port: 70000\n", "webhook-port: 70000: input should be less than or equal to 65535"),
        ("- workers\n", "(the file): is no mapping"),
        ("workers: {\n", "(the file): is not YAML"),
    ],
)
def test_what_a_file_says_wrong_is_one_line_that_names_file_and_key(run, file, text, words):
    path = file(text)
    code, output, found = run("--config", path)
    assert (code, found, output.count("\n")) == (2, None, 1), output
    assert output.startswith(f'kdd: config "{path}": {words}')


def test_everything_wrong_with_a_file_is_told_at_once(run, file):
    output = run("--config", file({"workerz": 1, "log-level": "loud"}))[1]
    assert ["workerz: " in line or "log-level: " in line for line in output.splitlines()] == [True, True]


def test_a_file_that_is_not_there_is_named(run, tmp_path):
    code, output, _ = run("--config", tmp_path / "none.yaml")
    assert (code, "cannot be read: No such file" in output) == (2, True)


def test_an_empty_file_says_nothing(run, file):
    assert run("--config", file(""))[2].workers == 20


def test_the_reference_page_is_what_the_generator_writes():
    path = TOP / "docs" / "reference" / "settings.md"
    assert path.read_text(encoding="utf-8") == settings_page(), "settings.md is outdated: run `make schemas`"


def test_the_version_tells_what_is_supported_as_the_readme_does():
    lines = version().splitlines()
    assert [line.split()[0] for line in lines] == ["kubedirector", "Python", "Kubernetes"]
    assert f"Supported are {lines[2]}" in " ".join((TOP / "README.md").read_text(encoding="utf-8").split())


SERVING = """
import asyncio, sys
from kdd import run
from kdd.settings import Settings

async def operate(settings):
    print("serves", flush=True)
    try:
        await asyncio.sleep(3600)
    finally:
        {end}

run.operate = operate
asyncio.run(run.run(Settings(cache=".", grace_seconds={grace})))
print("ended", flush=True)
"""
STUCK = "await asyncio.get_running_loop().create_future()"


async def stopped(end, grace, *signals):
    """Start a daemon whose work ends as told, send signals; return exit code, stdout and log."""
    code = SERVING.format(end=end, grace=grace)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=pipe, stderr=pipe, cwd=TOP)
    try:
        async with asyncio.timeout(60):
            assert await process.stdout.readline() == b"serves\n"
            process.send_signal(signals[0])
            # Its line shows that the first one was taken.
            while b"stops; " not in await process.stderr.readline():
                pass
            for number in signals[1:]:
                process.send_signal(number)
            output, log = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, output, log


async def test_a_signal_lets_what_is_under_way_come_to_its_end():
    code, output, log = await stopped("await asyncio.sleep(0.1)", 30, signal.SIGTERM)
    assert (code, output) == (0, b"ended\n"), log


async def test_what_does_not_end_in_its_time_is_cut_and_told():
    code, output, log = await stopped(STUCK, 0.2, signal.SIGTERM)
    assert (code, output) == (-signal.SIGTERM, b"")
    assert b"did not end within 0.2 s" in log


async def test_a_second_signal_ends_the_process_at_once():
    code, output, log = await stopped(STUCK, 3600, signal.SIGINT, signal.SIGTERM)
    assert (code, output) == (-signal.SIGTERM, b"")
    assert b"did not end within" not in log
