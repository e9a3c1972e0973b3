"""What clients accept, and what they send."""

import pytest

from kdlib.errors import ApiError
from kdlib.sandbox.http.bodies import decoded
from kdlib.sandbox.http.negotiation import Form, Shape, accepted, accepts
from kdlib.sandbox.http.protobuf import PROTOBUF, decoded_protobuf

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("", Form()),
        ("*/*", Form()),
        ("application/json", Form()),
        ("application/yaml", Form(yaml=True)),
        (f"{TABLE},application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", Form(Shape.TABLE)),
        ("application/json;as=Table;v=v1beta1;g=meta.k8s.io", Form(Shape.TABLE, meta_version="v1beta1")),
        ("application/json;as=Table;v=v9;g=meta.k8s.io, application/json", Form()),
        ("application/vnd.kubernetes.protobuf", Form()),
        ("application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json", Form()),
        ("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", Form(Shape.PARTIAL_LIST)),
        ("application/json;q=0.9", Form()),
    ],
)
def test_the_first_form_that_can_be_served_is_taken(header, form):
    assert accepted(header) == form


@pytest.mark.parametrize("header", ["text/html", "application/json;as=Nonsense;v=v1;g=meta.k8s.io"])
def test_a_form_that_is_none_is_not_acceptable(header):
    with pytest.raises(ApiError) as refused:
        accepted(header)
    assert refused.value.code == 406


def test_aggregated_discovery_is_given_to_who_prefers_it():
    wanted = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    assert accepts(f"{wanted},application/json", wanted)
    assert accepts("application/json;v=v2;as=APIGroupDiscoveryList;g=apidiscovery.k8s.io", wanted)
    assert not accepts(f"application/json,{wanted}", wanted)
    assert not accepts("*/*", wanted)


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ('{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}', ()),
        ('{"a":1,"a":2}', ("a",)),
        ('{"a":{"b":1,"b":2}}', ("a.b",)),
        ('{"a":[{"b":1},{"b":1,"c":2,"b":3}]}', ("a[1].b",)),
        ('{"a":"\\":","b":1}', ()),
        ('{"a" : 1, "a" : 2}', ("a",)),
    ],
)
def test_fields_that_stand_twice_are_found_by_their_path(text, paths):
    assert decoded(text.encode(), "application/json", find_duplicates=True)[1] == paths


def test_yaml_is_read_as_the_api_server_reads_it():
    text = b"a: 2001-01-01\nb: 2001-01-01T00:00:00Z\nyes: on\n5: x\nc: !!str 7\n"
    assert decoded(text, "application/yaml", find_duplicates=False)[0] == {
        "a": "2001-01-01",
        "b": "2001-01-01T00:00:00Z",
        "true": True,
        "5": "x",
        "c": "7",
    }


@pytest.mark.parametrize(
    ("text", "media"), [(b"{", "application/json"), (b"a: b: c", "application/yaml"), (b"{", PROTOBUF)]
)
def test_what_cannot_be_read_is_a_bad_request(text, media):
    with pytest.raises(ApiError) as refused:
        decoded(text, media, find_duplicates=True)
    assert (refused.value.code, refused.value.reason) == (400, "BadRequest")


def field(number, value):
    """Encode one protobuf field; numbers as varints, everything else by its length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value & (1 << 64) - 1)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def enveloped(api_version, kind, body):
    return b"k8s\x00" + field(1, field(1, api_version) + field(2, kind)) + field(2, body) + field(3, "") + field(4, "")


def test_protobuf_is_read_as_the_json_that_it_stands_for():
    container = field(1, "app") + field(2, "") + field(6, field(1, "") + field(2, -1) + field(3, 80))
    container += field(8, field(1, field(1, "cpu") + field(2, field(1, "500m"))))
    probe = field(1, field(2, field(1, "/ready") + field(2, field(1, 1) + field(3, "web")))) + field(3, 7)
    volume = field(1, "v") + field(2, field(19, field(1, field(1, "config"))))
    template = field(2, field(1, volume) + field(2, container + field(11, probe)))
    spec = field(1, 0) + field(2, field(1, field(1, "a") + field(2, "b"))) + field(3, template) + field(9, 0)
    metadata = field(1, "web") + field(2, "") + field(8, b"") + field(11, field(1, "x") + field(2, "")) + field(14, "f")
    found = decoded_protobuf(enveloped("apps/v1", "StatefulSet", field(1, metadata) + field(2, spec)))
    container = found["spec"]["template"]["spec"]["containers"][0]
    assert found["apiVersion"] == "apps/v1"
    assert found["metadata"] == {"name": "web", "labels": {"x": ""}, "finalizers": ["f"]}
    assert found["spec"]["replicas"] == 0
    assert "minReadySeconds" not in found["spec"]
    assert found["spec"]["selector"] == {"matchLabels": {"a": "b"}}
    assert found["spec"]["template"]["spec"]["volumes"] == [{"name": "v", "configMap": {"name": "config"}}]
    assert container["ports"] == [{"hostPort": -1, "containerPort": 80}]
    assert container["resources"] == {"limits": {"cpu": "500m"}}
    assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "web"}


def test_times_and_free_json_are_read_from_protobuf():
    spec = field(1, "me") + field(4, field(1, 1577836800) + field(2, 1000))
    found = decoded_protobuf(enveloped("coordination.k8s.io/v1", "Lease", field(2, spec)))
    assert found["spec"] == {"holderIdentity": "me", "renewTime": "2020-01-01T00:00:00.000001Z"}
    body = field(2, field(1, b'{"a":[1]}')) + field(3, 4)
    found = decoded_protobuf(enveloped("apps/v1", "ControllerRevision", body))
    assert found == {"apiVersion": "apps/v1", "kind": "ControllerRevision", "data": {"a": [1]}, "revision": 4}


def test_a_kind_without_a_layout_is_an_unsupported_media_type():
    with pytest.raises(ApiError) as refused:
        decoded_protobuf(enveloped("example.org/v1", "Pond", b""))
    assert refused.value.code == 415
