"""The generated layout reads what a real API server writes: each object as protobuf is the object as JSON."""

import http.client
import json
import ssl

import pytest

from kdlib.sandbox.http.protobuf import PROTOBUF, decoded_protobuf

TEMPLATE = {
    "metadata": {"labels": {"a": "b"}},
    "spec": {
        "automountServiceAccountToken": False,
        "nodeName": "nowhere",
        "initContainers": [{"name": "i", "image": "x:1", "restartPolicy": "Always"}],
        "containers": [
            {
                "name": "c",
                "image": "x",
                "command": ["a", ""],
                "ports": [{"containerPort": 80, "name": "web"}],
                "env": [
                    {"name": "A", "value": "1"},
                    {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                    {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "n", "key": "k", "optional": False}}},
                ],
                "livenessProbe": {"httpGet": {"port": "web"}, "initialDelaySeconds": 3},
                "readinessProbe": {"tcpSocket": {"port": 8080}},
                "resources": {"limits": {"cpu": "1", "memory": "0.5Gi"}},
                "lifecycle": {"preStop": {"exec": {"command": ["a"]}}},
                "securityContext": {"runAsUser": 0, "runAsNonRoot": False},
                "volumeMounts": [{"name": "a", "mountPath": "/a", "subPath": "s"}],
            }
        ],
        "volumes": [
            {"name": "a", "emptyDir": {"sizeLimit": "1Gi"}},
            {"name": "b", "configMap": {"name": "x", "defaultMode": 0}},
            {
                "name": "e",
                "projected": {"sources": [{"configMap": {"name": "x"}}, {"serviceAccountToken": {"path": "t"}}]},
            },
            {"name": "g", "hostPath": {"path": "/x"}},
        ],
        "tolerations": [{"operator": "Exists"}],
    },
}
SET = {
    "replicas": 0,
    "serviceName": "s",
    "selector": {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]},
    "template": {**TEMPLATE, "spec": {**TEMPLATE["spec"], "nodeName": ""}},
    "volumeClaimTemplates": [
        {
            "metadata": {"name": "d"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "",
                "resources": {"requests": {"storage": "1Gi"}},
            },
        }
    ],
}
VERSION = ".metadata.resourceVersion"
METADATA = {"name": "layout", "annotations": {"x": ""}, "finalizers": ["example.org/a"]}
OBJECTS = {
    "/api/v1/namespaces/default/pods": {"spec": TEMPLATE["spec"]},
    "/apis/apps/v1/namespaces/default/statefulsets": {"spec": SET},
    "/api/v1/namespaces/default/services": {"spec": {"type": "NodePort", "ports": [{"port": 80, "targetPort": "web"}]}},
    "/api/v1/namespaces/default/secrets": {"data": {"k": "dg=="}, "immutable": False},
    "/apis/coordination.k8s.io/v1/namespaces/default/leases": {"spec": {"renewTime": "2020-01-01T00:00:00.000001Z"}},
    "/apis/apps/v1/namespaces/default/controllerrevisions": {"revision": 1, "data": {"a": [1, {"b": None}]}},
    "/apis/policy/v1/namespaces/default/poddisruptionbudgets": {"spec": {"minAvailable": "50%"}},
    "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles": {
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    },
    "/api/v1/namespaces/default/events": {
        "involvedObject": {"kind": "Pod", "namespace": "default"},
        "reason": "r",
        "count": 7,
        "firstTimestamp": "1960-01-01T00:00:00Z",
    },
}


@pytest.fixture(scope="module")
def ask(real_credentials):
    url, authority, certificate, key = real_credentials
    context = ssl.create_default_context(cafile=authority)
    context.load_cert_chain(certificate, key)
    host, port = url.removeprefix("https://").split(":")
    connection = http.client.HTTPSConnection(host, int(port), context=context)

    def asking(method, path, body=None, accept="application/json"):
        headers = {"Accept": accept, "Content-Type": "application/json"}
        connection.request(method, path, json.dumps(body) if body else None, headers)
        return connection.getresponse().read()

    yield asking
    connection.close()


def leaves(value, path=""):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if not items:
        yield path, value
        return
    for key, item in items:
        yield from leaves(item, f"{path}.{key}")


def both_readings(ask, path):
    """The leaves of one version of an object in both forms: a controller may write between two reads."""
    while True:
        as_json = dict(leaves(json.loads(ask("GET", path))))
        as_protobuf = dict(leaves(decoded_protobuf(ask("GET", path, accept=PROTOBUF))))
        if as_json[VERSION] == as_protobuf[VERSION]:
            return as_json, as_protobuf


@pytest.mark.control_plane
@pytest.mark.parametrize("path", OBJECTS)
def test_protobuf_is_the_same_object_as_json(ask, path):
    made = json.loads(ask("POST", path, {"metadata": METADATA, **OBJECTS[path]}))
    assert made["kind"] != "Status", made
    as_json, as_protobuf = both_readings(ask, f"{path}/layout")
    # What is empty is not sent, and the parts of a set do not say their kind.
    missing = {place for place in as_json.keys() - as_protobuf.keys() if as_json[place] not in ({}, None)}
    assert missing <= {".spec.volumeClaimTemplates.0.apiVersion", ".spec.volumeClaimTemplates.0.kind"}
    assert {place: as_json[place] for place in as_protobuf} == as_protobuf
