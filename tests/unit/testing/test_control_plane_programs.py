"""Where the programs of a real control plane come from."""

import os
import subprocess
from pathlib import Path

import pytest

from kdlib.testing import ControlPlane, ControlPlaneError, control_plane_folder

BUILD = Path(__file__).parents[2] / "control-plane" / "build"
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"KUBEDIRECTOR_CACHE": "/a", "XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/a/control-plane/bin"),
        ({"XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/b/kubedirector/control-plane/bin"),
        ({"HOME": "/c"}, "/c/.cache/kubedirector/control-plane/bin"),
    ],
)
def test_the_folder_is_in_the_cache(environment, folder):
    assert control_plane_folder(environment) == Path(folder)


def test_a_missing_program_is_named_with_the_remedy(tmp_path):
    (tmp_path / "etcd").touch()
    with pytest.raises(ControlPlaneError, match=r"no kube-apiserver, kube-controller-manager in .*make control-plane"):
        ControlPlane(tmp_path)


def programs(folder, names=PROGRAMS):
    folder.mkdir()
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder


def build(tmp_path, **environment):
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], **environment}
    return subprocess.run([BUILD], env=environment, capture_output=True, text=True, check=True)


def test_programs_are_taken_from_where_the_user_says(tmp_path):
    assets = programs(tmp_path / "assets")
    done = build(tmp_path, KUBEBUILDER_ASSETS=str(assets))
    folder = tmp_path / ".cache" / "kubedirector" / "control-plane" / "bin"
    assert done.stdout == f"{folder}\n"
    assert {path.name: path.readlink() for path in folder.iterdir()} == {name: assets / name for name in PROGRAMS}


def test_programs_are_taken_from_the_path_and_what_is_there_stays(tmp_path):
    (tmp_path / "cache" / "control-plane").mkdir(parents=True)
    mine = programs(tmp_path / "cache" / "control-plane" / "bin", ["etcd"]) / "etcd"
    found = programs(tmp_path / "found")
    path = f"{found}:{os.environ['PATH']}"
    for _ in range(2):
        build(tmp_path, KUBEDIRECTOR_CACHE=str(tmp_path / "cache"), PATH=path)
    assert not mine.is_symlink()
    assert (mine.parent / "kubectl").readlink() == found / "kubectl"
