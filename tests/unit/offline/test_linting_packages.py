"""Setup packages are linted as archives and as folders, by themselves and beside the apps that use them."""

import io
import tarfile

import pytest

from kdlib import offline
from kdlib.packages import pack

APP = """\
apiVersion: kubedirector.hpe.com/v1beta1
kind: KubeDirectorApp
metadata: {name: demo}
spec:
  label: {name: Demo}
  distroID: x/demo
  version: "1"
  configSchemaVersion: 8
  defaultImageRepoTag: img:1
  defaultConfigPackage: {packageURL: "https://example.org/x/demo.tgz"}
  defaultEventList: [configure, addnodes]
  services: [{id: web, endpoint: {port: 80}}]
  roles: [{id: one, cardinality: 1+}]
  config: {selectedRoles: [one], roleServices: [{roleID: one, serviceIDs: [web]}]}
"""
SCRIPT = """\
#!/bin/sh
# --addnode is only spoken of here
web=$(configcli --get services.web.1.one.fqdns)
case $1 in
    --configure) exit 0 ;;
    --addnodes | --delnodes) exit 0 ;;
    --fqdns) shift ;;
esac
"""


@pytest.fixture
def linted(tmp_path):
    def run(script, *, mode=0o755, app=APP, archived=False):
        folder = tmp_path / "demo"
        folder.mkdir()
        (folder / "startscript").write_text(script)
        (folder / "startscript").chmod(mode)
        (folder / "values.yaml").write_text("not: [a manifest")
        (tmp_path / "app.yaml").write_text(app)
        if archived:
            (tmp_path / "demo.tgz").write_bytes(pack(folder))
            return offline.check([tmp_path / "app.yaml", tmp_path / "demo.tgz"])
        return offline.check([tmp_path])

    return run


def found(checked):
    return [(item.line, item.path, item.rule) for item in checked.findings]


@pytest.mark.parametrize("archived", [False, True])
def test_a_good_package_is_clean(linted, archived):
    checked = linted(SCRIPT, archived=archived)
    assert (checked.findings, checked.packages, checked.files) == ((), 1, 1)


def test_a_script_that_is_not_executable_is_a_warning_since_members_make_it_so(linted):
    assert [(item.rule, item.level) for item in linted(SCRIPT, mode=0o644).findings] == [("CK-P-04", "warning")]


def test_a_script_without_interpreter_is_an_error(linted):
    assert found(linted("exit 0\n")) == [(1, "demo/startscript", "CK-P-05")]


@pytest.mark.parametrize("archived", [False, True])
def test_an_event_that_does_not_exist_is_told_with_its_line(linted, archived):
    checked = linted(SCRIPT.replace("--addnodes |", "--addnode |"), archived=archived)
    assert found(checked) == [(1, "demo/startscript", "CK-P-08"), (6, "demo/startscript", "CK-P-07")]
    assert checked.findings[1].remedy == "write --addnodes"


def test_a_script_that_names_no_event_handles_all(linted):
    assert found(linted("#!/bin/sh\nexit 0\n")) == []


@pytest.mark.parametrize(
    ("key", "rules"),
    [
        ("services.wob.1", ["CK-P-09"]),
        ("services.web.1.two.fqdns", ["CK-P-09"]),
        ("nodegroups.1.roles.two.fqdns", ["CK-P-09"]),
        ("nodegroups.1.roles.one.services.wob.endpoints", ["CK-P-09"]),
        ("nodegroups.1.roles.one.services.web.endpoints", []),
        ("services.$name.1", []),
        ("services.w$name.1", []),
        ("node.role_id", []),
        ("distros.x.1.roles.one.fqdns", []),
    ],
)
def test_services_and_roles_that_the_app_lacks_are_told(linted, key, rules):
    checked = linted(SCRIPT.replace("services.web.1.one.fqdns", key))
    assert [item.rule for item in checked.findings] == rules


def test_a_package_of_no_app_among_the_files_is_checked_alone(linted):
    checked = linted(SCRIPT.replace("services.web", "services.wob"), app=APP.replace("demo.tgz", "other.tgz"))
    assert found(checked) == []


def test_an_archive_that_is_none_is_refused_and_a_chart_is_passed_over(tmp_path):
    (tmp_path / "a.tgz").write_bytes(b"no archive")
    with tarfile.open(tmp_path / "chart.tgz", "w:gz") as tar:
        header = tarfile.TarInfo("chart/Chart.yaml")
        tar.addfile(header, io.BytesIO())
    checked = offline.check([tmp_path])
    assert [(item.file.rpartition("/")[2], item.rule) for item in checked.findings] == [("a.tgz", "CK-P-01")]


def test_a_header_that_asks_for_too_much_is_refused(tmp_path):
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, 10**9
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as tar:
        tar.fileobj.write(header.tobuf())
    assert [item.rule for item in offline.check([tmp_path]).findings] == ["CK-P-01"]


def test_headers_upon_headers_are_refused(tmp_path):
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 0
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as tar:
        tar.fileobj.write(header.tobuf() * 3000)
    assert [item.rule for item in offline.check([tmp_path]).findings] == ["CK-P-01"]
