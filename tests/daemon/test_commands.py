"""What the commands say of a mistake: one line that names what is wrong and what to do, and exit code 2."""

import pytest
from typer.testing import CliRunner

from kdd.main import app

PRECIOUS = "precious: true\n"


@pytest.fixture
def told():
    def run(*arguments):
        result = CliRunner().invoke(app, [*map(str, arguments)])
        return result.exit_code, result.output

    return run


def test_a_kubeconfig_that_is_there_is_neither_replaced_nor_removed(told, tmp_path):
    (tmp_path / "config").write_text(PRECIOUS)
    code, output = told("sandbox", "--kubeconfig", tmp_path / "config")
    assert (code, "--kubeconfig" in output, "name a new file" in output) == (2, True, True)
    assert (tmp_path / "config").read_text() == PRECIOUS


def test_a_folder_that_is_no_image_is_refused(told, tmp_path):
    for text in (f"a={tmp_path}", "a=", "a", f"a={tmp_path}/none"):
        code, output = told("sandbox", "--image", text)
        assert (code, "--image" in output) == (2, True), text


@pytest.fixture
def package(tmp_path):
    script = tmp_path / "package" / "app" / "startscript"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    return tmp_path / "package"


def test_a_package_is_packed_the_same_each_time(told, package, tmp_path):
    assert told("pack", package, "-o", tmp_path / "one.tgz")[0] == 0
    assert told("pack", package, "-o", tmp_path / "two.tgz")[0] == 0
    assert (tmp_path / "one.tgz").read_bytes() == (tmp_path / "two.tgz").read_bytes()


def test_a_package_is_written_to_a_file_outside_of_it(told, package, tmp_path):
    for output in (tmp_path, tmp_path / "none" / "a.tgz", package / "a.tgz"):
        code, words = told("pack", package, "-o", output)
        assert (code, "--output" in words) == (2, True), output
    code, words = told("pack", tmp_path / "nowhere", "-o", tmp_path / "a.tgz")
    assert (code, "is no folder" in words) == (2, True)


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("#!/bin/sh\necho a\r\n", 0o755, "has Windows line ends, the first in line 2; save it with line feeds only"),
        ("#!/bin/sh\r\n", 0o755, "has Windows line ends, the first in line 1"),
        ("", 0o755, "is empty"),
        ("echo a\n", 0o755, "does not name its interpreter"),
    ],
)
def test_a_start_script_that_cannot_run_is_not_packed(told, package, tmp_path, text, mode, words):
    (package / "app" / "startscript").write_text(text, newline="")
    code, output = told("pack", package, "-o", tmp_path / "a.tgz")
    assert (code, "kdd: pack: app/startscript: " in output, words in output) == (2, True, True)
    assert not (tmp_path / "a.tgz").exists()


@pytest.mark.parametrize(
    ("first", "usual"),
    [
        ("#!/bin/sh", True),
        ("#! /usr/bin/env -S python3 -u", True),
        ("#!/usr/bin/python3.11", True),
        ("#!/usr/bin/zsh", False),
        ("#!/usr/bin/env node", False),
        ("#!/opt/tool/bin/bash", False),
    ],
)
def test_an_interpreter_that_few_images_have_is_a_warning(told, package, tmp_path, first, usual):
    (package / "app" / "startscript").write_text(f"{first}\n")
    code, output = told("pack", package, "-o", tmp_path / "a.tgz")
    assert (code, "which few images have" in output) == (0, not usual)


def test_a_start_script_that_is_not_executable_is_packed_with_a_warning(told, package, tmp_path):
    (package / "app" / "startscript").chmod(0o644)
    code, output = told("pack", package, "-o", tmp_path / "a.tgz")
    assert (code, "is not executable" in output, "run chmod +x" in output) == (0, True, True)


def test_a_log_has_a_known_form(told):
    code, output = told("run", "--log-format", "xml")
    assert (code, "console" in output) == (2, True)


# Each command that takes arguments, with its shortest good ones.
COMMANDS = {
    "retry": ["c"],
    "pause": ["c"],
    "resume": ["c"],
    "scale": ["c", "worker=2"],
    "restart": ["c"],
    "plan": ["c.yaml"],
    "explain": ["c"],
    "rotate-tokens": ["c"],
    "pack": ["folder", "-o", "a.tgz"],
    "check": ["c.yaml"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_an_argument_that_is_missing_is_one_line_that_names_it_and_where_to_read_more(told, name):
    code, output = told(name)
    assert (code, output.count("\n")) == (2, 1), output
    assert output.startswith(f"kdd: {name}: missing argument '")
    assert output.endswith(f"; see kdd {name} --help\n")


@pytest.mark.parametrize("name", [*COMMANDS, "run", "sandbox", "demo", "rotate-key", "version"])
def test_an_option_that_there_is_not_is_one_line(told, name):
    code, output = told(name, *COMMANDS.get(name, ()), "--nonsense")
    assert (code, output) == (2, f"kdd: {name}: no such option: --nonsense; see kdd {name} --help\n")


@pytest.mark.parametrize(
    ("typed", "output"),
    [
        (["scall"], "kdd: no such command 'scall'"),
        (["--nonsense"], "kdd: no such option: --nonsense; see kdd --help\n"),
        (["webhook", "rm"], "kdd: webhook: no such command 'rm'"),
        (["run", "--webhook-port", "0"], "kdd: run: invalid value for '--webhook-port': Input should be"),
        (["run", "--log-format", "xml"], "kdd: run: invalid value for '--log-format': 'xml' is not one of"),
        (["pause", "a", "b"], "kdd: pause: got unexpected extra argument(s) (b)"),
        (["scale", "c", "worker=2", "-n"], "kdd: option '-n' requires an argument"),
        (["check", "a", "--format", "pdf"], "kdd: check: invalid value for --format: 'pdf' is none of"),
    ],
)
def test_a_mistake_in_what_is_typed_is_one_line(told, typed, output):
    code, words = told(*typed)
    assert (code, words.count("\n")) == (2, 1), words
    assert words.startswith(output)
    assert "; see kdd" in words


def test_a_command_without_anything_is_answered_by_its_help(told):
    for typed in ((), ("webhook",)):
        code, output = told(*typed)
        assert (code, output.count("Usage: ")) == (2, 1)
        assert "Commands" in output


def test_a_kubeconfig_that_is_not_there_is_named(told, tmp_path):
    code, output = told("run", "--kubeconfig", tmp_path / "none")
    remedy = "name a file by --kubeconfig or KUBECONFIG"
    assert (code, output) == (2, f'kdd: kubeconfig "{tmp_path / "none"}": (the file): is not there; {remedy}\n')


def test_a_kubeconfig_without_the_context_asked_for_is_one_line_with_those_that_there_are(told, tmp_path):
    (tmp_path / "config").write_text(
        "contexts: [{name: here, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: https://h}}]\n"
    )
    code, output = told("run", "--kubeconfig", tmp_path / "config", "--context", "here", "--context", "moon")
    assert (code, output.count("\n"), "no context 'moon'; its contexts are 'here'" in output) == (2, 1, True)
