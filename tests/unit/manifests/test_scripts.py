"""The shell programs of a member, run by every shell that is here (KO-14, W-33, W-40)."""

import shutil
import subprocess
from pathlib import Path

import pytest

from kdlib.manifests.scripts import init_script, post_start_script

SHELLS = [shell for shell in ("bash", "busybox", "dash") if shutil.which(shell)] or ["sh"]


def runner(name):
    """Return a function that runs a program by this shell; `programs` are first in its PATH."""

    def run(program, programs=None, path="/usr/bin:/bin"):
        argv = [shutil.which(name), *(["sh"] if name == "busybox" else []), "-c", program]
        search = f"{programs}:{path}" if programs else path
        return subprocess.run(argv, env={"PATH": search}, capture_output=True, text=True, timeout=30, check=False)

    return run


@pytest.fixture(params=SHELLS)
def shell(request):
    """Return a runner of each shell."""
    return runner(request.param)


@pytest.fixture(params=[shell for shell in SHELLS if shell != "busybox"])
def plain_shell(request):
    """Return a runner of each shell that takes all programs from PATH; busybox has its own."""
    return runner(request.param)


@pytest.fixture
def places(tmp_path):
    """Return the folders of an image and of a volume."""
    image, volume = tmp_path / "image", tmp_path / "volume"
    (image / "etc" / "deep").mkdir(parents=True)
    (image / "etc" / "deep" / "file").write_text("content")
    (image / "etc" / "run me").write_text("#!/bin/sh\n")
    (image / "etc" / "run me").chmod(0o750)
    (image / "etc" / "link").symlink_to("deep/file")
    volume.mkdir()
    return image, volume


def program(directory: Path, name: str, body: str) -> Path:
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return directory


def filled(volume: Path, image: Path) -> bool:
    copy = volume / str(image).lstrip("/") / "etc"
    return (
        (copy / "deep" / "file").read_text() == "content"
        and (copy / "run me").stat().st_mode & 0o777 == 0o750
        and (copy / "link").is_symlink()
    )


def marked(volume: Path) -> bool:
    return (volume / "etc" / "kubedirector.init").exists()


def no_rsync(tmp_path: Path) -> Path:
    return program(tmp_path / "bin", "rsync", "exit 127")


