"""What a kubelet computes for containers: variables, files, programs."""

import base64

import pytest

from kdlib.sandbox.node.environment import (
    ConfigurationError,
    Sources,
    expand,
    field_value,
    resource_value,
    service_variables,
    variables,
)
from kdlib.sandbox.node.images import Image
from kdlib.sandbox.node.payloads import File, payload
from kdlib.sandbox.node.pod_files import host_name, hosts_file, resolver_file
from kdlib.sandbox.node.programs import program

POD = {
    "metadata": {"name": "web-0", "namespace": "ns", "uid": "u", "labels": {"b": 'x"y', "a": "1"}},
    "spec": {"nodeName": "sandbox", "serviceAccountName": "builder", "containers": []},
    "status": {"podIP": "10.88.0.9", "podIPs": [{"ip": "10.88.0.9"}]},
}
DATA = {
    ("ConfigMap", "conf"): {"data": {"k": "v", "l": "w"}, "binaryData": {"bin": base64.b64encode(b"\xff").decode()}},
    ("Secret", "keys"): {"data": {"k": base64.b64encode(b"s3cret").decode()}},
}
SOURCES = Sources(POD, lambda kind, name: DATA.get((kind, name)), {"cpu": "2", "memory": "1Gi"})
IMAGE = Image("i", entrypoint=("run",), command=("it",), environment={"A": "image"}, working_folder="/w", user="app")


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "1"),
        ("x$(A)y$(B)", "x1y2"),
        ("$(C)", "$(C)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$A ${A} $", "$A ${A} $"),
        ("$(A", "$(A"),
        ("", ""),
    ],
)
def test_references_are_expanded_as_kubernetes_does(text, expanded):
    assert expand(text, {"A": "1", "B": "2"}) == expanded


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"configMapKeyRef": {"name": "no", "key": "k"}}, 'configmap "no" not found'),
        ({"secretKeyRef": {"name": "no", "key": "k"}}, 'secret "no" not found'),
        ({"configMapKeyRef": {"name": "conf", "key": "no"}}, "couldn't find key no in ConfigMap ns/conf"),
    ],
)
def test_a_missing_source_is_a_configuration_error_unless_it_is_optional(source, message):
    with pytest.raises(ConfigurationError, match=message):
        variables({"env": [{"name": "X", "valueFrom": source}]}, SOURCES, {})

    optional = {key: {**value, "optional": True} for key, value in source.items()}
    assert variables({"env": [{"name": "X", "valueFrom": optional}]}, SOURCES, {}) == {}


def test_later_variables_win_and_see_earlier_ones():
    container = {
        "envFrom": [{"configMapRef": {"name": "conf"}}, {"secretRef": {"name": "keys"}, "prefix": "P_"}],
        "env": [{"name": "l", "value": "$(k)$(S)"}, {"name": "S", "value": "own"}],
    }

    assert variables(container, SOURCES, {"S": "service"}) == {"S": "own", "k": "v", "l": "vservice", "P_k": "s3cret"}


def test_fields_of_the_pod_are_given():
    assert field_value("metadata.name", POD) == "web-0"
    assert field_value("metadata.labels['b']", POD) == 'x"y'
    assert field_value("metadata.labels", POD) == 'a="1"\nb="x\\"y"'
    assert field_value("spec.serviceAccountName", POD) == "builder"
    assert field_value("status.podIPs", POD) == "10.88.0.9"
    assert field_value("metadata.annotations['none']", POD) == ""


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ({"resource": "limits.cpu"}, "2"),
        ({"resource": "requests.cpu", "divisor": "1m"}, "250"),
        ({"resource": "requests.cpu"}, "1"),
        ({"resource": "limits.memory"}, "536870912"),
        ({"resource": "requests.memory", "divisor": "1Mi"}, "512"),
    ],
)
def test_resources_are_given_in_units_rounded_up(reference, value):
    container = {"resources": {"limits": {"memory": "512Mi"}, "requests": {"cpu": "250m"}}}

    assert resource_value(reference, container, SOURCES.capacity) == value


def test_services_of_the_namespace_and_the_api_are_told_of():
    def service(name, namespace, address):
        return {
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"clusterIP": address, "ports": [{"name": "p-1", "port": 1}]},
        }

    services = [
        service("kubernetes", "default", "10.96.0.1"),
        service("my-db", "ns", "10.96.0.2"),
        service("other", "else", "10.96.0.3"),
        service("set", "ns", "None"),
    ]

    with_links = service_variables(services, links=True, namespace="ns")
    assert {key.partition("_")[0] for key in with_links} == {"KUBERNETES", "MY"}
    assert with_links["MY_DB_SERVICE_PORT_P_1"] == "1"
    assert with_links["MY_DB_PORT_1_TCP_ADDR"] == "10.96.0.2"
    without = service_variables(services, links=False, namespace="ns")
    assert {key.partition("_")[0] for key in without} == {"KUBERNETES"}


