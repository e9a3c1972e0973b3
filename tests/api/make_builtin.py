"""Makes kdlib/wire/builtin.json: the schemas and resources of the built-in kinds that the sandbox serves.

It starts the real API server out of the cache folder (`make control-plane`), asks it for its OpenAPI v3 and discovery
documents, reduces them to the kinds below, and writes one JSON document:

    definitions  name -> schema; references are "#/definitions/NAME", descriptions are left out
    kinds        "apps/v1/StatefulSet" -> name of its definition
    resources    "apps/v1" -> the entries of the group version's APIResourceList, subresources served only

With `--check` it writes nothing and exits with 1 where the file differs.

Run it as: python tests/api/make_builtin.py [--check]
"""

import os
import re
import sys
from pathlib import Path

import orjson

from kdlib.testing import ControlPlane, control_plane_folder

KINDS = {
    "v1": "ConfigMap Endpoints Event Namespace Node PersistentVolume PersistentVolumeClaim Pod Secret Service"
    " ServiceAccount",
    "admissionregistration.k8s.io/v1": "MutatingWebhookConfiguration ValidatingWebhookConfiguration",
    "apiextensions.k8s.io/v1": "CustomResourceDefinition",
    "apps/v1": "ControllerRevision Deployment ReplicaSet StatefulSet",
    "authorization.k8s.io/v1": "SelfSubjectAccessReview SubjectAccessReview",
    "coordination.k8s.io/v1": "Lease",
    "discovery.k8s.io/v1": "EndpointSlice",
    "events.k8s.io/v1": "Event",
    "policy/v1": "PodDisruptionBudget",
    "rbac.authorization.k8s.io/v1": "ClusterRole ClusterRoleBinding Role RoleBinding",
    "storage.k8s.io/v1": "StorageClass",
}
BESIDES = {
    "v1/Status": "io.k8s.apimachinery.pkg.apis.meta.v1.Status",
    "meta.k8s.io/v1/DeleteOptions": "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
    "autoscaling/v1/Scale": "io.k8s.api.autoscaling.v1.Scale",
}
SUBRESOURCES = {"attach", "binding", "eviction", "exec", "finalize", "log", "portforward", "scale", "status"}
KEPT = (
    "type",
    "default",
    "format",
    "enum",
    "required",
    "oneOf",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
    "x-kubernetes-patch-merge-key",
    "x-kubernetes-patch-strategy",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-unions",
)
TARGET = Path(__file__).parents[2] / "kdlib" / "wire" / "builtin.json"


def reference(text):
    return {"$ref": "#/definitions/" + text.rpartition("/")[2]}


def reduced(schema):
    """Reduce one schema: references folded, words dropped."""
    if "$ref" in schema:
        return reference(schema["$ref"])
    if "allOf" in schema:
        (only,) = schema["allOf"]
        extra = {key: schema[key] for key in KEPT if key in schema and key != "type"}
        return reduced(only) | extra
    # Zero defaults stay: they tell the parts that a server always shows, and that nobody owns by creating an object.
    result = {key: schema[key] for key in KEPT if key in schema}
    if "properties" in schema:
        result["properties"] = {name: reduced(part) for name, part in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            result[key] = reduced(schema[key])
            result[key].pop("default", None)
    return result


def references(schema):
    return set(re.findall(r"#/definitions/([^\"]+)", orjson.dumps(schema).decode()))


def root(group_version):
    return ("apis/" if "/" in group_version else "api/") + group_version


def asked(plane, path):
    code, body = plane.call("GET", path)
    if code != 200:
        raise SystemExit(f"{path}: {code} {body}")
    return body


def schemas_of(plane):
    found = {}
    for group_version in [*KINDS, "autoscaling/v1"]:
        document = asked(plane, "/openapi/v3/" + root(group_version))
        found |= document["components"]["schemas"]
    return found


def resources_of(plane, group_version, kinds):
    kept, plurals = [], set()
    for entry in asked(plane, "/" + root(group_version))["resources"]:
        plural, _, subresource = entry["name"].partition("/")
        if not subresource and entry["kind"] in kinds:
            plurals.add(plural)
        elif subresource not in SUBRESOURCES or plural not in plurals:
            continue
        entry.pop("storageVersionHash", None)
        kept.append(entry)
    return kept


def made(plane):
    schemas = schemas_of(plane)
    kinds = dict(BESIDES)
    for name, schema in schemas.items():
        for served in schema.get("x-kubernetes-group-version-kind", ()):
            group_version = f"{served['group']}/{served['version']}".lstrip("/")
            if served["kind"] in KINDS.get(group_version, "").split():
                kinds[f"{group_version}/{served['kind']}"] = name
    definitions, wanted = {}, set(kinds.values())
    while wanted:
        name = wanted.pop()
        definitions[name] = reduced(schemas[name])
        wanted |= references(definitions[name]) - set(definitions)
    resources = {version: resources_of(plane, version, names.split()) for version, names in KINDS.items()}
    return {"definitions": definitions, "kinds": kinds, "resources": resources}


def written(document):
    """Encode with one entry per line, so that a new version shows as a short difference."""
    parts = []
    for section, entries in sorted(document.items()):
        lines = ",\n".join(
            orjson.dumps(key).decode() + ":" + orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
            for key, value in sorted(entries.items())
        )
        parts.append(f'"{section}":{{\n{lines}\n}}')
    return "{" + ",\n".join(parts) + "}\n"


def main():
    with ControlPlane(control_plane_folder(os.environ)) as plane:
        text = written(made(plane))
    if "--check" in sys.argv[1:]:
        raise SystemExit(0 if TARGET.read_text() == text else f"{TARGET} is out of date: run {sys.argv[0]}")
    TARGET.write_text(text)
    sys.stdout.write(f"{TARGET}: {len(text)} bytes\n")


if __name__ == "__main__":
    main()
