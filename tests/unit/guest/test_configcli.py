"""configcli answers by its contract (5.9), and its two programs, for Python and for the shell alone, answer alike."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kdlib.guest import programs

CONNECTIONS = Path(__file__).parents[1] / "manifests" / "golden" / "configmeta-connections.yaml"
REFERENCE = "bdvlibrefkey"
SEED = ["nodegroups", "1", "roles", "seed"]
SERVICE = {
    "qualifiers": [],
    "name": 'DB "one" \\ \u00e9 \U0001f600',
    "id": "db",
    "hostnames": {REFERENCE: [*SEED, "hostnames"]},
    "fqdns": {REFERENCE: [*SEED, "fqdns"]},
    "endpoints": ["cql://a.x:9042", "cql://b.x:9042"],
    "authToken": "",
}
CONFIGMETA = {
    "version": "7",
    "services": {"db": {"1": {"seed": {REFERENCE: [*SEED, "services", "db"]}}}},
    "nodegroups": {
        "1": {
            "roles": {
                "seed": {
                    "services": {"db": SERVICE},
                    "node_ids": ["10", "9"],
                    "hostnames": ["a.x", "b.x"],
                    "fqdns": ["a.x", "b.x"],
                    "fqdn_mappings": {"a.x": "10", "b.x": "9"},
                    "flavor": {"memory": "4096", "cores": "2"},
                    "secret_keys": {"pass.word": "s3cret\nline"},
                },
                "leaf": {"node_ids": ["2"], "fqdns": ["c.x"], "fqdn_mappings": {"c.x": "2"}, "services": {}},
            },
            "distro_id": "example/db",
            "config_metadata": {"key": "value", "list": None},
        }
    },
    "distros": {"example/db": {"1": {REFERENCE: ["nodegroups", "1"]}}},
    "cluster": {"isolated": False, "config_metadata": {"1": {REFERENCE: ["nodegroups", "1", "config_metadata"]}}},
    "node": {"role_id": "seed", "nodegroup_id": "1", "id": "10", "fqdn": "a.x", "depends_on": {}},
    "connections": {
        "clusters": {"other": {"nodegroups": {"1": {"distro_id": "d"}}, "node": None}},
        "configmaps": {
            "type": [
                {"metadata": {"name": "one"}, "data": {"a": "1", "b": "2"}},
                {"metadata": {"name": "two"}, "data": {"b": "3", "c": "4"}},
            ]
        },
        "secrets": {},
    },
    "odd": {"numbers": [1, 2.50, -3e10, True, None], "loop": {REFERENCE: ["odd", "loop"]}, "": {"": "empty"}},
}
AWKS = [name for name in ("mawk", "gawk", "original-awk", "busybox") if shutil.which(name)]
PYTHONS = [
    sys.executable,
    *sorted(map(str, (Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions").glob("*/bin/python"))),
]
TEXT = json.dumps(CONFIGMETA).replace("2.5,", "2.50,").replace("-30000000000.0", "-3e10")

ANSWERS = [
    (["--get", "version"], "7"),
    (["-g", "node.fqdn"], "a.x"),
    (["--get=node.fqdn"], "a.x"),
    (["--get", "node"], "role_id,nodegroup_id,id,fqdn,depends_on"),
    (["--get", "node.depends_on"], ""),
    (["--get", "cluster.isolated"], "false"),
    (["--get", "odd.numbers"], "1,2.50,-3e10,true,"),
    (["--get", "distros.example/db.1.roles.seed.fqdns"], "a.x,b.x"),
    (["--get", "services.db.1.seed.name"], 'DB "one" \\ \u00e9 \U0001f600'),
    (["--get", "services.db.1.seed.hostnames"], "a.x,b.x"),
    (["--get", "services.db.1.seed.endpoints"], "cql://a.x:9042,cql://b.x:9042"),
    (["--get", "services.db.1.seed.qualifiers"], ""),
    (["--get", "cluster.config_metadata.1.key"], "value"),
    (["--get", "cluster.config_metadata.1.list"], ""),
    (["--get", "connections.configmaps.type"], "metadata,data"),
    (["--get", "connections.configmaps.type.data"], "a,b,c"),
    (["--get", "connections.configmaps.type.data.b"], "3"),
    (["--get", "connections.configmaps.type.metadata.name"], "two"),
    (["--get", "connections.clusters.other.node"], ""),
    (["--get", "connections.secrets"], ""),
    (["--get", "odd.."], "empty"),
    (["--get_local_group_fqdns"], "a.x,b.x,c.x"),
    (["--get_nodegroup_fqdns", "1"], "a.x,b.x,c.x"),
    (["--get_all_fqdns"], "a.x,b.x,c.x"),
    (["--version"], "1.0"),
    (["--baseimg_version"], "2.1"),
]
MACROS = [
    (["node", "--get_self_index"], "2"),
    (["node", "--get_self_id"], "10"),
    (["node", "--get_index", "c.x"], "0"),
    (["node", "--get_index", "b.x"], "1"),
    (["node", "--get_id", "b.x"], "9"),
    (["nodegroup", "--num_nodegroups"], "1"),
    (["nodegroup", "--get_local_group_fqdns"], "a.x,b.x,c.x"),
    (["nodegroup", "--get_nodegroup_fqdns", "1"], "a.x,b.x,c.x"),
    (["nodegroup", "--get_all_fqdns"], "a.x,b.x,c.x"),
]
FAILURES = [
    (["--get", "nope"], 1),
    (["--get", "node.fqdn.more"], 1),
    (["--get", "odd.loop"], 1),
    (["--get_nodegroup_fqdns", "2"], 1),
    (["--get"], 2),
    ([], 2),
    (["--nonsense"], 2),
    (["--version", "more"], 2),
    (["--version=1"], 2),
]
MACRO_FAILURES = [(["node", "--get_id", "z.x"], 1), (["node"], 2), (["other", "--get_self_id"], 2), ([], 2)]


class Member:
    """A folder in which configcli is installed, as Python's program or as the shell's with some awk."""

    def __init__(self, root, kind):
        self.root, self.path = root, "/usr/bin:/bin"
        (root / "etc/guestconfig").mkdir(parents=True)
        (root / "etc/guestconfig/base_img_version").write_text("2.1\n")
        (root / "bin").mkdir()
        if kind in AWKS:
            program = b"#!/bin/sh\n" + programs()["ccli"]
            words = "busybox awk" if kind == "busybox" else kind
            (root / "bin/awk").write_text(f'#!/bin/sh\nexec {words} "$@"\n')
            (root / "bin/awk").chmod(0o755)
            self.path = f"{root}/bin:{self.path}"
        else:
            program = f"#!{kind}\n".encode() + programs()["configcli"]
        (root / "bin/configcli").write_bytes(program)
        (root / "bin/configcli").chmod(0o755)
        for name in ("ccli", "configmacro"):
            (root / "bin" / name).symlink_to("configcli")

    def write(self, document):
        text = document if isinstance(document, str) else json.dumps(document)
        (self.root / "etc/guestconfig/configmeta.json").write_text(text)

    def run(self, *words):
        environment = {"PATH": self.path, "GUEST_ROOT": str(self.root), "HOME": os.environ.get("HOME", "/")}
        command = [str(self.root / "bin" / words[0]), *words[1:]]
        done = subprocess.run(command, env=environment, capture_output=True, check=False, cwd=self.root)
        assert b"Traceback" not in done.stderr
        return done.returncode, done.stdout.decode()


@pytest.fixture(scope="session")
def make_member(tmp_path_factory):
    def make(kind):
        member = Member(tmp_path_factory.mktemp("member"), kind)
        member.write(TEXT)
        return member

    return make


@pytest.mark.parametrize("kind", AWKS)
def test_the_shell_program_answers_by_the_contract(make_member, kind):
    member = make_member(kind)
    check_contract(member, member.run, usage=kind == AWKS[0])


def test_the_python_program_answers_by_the_contract(module, capfdbinary):
    def run(*words):
        code = module[0].main(list(words))
        return code, capfdbinary.readouterr().out.decode()

    check_contract(module[1], run, usage=True)


def check_contract(member, run, *, usage):
    for words, text in ANSWERS:
        assert (words, run("ccli", *words)) == (words, (0, f"{text}\n"))
    for words, text in MACROS:
        assert (words, run("configmacro", *words)) == (words, (0, f"{text}\n"))
    if not usage:
        return
    for words, code in FAILURES:
        assert (words, run("configcli", *words)) == (words, (code, ""))
    for words, code in MACRO_FAILURES:
        assert (words, run("configmacro", *words)) == (words, (code, ""))
    (member.root / "etc/guestconfig/configmeta.json").unlink()
    assert run("ccli", "--get", "node") == (1, "")
    assert run("ccli", "--help")[0] == 0


def places_of_references(value, path=()):
    """Yield the path of each reference in a document, and where it leads."""
    if isinstance(value, dict):
        if REFERENCE in value:
            yield path, value[REFERENCE]
        for key, item in value.items():
            yield from places_of_references(item, (*path, key))


@pytest.mark.parametrize("kind", [sys.executable, *AWKS[:1]])
def test_w21_references_of_a_connected_cluster_lead_into_it(make_member, kind):
    """IC-13: for the very part that members read, with the very program by which they read it."""
    member = make_member(kind)
    part = yaml.safe_load(CONNECTIONS.read_text())
    document = {**CONFIGMETA, "connections": part}
    member.write(document)
    found = list(places_of_references(part, ("connections",)))
    assert len(found) == 5
    for path, target in found:
        asked, meant = (member.run("configcli", "--get", ".".join(keys)) for keys in (path, target))
        assert asked == meant
        assert (asked[0], bool(asked[1].strip())) == (0, True)
    prefix = "connections.clusters.warehouse"
    endpoints = "pg://kdss-node-0.kdhs-other.team.svc.cluster.local:5432,pg://kdss-node-1.kdhs-other.team.svc.cluster.local:5432"
    assert member.run("ccli", "--get", f"{prefix}.services.sql.1.node.endpoints") == (0, f"{endpoints}\n")
    assert member.run("ccli", "--get", f"{prefix}.distros.example/warehouse.1.distro_id") == (0, "example/warehouse\n")
    assert member.run("ccli", "--get", f"{prefix}.cluster.config_metadata.1.flavour") == (0, "columnar\n")
    assert member.run("ccli", "--get", "connections.secrets.login.data.password") == (0, "aHVudGVyMg==\n")
    assert member.run("ccli", "--get", "connections.configmaps.jdbc.data.url") == (0, "pg://x\n")


texts = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=8)
keys = st.sampled_from(["a", "b", "c", "", "é", 'q"', "\\", "n\n", "x y", "long-key"])
numbers = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
references = st.lists(st.sampled_from(["a", "b", "c"]), max_size=3).map(lambda path: {REFERENCE: path})
values = st.recursive(
    texts | numbers | st.booleans() | st.none() | references,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=15,
)
paths = st.lists(keys.filter(lambda key: "." not in key), min_size=1, max_size=4).map(".".join).filter(bool)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(document=st.dictionaries(keys, values, max_size=5), path=paths, escaped=st.booleans())
@example(document={"a": "\\\\\\u0041\\"}, path="a", escaped=True)
@example(document={"a": {REFERENCE: []}}, path="a.a", escaped=False)
@example(document={"a": [{"b": 1}, {"b": {"c": 2}}, {"b": {"d": 3}}]}, path="a.b", escaped=True)
def test_both_programs_answer_alike_whatever_the_document(module, shell_member, document, path, escaped):
    found, member = module
    text = json.dumps(document, ensure_ascii=escaped, indent=1 if escaped else None)
    member.write(text)
    shell_member.write(text)
    try:
        expected = (0, found.answer("ccli", ["--get", path]) + "\n")
    except found.Missing:
        expected = (1, "")
    assert shell_member.run("ccli", "--get", path) == expected


@pytest.fixture
def shell_member(make_member):
    return make_member(AWKS[0])


@pytest.fixture
def module(make_member, monkeypatch):
    """Return configcli as a module, and the member that it reads."""
    member = make_member(sys.executable)
    monkeypatch.setenv("GUEST_ROOT", str(member.root))
    source = member.root / "configcli.py"
    source.write_bytes(programs()["configcli"])
    spec = importlib.util.spec_from_file_location("configcli", source)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found, member


def test_the_library_gives_values_lists_and_paths(module):
    namespace = module[0].ConfigCli(shell=False).getCommandObject("namespace")
    assert namespace.getValue("node.fqdn") == "a.x"
    assert namespace.getWithTokens(["distros", "example/db", "1", "roles", "seed", "fqdns"]) == ["a.x", "b.x"]
    assert namespace.getWithTokens([*SEED, "secret_keys", "pass.word"]) == "s3cret\nline"
    assert namespace.getWithTokens(["nodegroups"]) == ["1"]
    assert namespace.getWithTokens(["no", "such", "key"]) is None
    found = namespace.searchForToken(["nodegroups"], "node_ids")
    assert found == [[*SEED, "node_ids"], ["nodegroups", "1", "roles", "leaf", "node_ids"]]
    assert [namespace.getWithTokens(path) for path in found] == [["10", "9"], ["2"]]
    through = namespace.searchForToken(["distros", "example/db", "1"], "flavor")
    assert through == [[*SEED, "flavor"]]
    assert namespace.getLocalGroupHosts() == namespace.getClusterHostsFQDN() == ["a.x", "b.x", "c.x"]
    assert module[0].ConfigCli().getCommandObject("macro").getNodeIndexFromFqdn("b.x") == "1"


def test_what_cannot_be_found_is_logged(module):
    found, member = module
    found.Namespace().getValue("no.such")
    log = (member.root / "var/log/guestconfig/configcli/configcli.log").read_text()
    assert log.endswith("no such key: no.such\n")


def test_root_reads_what_lies_beside_configmeta(module):
    found, member = module
    (member.root / "etc/guestconfig/.platform.json").write_text('{"node": {"zone": "z"}, "version": "9"}')
    namespace = found.Namespace()
    expected = ("z", "a.x", "9") if os.geteuid() == 0 else (None, "a.x", "7")
    assert (namespace.getValue("node.zone"), namespace.getValue("node.fqdn"), namespace.getValue("version")) == expected


def test_a_large_document_is_read_in_little_time(make_member):
    member = make_member(AWKS[0])
    names = [f"pod-{number}.service.namespace.svc.cluster.local" for number in range(1000)]
    roles = {"r": {"fqdns": names, "node_ids": [str(n) for n in range(1000)], "fqdn_mappings": {}}}
    member.write({"nodegroups": {"1": {"roles": roles}}, "node": {"id": "999", "nodegroup_id": "1"}})
    assert member.run("ccli", "--get_all_fqdns")[1] == ",".join(names) + "\n"
    assert member.run("configmacro", "node", "--get_self_index") == (0, "999\n")


@pytest.mark.parametrize("interpreter", PYTHONS)
def test_every_python_that_is_here_understands_the_program(make_member, interpreter):
    member = make_member(interpreter)
    assert member.run("ccli", "--get", "services.db.1.seed.name") == (0, 'DB "one" \\ \u00e9 \U0001f600\n')
    assert member.run("ccli", "--get", "odd.numbers") == (0, "1,2.50,-3e10,true,\n")
    assert member.run("configmacro", "node", "--get_self_index") == (0, "2\n")
