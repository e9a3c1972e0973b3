"""Makes kdlib/sandbox/http/protobuf.json: how the built-in kinds are laid out in protobuf.

Clients made with client-go 1.33 or newer, kubectl among them, send built-in kinds as protobuf, whatever the server
would like best. The layout stands in the tags of the Go types, which come with the modules that the control plane is
built from (`tests/control-plane/kubernetes`).

    messages  name -> {field number: [JSON name, type, how]}; a JSON name of "" says that the parts stand inline
    kinds     "apps/v1/StatefulSet" -> name of its message

A type is string, bytes, int, bool, float or the name of a message; how is one, zero (left out when zero), pointer,
many or map (from strings).

Run it as: python tests/api/make_protobuf.py [--check]
"""

import re
import subprocess
import sys
from pathlib import Path

import orjson

HERE = Path(__file__).parent
TARGET = HERE.parents[1] / "kdlib" / "sandbox" / "http" / "protobuf.json"
MODULES = HERE.parent / "control-plane" / "kubernetes"
PACKAGES = {
    "k8s.io/api": (
        "admissionregistration/v1 apps/v1 authorization/v1 autoscaling/v1 coordination/v1 core/v1 discovery/v1"
        " events/v1 policy/v1 rbac/v1 storage/v1"
    ),
    "k8s.io/apimachinery": "pkg/apis/meta/v1",
}
SPECIAL = {"meta/v1.Time", "meta/v1.MicroTime", "meta/v1.FieldsV1", "resource.Quantity", "intstr.IntOrString"}
SPECIAL |= {"runtime.RawExtension", "authorization/v1.ExtraValue"}
BESIDES = ("policy/v1/Eviction", "v1/Binding")
SCALARS = {"string": "string", "bool": "bool", "int": "int", "int32": "int", "int64": "int", "float64": "float"}
SCALARS |= {"types.UID": "string", "types.NodeName": "string", "byte": "byte"}
FIELD = re.compile(r"^\t(?:\w+\s+)?([\w.*\[\]]+)\s+`json:\"([^\"]*)\"[^`]*? protobuf:\"([^\"]*)\"", re.MULTILINE)
STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
ALIAS = re.compile(r"^type (\w+) ([\w.\[\]]+)$|^type (\w+) = ([\w.]+)$", re.MULTILINE)
IMPORT = re.compile(r"^\t(?:(\w+) )?\"(k8s\.io/[\w/]+)\"$", re.MULTILINE)
PREFIX = re.compile(r"k8s\.io/(api|apimachinery/pkg/(apis|api|util)|apimachinery/pkg)/")


def folder(module):
    command = ["go", "list", "-m", "-f", "{{.Dir}}", module]
    return Path(subprocess.run(command, cwd=MODULES, check=True, capture_output=True, text=True).stdout.strip())


def sources():
    """Yield the short name of each package and the text of its types."""
    for module, names in PACKAGES.items():
        for name in names.split():
            yield name.removeprefix("pkg/apis/"), (folder(module) / name / "types.go").read_text()


def read(package, text, structs, aliases):
    imports = {alias or path.rpartition("/")[2]: PREFIX.sub("", path) for alias, path in IMPORT.findall(text)}
    for name, body in STRUCT.findall(text):
        structs[f"{package}.{name}"] = (imports, FIELD.findall(body))
    for name, target, same, other in ALIAS.findall(text):
        aliases[f"{package}.{name or same}"] = (imports, target or other)


def qualified(package, imports, name):
    if name in SCALARS or "." not in name:
        return name if name in SCALARS else f"{package}.{name}"
    alias, _, own = name.partition(".")
    if name in SCALARS:
        return name
    return f"{imports.get(alias, alias)}.{own}"


class Layout:
    """Resolves Go types into (type, how)."""

    def __init__(self, structs, aliases):
        self.structs, self.aliases = structs, aliases

    def of(self, package, imports, text):
        if text.startswith("*"):
            kind, how = self.of(package, imports, text[1:])
            return kind, "pointer" if how == "one" else how
        if text in ("[]byte",):
            return "bytes", "one"
        if text.startswith("[]"):
            return self.of(package, imports, text[2:])[0], "many"
        if text.startswith("map["):
            return self.of(package, imports, text.partition("]")[2])[0], "map"
        name = qualified(package, imports, text)
        if name in SCALARS:
            return SCALARS[name], "one"
        if name in SPECIAL or name in self.structs:
            return name, "one"
        where, target = self.aliases[name]
        return self.of(name.partition(".")[0], where, target)

    def fields(self, name):
        package = name.partition(".")[0]
        imports, fields = self.structs[name]
        found = {}
        for go_type, json_tag, protobuf_tag in fields:
            json_name, *flags = json_tag.split(",")
            _, number, *_ = protobuf_tag.split(",")
            kind, how = self.of(package, imports, go_type)
            if how == "one" and "omitempty" in flags:
                how = "zero"
            found[number] = ["" if "inline" in flags else json_name, kind, how]
        return found


def made():
    structs, aliases = {}, {}
    for package, text in sources():
        read(package, text, structs, aliases)
    layout = Layout(structs, aliases)
    builtin = orjson.loads((HERE.parents[1] / "kdlib" / "wire" / "builtin.json").read_bytes())
    groups = {"rbac.authorization.k8s.io": "rbac"}
    kinds = {}
    for key in [*builtin["kinds"], *BESIDES]:
        api_version, _, kind = key.rpartition("/")
        group, _, version = api_version.rpartition("/")
        package = f"{groups.get(group, group.partition('.')[0]) or 'core'}/{version}"
        if f"{package}.{kind}" in structs:
            kinds[key] = f"{package}.{kind}"
    messages, wanted = {}, set(kinds.values()) | {"meta/v1.DeleteOptions"}
    while wanted:
        name = wanted.pop()
        messages[name] = layout.fields(name)
        wanted |= {kind for _, kind, _ in messages[name].values() if kind in structs} - set(messages) - SPECIAL
    return {"messages": messages, "kinds": kinds}


def main():
    document = made()
    parts = []
    for section, entries in document.items():
        lines = ",\n".join(
            f"{orjson.dumps(key).decode()}:{orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()}"
            for key, value in sorted(entries.items())
        )
        parts.append(f'"{section}":{{\n{lines}\n}}')
    text = "{" + ",\n".join(parts) + "}\n"
    if "--check" in sys.argv[1:]:
        raise SystemExit(0 if TARGET.read_text() == text else f"{TARGET} is out of date: run {sys.argv[0]}")
    TARGET.write_text(text)
    sys.stdout.write(f"{TARGET}: {len(text)} bytes\n")


if __name__ == "__main__":
    main()