def test_directories_are_copied_with_their_paths_and_marked(shell, places, tmp_path) -> None:
    image, volume = places
    done = shell(init_script([f"{image}/etc"], str(volume)), no_rsync(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert filled(volume, image)
    assert marked(volume)
    assert not (volume / ".kubedirector-init").exists()


def test_a_marked_volume_is_left_as_it_is(shell, places, tmp_path) -> None:
    image, volume = places
    (volume / "etc").mkdir()
    (volume / "etc" / "kubedirector.init").touch()
    assert shell(init_script([f"{image}/etc"], str(volume)), no_rsync(tmp_path)).returncode == 0
    assert [path.name for path in volume.rglob("*")] == ["etc", "kubedirector.init"]


def test_a_directory_that_the_image_has_not_is_made(shell, places, tmp_path) -> None:
    image, volume = places
    wanted = [f"{image}/etc", f"{image}/srv/no such"]
    assert shell(init_script(wanted, str(volume)), no_rsync(tmp_path)).returncode == 0
    assert (volume / str(image).lstrip("/") / "srv" / "no such").is_dir()
    assert filled(volume, image)


def test_an_image_with_none_of_the_directories_is_no_failure(shell, places, tmp_path) -> None:
    image, volume = places
    assert shell(init_script([f"{image}/none"], str(volume)), no_rsync(tmp_path)).returncode == 0
    assert marked(volume)


def test_w40_a_copy_that_fails_leaves_no_mark_and_is_repeated(plain_shell, places, tmp_path) -> None:
    image, volume = places
    programs = program(
        no_rsync(tmp_path), "cp", 'for last; do :; done; [ "${last%/.kubedirector-init/b}" != "$last" ] || exit 1'
    )

    failed = plain_shell(init_script([f"{image}/etc"], str(volume)), programs)

    assert failed.returncode == 1
    assert "cp to the volume failed with status 1" in failed.stderr
    assert not marked(volume)
    (programs / "cp").unlink()
    assert plain_shell(init_script([f"{image}/etc"], str(volume)), programs).returncode == 0
    assert filled(volume, image)


def test_a_copy_without_the_options_of_gnu_is_managed(plain_shell, places, tmp_path) -> None:
    image, volume = places
    plain = 'case "$*" in *--parents*) exit 1;; esac; exec /bin/cp "$@"'
    done = plain_shell(init_script([f"{image}/etc"], str(volume)), program(no_rsync(tmp_path), "cp", plain))
    assert done.returncode == 0
    assert filled(volume, image)


def test_rsync_is_taken_where_it_has_all_options(shell, places, tmp_path) -> None:
    image, volume = places
    log = tmp_path / "calls"
    body = f'echo "$*" >>{log}; case "$*" in *--version*) ;; *) echo 50%;; esac'
    done = shell(init_script([f"{image}/etc"], str(volume)), program(tmp_path / "bin", "rsync", body))

    assert done.returncode == 0
    options = "--info=progress2 --relative -ax --no-inc-recursive"
    assert log.read_text().splitlines() == [
        f"--log-file=/dev/null {options} --version",
        f"--log-file={volume}/etc/kubedirector-init.log {options} {image}/etc {volume}",
    ]
    assert (volume / "etc" / "kubedirector-init-progress-bar.log").read_text() == "50%\n"
    assert marked(volume)


def test_an_rsync_that_fails_leaves_no_mark(shell, places, tmp_path) -> None:
    image, volume = places
    body = 'case "$*" in *--version*) ;; *) exit 23;; esac'
    done = shell(init_script([f"{image}/etc"], str(volume)), program(tmp_path / "bin", "rsync", body))
    assert done.returncode == 1
    assert "rsync to the volume failed with status 23" in done.stderr
    assert not marked(volume)


def test_names_of_directories_are_never_run(shell, places, tmp_path) -> None:
    image, volume = places
    strange = image / "a;touch hurt '$HOME' `id`"
    strange.mkdir()
    text = init_script([str(strange)], str(volume)).replace("$$", "$")
    assert shell(text, no_rsync(tmp_path)).returncode == 0
    assert (volume / str(strange).lstrip("/")).is_dir()


RESOLV = """nameserver 10.0.0.10
search team.svc.cluster.local svc.cluster.local cluster.local kdhs-x.team.svc.cluster.local
options ndots:5
"""


def hook(run_shell, folder):
    """Return a function that runs the postStart program over a resolv.conf, and gives back its new text."""
    resolv, run = folder / "resolv.conf", folder / "run"
    run.mkdir(mode=0o777)

    def start(text, programs=None, path="/usr/bin:/bin"):
        if text is not None:
            resolv.write_text(text)
        program_text = post_start_script("kdhs-x").replace("/etc/resolv.conf", str(resolv))
        program_text = program_text.replace("/tmp/kd-postcluster.log", str(folder / "log")).replace("/run", str(run))
        done = run_shell(program_text, programs, path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        return resolv.read_text() if resolv.exists() else None

    return start


@pytest.fixture
def started(shell, tmp_path):
    return hook(shell, tmp_path)


def test_the_clusters_domain_goes_first_and_only_once(started, tmp_path) -> None:
    expected = RESOLV.replace(
        "search team.svc.cluster.local svc.cluster.local cluster.local kdhs-x.team.svc.cluster.local",
        "search kdhs-x.team.svc.cluster.local team.svc.cluster.local svc.cluster.local cluster.local",
    )
    assert started(RESOLV) == expected
    assert started(None) == expected
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o755
    assert "search" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("search a.b", "search kdhs-x.a.b a.b\n"),
        ("search kdhs-x.a.b a.b\n", "search kdhs-x.a.b a.b\n"),
        ("nameserver 1.1.1.1\n", "nameserver 1.1.1.1\n"),
        ("search\n", "search\n"),
        ("# search x\n\nsearch * a.b\n", "# search x\n\nsearch kdhs-x.* * a.b\n"),
    ],
)
def test_other_files_are_changed_as_little_as_can_be(started, before, after) -> None:
    assert started(before) == after


def test_an_empty_file_is_waited_for_but_not_for_ever(plain_shell, tmp_path) -> None:
    turns = tmp_path / "turns"
    assert hook(plain_shell, tmp_path)("", program(tmp_path / "bin", "sleep", f"echo x >>{turns}")) == ""
    assert len(turns.read_text().splitlines()) == 60


def test_w33_the_hook_needs_no_program_but_the_shell(started, tmp_path) -> None:
    assert started("search a.b\n", path=str(tmp_path / "nothing")) == "search kdhs-x.a.b a.b\n"
