"""A check tells what is wrong in files and folders, with file, line, path and remedy, and knows what it cannot know."""

import os
import textwrap

import pytest

import kdlib
from kdlib import offline

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
  defaultConfigPackage: {packageURL: "file:///opt/demo.tgz"}
  defaultEventList: [configure, addnodes]
  services:
    - id: web
      endpoint: {port: 80}
  roles:
    - {id: one, cardinality: 1+}
  config:
    selectedRoles: [one]
    roleServices: [{roleID: one, serviceIDs: [web]}]
"""
CLUSTER = """\
apiVersion: kubedirector.hpe.com/v1beta1
kind: KubeDirectorCluster
metadata: {name: c}
spec:
  app: demo
  roles:
    - id: one
      resources: {limits: {cpu: "1", memory: 1Gi}}
"""


@pytest.fixture
def told(tmp_path):
    def run(**files):
        for name, text in files.items():
            (tmp_path / f"{name}.yaml").write_text(textwrap.dedent(text))
        return offline.check([tmp_path])

    return run


def lines(checked, level=None):
    wanted = [item for item in checked.findings if level in (None, item.level)]
    return [(item.line, item.path, item.rule) for item in wanted]


def test_what_is_right_is_clean(told):
    checked = told(a=APP, b=CLUSTER)
    assert checked.findings == ()
    assert (checked.objects, checked.files, checked.is_clean(strict=True)) == (2, 2, True)


def test_the_library_exports_it(told):
    told(a=APP)
    assert kdlib.check is offline.check


def test_an_app_is_found_in_any_file_and_its_roles_bind_the_cluster(told):
    checked = told(a=CLUSTER.replace("id: one", "id: two"), b=APP)
    rules = {item.rule for item in checked.findings if item.level == "error"}
    assert {"CL-V-14", "CL-V-16"} <= rules
    assert [item.line for item in checked.findings if item.rule == "CL-V-14"] == [7]


def test_an_app_that_is_not_among_the_files_is_a_note_and_the_rest_is_checked(told):
    checked = told(a=CLUSTER.replace("1Gi", "1Qi"))
    assert [(item.path, item.rule) for item in checked.findings if item.level == "note"] == [("spec.app", "CK-R-01")]
    assert any(item.path.startswith("spec.roles[0].resources") for item in checked.findings if item.level == "error")
    assert told(a=CLUSTER).is_clean()


def test_a_broken_app_is_told_once_and_not_again_for_its_clusters(told):
    checked = told(a=APP.replace("1+", "many"), b=CLUSTER)
    assert [item.subject for item in checked.findings if item.level == "error"] == ["KubeDirectorApp demo"]


def test_an_app_of_another_namespace_is_the_system_catalogue_s(told):
    other = APP.replace("{name: demo}", "{name: demo, namespace: kd}")
    mine = CLUSTER.replace("{name: c}", "{name: c, namespace: team}")
    assert told(a=other, b=mine).findings == ()
    assert told(a=other, b=mine.replace("app: demo", "app: demo\n  appCatalog: system")).findings == ()
    local = told(a=other, b=mine.replace("app: demo", "app: demo\n  appCatalog: local"))
    assert lines(local) == [(5, "spec.app", "CK-R-01")]


def test_what_the_files_lack_is_a_note_and_what_they_have_is_none(told):
    referring = CLUSTER.replace(
        "  roles:\n",
        "  defaultSecret: {name: s, mountPath: /s}\n  connections: {configmaps: [m], clusters: [c]}\n  roles:\n",
    )
    found = lines(told(a=APP, b=referring))
    assert found == [(6, "spec.defaultSecret.name", "CK-R-01"), (7, "spec.connections.configmaps[0]", "CK-R-01")]
    others = (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n"
    )
    checked = told(a=APP, b=referring, c=others)
    assert (lines(checked), checked.passed_over) == ([(7, "spec.connections.configmaps[0]", "CK-R-03")], 2)


def test_a_claim_of_an_odd_form_is_no_obstacle(told):
    claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: p}\nspec: {accessModes: [{}, [], x]}\n"
    mounting = CLUSTER + "      members: 2\n      volumeProjections: [{pvcName: p, mountPath: /p}]\n"
    assert {item.rule for item in told(a=APP, b=mounting, c=claim).findings} <= {"CL-V-39"}


def test_a_kind_that_is_no_text_is_told(told):
    assert "CK-S-01" in {item.rule for item in told(a=APP.replace("KubeDirectorApp", "[KubeDirectorApp]")).findings}


def test_other_kinds_are_passed_over_and_counted(told):
    checked = told(a="apiVersion: v1\nkind: Pod\nmetadata: {name: no}\nx: 1\nx: 2\n", b="- a list\n", c="just words\n")
    assert (checked.findings, checked.objects, checked.passed_over) == ((), 0, 3)


def test_items_of_a_list_are_checked(told):
    items = textwrap.indent(APP.replace('"1"', "1"), "  ").replace("  api", "- api", 1)
    checked = told(a=f"apiVersion: v1\nkind: List\nitems:\n{items}")
    assert lines(checked) == [(10, "spec.version", "CK-S-03")]


def test_a_global_configuration_among_the_files_binds_the_clusters(told):
    config = """\
        apiVersion: kubedirector.hpe.com/v1beta1
        kind: KubeDirectorConfig
        metadata: {name: kd-global-config}
        spec: {masterEncryptionKey: "00"}
        """
    assert [item.rule for item in told(a=config).findings] == ["CFG-V-08"]
    named = config.replace("kd-global-config", "other").replace('"00"', f'"{"0" * 64}"')
    assert [item.path for item in told(a=named).findings] == ["metadata.name"]


@pytest.mark.parametrize(
    ("old", "new", "path", "rule"),
    [
        ("v1beta1", "v1", "apiVersion", "CK-S-01"),
        ("apiVersion: kubedirector.hpe.com/v1beta1\n", "", "apiVersion", "CK-S-01"),
        ("v1beta1", "v1/beta1", "apiVersion", "CK-S-01"),
        ("KubeDirectorApp", "KubeDirectorAp", "kind", "CK-S-01"),
        ("{name: demo}", "{}", "metadata.name", "CK-S-02"),
        ("{name: demo}", "{name: De_mo}", "metadata.name", "CK-S-02"),
        ("{name: demo}", f"{{name: {'a' * 64}}}", "metadata.name", "CK-S-02"),
        ("{name: demo}", "{name: demo, namespace: A}", "metadata.namespace", "CK-S-02"),
        ("{name: demo}", "{name: demo, labels: {a: 1}}", "metadata.labels.a", "CK-S-02"),
        ("{name: demo}", "[]", "metadata", "CK-S-02"),
        ("cardinality: 1+", "cardinality: 1+, eventlist: []", "spec.roles[0].eventlist", "CK-S-04"),
        ("{name: demo}", "{name: demo, label: {}}", "metadata.label", "CK-S-04"),
        ("selectedRoles: [one]", "selectedRoles: [one, two]", "spec.config.selectedRoles[1]", "APP-V-07"),
        ('"1"\n', "no\n", "spec.version", "CK-S-03"),
        ("spec:\n", "spec2:\n", "spec", "CK-S-03"),
    ],
)
def test_what_is_wrong_with_an_app_is_told_with_path_and_remedy(told, old, new, path, rule):
    found = [item for item in told(a=APP.replace(old, new)).findings if item.path == path]
    assert rule in {item.rule for item in found} or path.startswith("metadata")
    assert found
    assert all(item.what and item.remedy for item in found)


def test_a_trap_explains_the_error_that_it_makes(told):
    (found,) = told(a=APP.replace('"1"\n', "1.10\n")).findings
    assert (found.what, found.remedy) == (
        "must be a string",
        "1.10 is read as the number 1.1: put quotes around it",
    )


def test_a_value_of_the_wrong_type_does_not_hide_what_the_rules_say(told):
    wrong = APP.replace("1+}", "1}").replace("80}", '"80"}').replace("selectedRoles: [one]", "selectedRoles: [two]")
    found = {(item.path, item.rule) for item in told(a=wrong).findings}
    assert found == {
        ("spec.roles[0].cardinality", "CK-S-03"),
        ("spec.services[0].endpoint.port", "CK-S-03"),
        ("spec.config.selectedRoles[0]", "APP-V-07"),
    }


def test_of_a_key_that_occurs_twice_the_last_counts_with_a_warning(told):
    checked = told(a=APP.replace("  distroID: x/demo\n", "  distroID: 1\n  distroID: x/demo\n"))
    assert [(item.line, item.path, item.rule, item.level) for item in checked.findings] == [
        (7, "spec.distroID", "CK-Y-01", "warning")
    ]


def test_a_file_mode_is_a_decimal_number(told):
    role = "      fileInjections: [{srcURL: 'http://a/b', destDir: /x, permissions: {fileMode: MODE}}]\n"
    assert lines(told(a=APP, b=CLUSTER + role.replace("MODE", "420"))) == []
    assert lines(told(a=APP, b=CLUSTER + role.replace("MODE", "0644"))) == []
    (found,) = told(a=APP, b=CLUSTER + role.replace("MODE", "644")).findings
    assert (found.rule, found.remedy) == ("CK-S-05", "write 420 for 0644")


def test_a_word_that_is_read_as_a_truth_where_a_text_is_wanted_needs_quotes(told):
    (found,) = told(a=APP.replace("spec:\n", "spec:\n  logoURL: no\n", 1)).findings
    assert (found.path, found.remedy) == ("spec.logoURL", "no is read as false: put quotes around it")


def test_an_object_that_is_defined_twice_is_told_where(told):
    (found,) = told(a=APP, b=APP).findings
    assert (found.rule, found.level, "a.yaml:1" in found.what) == ("CK-R-02", "warning", True)


def test_an_older_dialect_is_a_note(told):
    (found,) = told(a=APP.replace("hpe.com/v1beta1", "bluedata.io/v1alpha1")).findings
    assert (found.rule, found.level) == ("CK-S-06", "note")


@pytest.mark.parametrize("text", ["", "a: 1\n", "- a\n", "only words\n", "[]", "3"])
def test_a_file_that_is_named_and_holds_nothing_is_told(tmp_path, text):
    path = tmp_path / "words"
    path.write_text(text)
    assert [item.rule for item in offline.check([path]).findings] == ["CK-F-06"]


def test_a_folder_that_is_named_and_holds_nothing_is_told_once(tmp_path):
    (tmp_path / "words.txt").write_text("words")
    (tmp_path / "inner").mkdir()
    (found,) = offline.check([tmp_path, tmp_path]).findings
    assert (found.rule, found.level, found.file) == ("CK-F-06", "warning", tmp_path.as_posix())


def test_a_folder_whose_files_were_read_before_holds_something(tmp_path):
    (tmp_path / "a.yaml").write_text(APP)
    assert offline.check([tmp_path / "a.yaml", tmp_path]).findings == ()
    (tmp_path / "a.yaml").write_text("a: 1\n")
    assert offline.check([tmp_path]).findings == ()


def test_hidden_folders_and_loops_are_left_out_and_nothing_is_read_twice(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "a.yaml").write_text("a: [")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    (tmp_path / "b" / "self.yaml").symlink_to("self.yaml")
    (tmp_path / "a.yaml").write_text(APP)
    (tmp_path / "b" / "again.yaml").symlink_to(tmp_path / "a.yaml")
    checked = offline.check([tmp_path, tmp_path / "a.yaml"])
    assert (checked.files, [item.rule for item in checked.findings]) == (1, ["CK-F-01"])


def test_the_templates_of_a_chart_are_left_out(tmp_path):
    for name in ("Chart.yaml", "templates/app.yaml", "charts/x/templates/other.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("name: {{ .Values.name }}\n" if "app" in name else "a: 1\n")
    checked = offline.check([tmp_path])
    assert (checked.findings, checked.files) == ((), 2)


def test_a_pipe_is_never_opened(tmp_path):
    os.mkfifo(tmp_path / "a.yaml")
    assert [item.rule for item in offline.check([tmp_path]).findings] == ["CK-F-06"]
    assert [item.rule for item in offline.check([tmp_path / "a.yaml"]).findings] == ["CK-F-01"]


def test_odd_paths_are_findings(tmp_path):
    odd = tmp_path / os.fsdecode(b"\xff\n.yaml")
    odd.write_text("a: [")
    checked = offline.check([tmp_path, tmp_path / "none", "\0", tmp_path / ("x" * 5000)])
    assert sorted(item.rule for item in checked.findings) == ["CK-F-01", "CK-F-01", "CK-F-01", "CK-F-02"]
    assert all(item.file.isprintable() for item in checked.findings)


def test_ten_megabytes_are_too_much(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"a: 1\n" * 2_000_000)
    (found,) = offline.check([tmp_path]).findings
    assert (found.rule, found.remedy) == ("CK-F-05", "split it into several files")


def test_the_findings_of_an_object_are_bounded(told):
    roles = "".join(f"    - {{id: r{number}, cardinality: x}}\n" for number in range(1000))
    checked = told(a=APP.replace("    - {id: one, cardinality: 1+}\n", roles))
    assert 50 < len(checked.findings) <= offline.MOST_FINDINGS + 1


def test_the_work_is_bounded_and_what_was_not_checked_is_told():
    aliases = ", ".join(["*a"] * 190)
    heavy = APP + f"x: &a [{', '.join('0' * 1000)}]\ny: [{aliases}]\n"
    checked = offline.check([], given={f"{number}.yaml": heavy.encode() for number in range(20)})
    assert [item.what for item in checked.findings if item.rule == "CK-F-05"] == [
        "this object and those after it were not checked"
    ]


def test_given_manifests_are_checked_with_the_files(tmp_path):
    (tmp_path / "app.yaml").write_text(APP)
    checked = offline.check([tmp_path], given={"(stdin)": CLUSTER.replace("one", "two").encode()})
    assert {item.file for item in checked.findings} == {"(stdin)"}