def test_volumes_have_the_files_of_their_sources():
    token = "{}/{}".format

    assert payload({"configMap": {"name": "conf"}}, SOURCES, token) == {
        "bin": File(b"\xff", 0o644),
        "k": File(b"v", 0o644),
        "l": File(b"w", 0o644),
    }
    chosen = {"secretName": "keys", "defaultMode": 0o400, "items": [{"key": "k", "path": "a/b"}]}
    assert payload({"secret": chosen}, SOURCES, token) == {"a/b": File(b"s3cret", 0o400)}
    projected = {"sources": [{"serviceAccountToken": {"path": "t"}}, {"configMap": {"name": "no", "optional": True}}]}
    assert payload({"projected": projected}, SOURCES, token) == {"t": File(b"ns/builder", 0o644)}
    with pytest.raises(ConfigurationError, match="references non-existent configmap key: z"):
        payload({"configMap": {"name": "conf", "items": [{"key": "z", "path": "z"}]}}, SOURCES, token)


@pytest.mark.parametrize(
    ("container", "argv"),
    [
        ({}, ["run", "it"]),
        ({"args": ["$(A)"]}, ["run", "pod"]),
        ({"command": ["sh"]}, ["sh"]),
        ({"command": ["sh", "$(B)"], "args": ["x"]}, ["sh", "$(B)", "x"]),
    ],
)
def test_the_command_is_the_containers_over_the_images(container, argv):
    made = program(container, POD, IMAGE, {"A": "pod"})

    assert made["argv"] == argv
    assert (made["env"], made["cwd"]) == ({"A": "pod"}, "/w")


@pytest.mark.parametrize(
    ("pod_context", "context", "user", "groups"),
    [
        ({}, {}, "app", []),
        ({"runAsUser": 5}, {}, "5", []),
        ({"runAsUser": 5, "fsGroup": 9, "supplementalGroups": [7]}, {"runAsUser": 6, "runAsGroup": 8}, "6:8", [7, 9]),
        ({"runAsGroup": 3}, {}, "app:3", []),
    ],
)
def test_the_user_is_the_containers_over_the_pods_over_the_images(pod_context, context, user, groups):
    pod = {**POD, "spec": {**POD["spec"], "securityContext": pod_context}}

    made = program({"securityContext": context}, pod, IMAGE, {})

    assert (made["user"], made["groups"]) == (user, groups)


def test_capabilities_are_added_and_dropped():
    def numbers(**wanted):
        return program({"securityContext": {"capabilities": wanted}}, POD, IMAGE, {})["capabilities"]

    assert numbers(drop=["ALL"], add=["NET_ADMIN", "CAP_SYS_PTRACE"]) == [12, 19]
    assert len(numbers()) == 14
    assert len(numbers(add=["ALL"])) == 41
    assert 10 not in numbers(drop=["NET_BIND_SERVICE"])


def test_host_names_and_files_are_as_a_kubelet_writes_them():
    member = {**POD, "spec": {"subdomain": "web", "hostAliases": [{"ip": "1.2.3.4", "hostnames": ["a", "b"]}]}}

    assert host_name(member) == "web-0"
    assert "10.88.0.9\tweb-0.web.ns.svc.cluster.local\tweb-0\n" in hosts_file(member, "10.88.0.9")
    assert hosts_file(member, "10.88.0.9").endswith("1.2.3.4\ta\tb\n")
    assert host_name({**POD, "spec": {"hostname": "x", "subdomain": "web", "setHostnameAsFQDN": True}}) == (
        "x.web.ns.svc.cluster.local"
    )


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (
            {},
            "search ns.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.88.0.1\noptions ndots:5\n",
        ),
        ({"dnsPolicy": "Default"}, "nameserver 10.88.0.1\n"),
        (
            {
                "dnsPolicy": "None",
                "dnsConfig": {"nameservers": ["9.9.9.9"], "searches": ["x.y"], "options": [{"name": "a"}]},
            },
            "search x.y\nnameserver 9.9.9.9\noptions a\n",
        ),
        (
            {"dnsConfig": {"searches": ["x.y"], "options": [{"name": "ndots", "value": "2"}]}},
            "search ns.svc.cluster.local svc.cluster.local cluster.local x.y\nnameserver 10.88.0.1\noptions ndots:2\n",
        ),
    ],
)
def test_the_resolver_is_configured_by_policy_and_by_hand(spec, text):
    assert resolver_file({**POD, "spec": spec}, "10.88.0.1") == text
