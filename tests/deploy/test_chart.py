"""The Helm chart renders what the plain manifests say, and refuses values that it does not know."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

from kdlib.testing import ControlPlane, ControlPlaneError, control_plane_folder

DEPLOY = Path(__file__).parents[2] / "deploy"
CHART = DEPLOY / "chart"


def written(name):
    return (CHART / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "values",
    [
        {"replica": 2},
        {"replicas": "2"},
        {"image": {"repository": ""}},
        {"settings": {"KDD_WORKERS": 5}},
        {"settings": {"workers": "5"}},
    ],
)
def test_a_value_that_the_chart_does_not_know_is_refused(values):
    schema, defaults = json.loads(written("values.schema.json")), yaml.safe_load(written("values.yaml"))
    jsonschema.validate(defaults, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**defaults, **values}, schema)


@pytest.fixture(scope="module")
def helm(tmp_path_factory):
    """Return how to run Helm in a home of its own; it is on the path, or beside the control plane's programs."""
    programs = control_plane_folder(os.environ)
    found = shutil.which("helm", path=f"{os.environ['PATH']}:{programs.parents[1] / 'helm'}")
    if found is None:
        pytest.skip("no helm here: make control-plane builds it")  # nor Go, or a module proxy, to build it with
    home = tmp_path_factory.mktemp("helm")

    def run(*arguments):
        environ = {"HOME": str(home), "PATH": os.environ["PATH"]}
        return subprocess.run(
            [found, *arguments], capture_output=True, text=True, check=True, timeout=60, env=environ
        ).stdout

    return run


def objects(text):
    found = [item for item in yaml.safe_load_all(text) if item and item["kind"] != "Namespace"]
    return {(item["kind"], item["metadata"]["name"]): item for item in found}


@pytest.mark.control_plane
@pytest.mark.parametrize(
    ("folder", "options"),
    [(".", ["--include-crds"]), ("namespaced", ["--set", "namespaced=true", "--set", "users=false"])],
)
def test_the_chart_renders_what_kustomize_does(helm, folder, options):
    kubectl = control_plane_folder(os.environ) / "kubectl"
    if not kubectl.exists():
        pytest.skip(f"no {kubectl}: make control-plane puts it there")  # a machine without Go cannot have it
    command = [kubectl, "kustomize", DEPLOY / folder]
    plain = objects(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)
    command = ["template", "kubedirector", str(CHART), "-n", "kubedirector", "--kube-version", "1.30"]
    chart = objects(helm(*command, *options))
    for found in (plain, chart):
        container = found["Deployment", "kubedirector"]["spec"]["template"]["spec"]["containers"][0]
        # The order of variables means nothing where none refers to another.
        container["env"].sort(key=lambda item: item["name"])
    assert chart == plain


@pytest.mark.control_plane
def test_the_chart_s_values_reach_the_daemon(helm):
    assert "0 chart(s) failed" in helm("lint", str(CHART))
    changes = {"replicas": "2", "image.repository": "here/kd", "image.tag": "", "users": "false"}
    changes |= {"settings.KDD_WORKERS": "5", "nodeSelector.disk": "fast", "imagePullSecrets[0].name": "mine"}
    text = [
        part
        for key, value in changes.items()
        for part in ("--set-string" if "KDD" in key else "--set", f"{key}={value}")
    ]
    found = objects(helm("template", "kd", str(CHART), "-n", "elsewhere", "--kube-version", "1.30", *text))
    assert not [name for _, name in found if name in ("kubedirector-view", "kubedirector-edit", "kubedirector-admin")]
    deployment = found["Deployment", "kubedirector"]
    pod = deployment["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert (deployment["metadata"]["namespace"], deployment["spec"]["replicas"]) == ("elsewhere", 2)
    assert container["image"] == f"here/kd:{yaml.safe_load(written('Chart.yaml'))['appVersion']}"
    assert {"name": "KDD_WORKERS", "value": "5"} in container["env"]
    assert (pod["nodeSelector"], pod["imagePullSecrets"]) == ({"disk": "fast"}, [{"name": "mine"}])
    assert found["ClusterRoleBinding", "kubedirector"]["subjects"][0]["namespace"] == "elsewhere"


@pytest.fixture
def plane():
    try:
        plane = ControlPlane(control_plane_folder(os.environ))
    except ControlPlaneError as error:
        pytest.skip(str(error))  # no binaries on this machine: the error says which; .ci/run builds them
    with plane:
        yield plane


@pytest.mark.control_plane
def test_a_real_api_server_takes_the_chart_knows_its_fields_and_lets_its_pod_into_a_restricted_namespace(
    helm, plane, tmp_path
):
    """Ten seconds are the start of the API server."""
    kubeconfig = tmp_path / "kubeconfig"
    plane.write_kubeconfig(kubeconfig)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    plane.call("POST", "/api/v1/namespaces", {"metadata": {"name": "kubedirector", "labels": labels}})
    chart = ("kubedirector", str(CHART), "-n", "kubedirector")
    assert "STATUS: deployed" in helm("install", *chart, "--kubeconfig", str(kubeconfig))
    strictly = [plane.kubectl, "--kubeconfig", kubeconfig, "-n", "kubedirector", "apply", "--server-side"]
    strictly += ["--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-"]
    rendered = helm("template", *chart, "--include-crds", "--kube-version", "1.30")
    checked = subprocess.run(strictly, input=rendered, capture_output=True, text=True, timeout=60, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert len(checked.stdout.splitlines()) == rendered.count("\nkind: ")
    pods = "/api/v1/namespaces/kubedirector/pods"
    plane._until(lambda: plane.call("GET", pods)[1]["items"], "pod of the daemon")
