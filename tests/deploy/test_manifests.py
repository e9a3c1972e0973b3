"""What the manifests and the Containerfile say of the daemon is what the daemon is."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

import kdlib
from kdd.settings import HttpSettings, Settings, WebhookSettings

TOP = Path(__file__).parents[2]


def documents(name):
    return list(yaml.safe_load_all((TOP / "deploy" / name).read_text(encoding="utf-8")))


def _copy_tree(source, target):
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))


@pytest.fixture
def pod():
    (deployment,) = documents("base/deployment.yaml")
    return deployment["spec"]["template"]["spec"]


def test_ports_are_those_on_which_the_daemon_listens(pod):
    ports = {item["name"]: item["containerPort"] for item in pod["containers"][0]["ports"]}
    assert ports == {"metrics": HttpSettings().port, "webhook": WebhookSettings().port}
    services = {item["metadata"]["name"]: item["spec"]["ports"][0] for item in documents("base/services.yaml")}
    assert services["kubedirector"]["port"] == HttpSettings().port
    assert services[WebhookSettings().service]["targetPort"] == "webhook"


def test_w01_the_daemon_is_process_1_and_kubernetes_ends_one_that_does_not_answer(pod):
    lines = (TOP / "Containerfile").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("ENTRYPOINT")] == ['ENTRYPOINT ["kdd"]']
    container = pod["containers"][0]
    assert "command" not in container
    assert container["args"][0] == "run"
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "metrics"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}


def test_kubernetes_waits_longer_for_the_daemon_s_end_than_the_daemon_does(pod):
    assert pod["terminationGracePeriodSeconds"] > Settings(cache=Path("/")).grace_seconds


def test_the_chart_is_of_the_version_that_the_daemon_has():
    (chart,) = documents("chart/Chart.yaml")
    assert chart["appVersion"] == kdlib.__version__


def test_what_the_containerfile_copies_is_enough_to_install_the_daemon(tmp_path):
    """The wheel is built from nothing else, as the first stage does it; two seconds are the build's."""
    for line in (TOP / "Containerfile").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if words[:1] == ["COPY"] and not words[1].startswith("--"):
            for name in words[1:-1]:
                copied = _copy_tree if (TOP / name).is_dir() else shutil.copy
                target = tmp_path / "src" / (name if words[-1] == "./" else words[-1])
                target.parent.mkdir(exist_ok=True)
                copied(TOP / name, target)
    build = "import sys, hatchling.build; print(hatchling.build.build_wheel(sys.argv[1]))"
    command = [sys.executable, "-c", build, str(tmp_path)]
    subprocess.run(command, check=True, cwd=tmp_path / "src", capture_output=True, timeout=60)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"kdd/main.py", "kdlib/_data/catalog/dask/app.yaml"} <= names
    assert {f"kdlib/_data/schemas/{path.name}" for path in (TOP / "schemas").glob("*.yaml")} <= names
