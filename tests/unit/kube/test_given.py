"""A kubeconfig that was handed over as a text is used, and reaches neither files nor programs of ours."""

import json
from pathlib import Path

import pytest

from kdlib.errors import RefusedError
from kdlib.kube import connect_given, load_given


def text(user=None, cluster=None):
    return json.dumps(
        {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "clusters": [{"name": "k", "cluster": {"server": "https://192.0.2.7:6443", **(cluster or {})}}],
            "users": [{"name": "u", "user": {"token": "t0ken"} if user is None else user}],
        }
    )


def descriptors():
    return {path.name for path in Path("/proc/self/fd").iterdir()}


async def test_its_address_and_token_are_used_and_no_descriptor_stays_open():
    before = descriptors()
    access = await load_given(text(), "Secret kd/east")
    assert access.configuration.host == "https://192.0.2.7:6443"
    assert dict(await access.headers()) == {"authorization": "Bearer t0ken"}
    access.close()
    assert descriptors() == before


async def test_it_gives_an_api_under_the_name_that_it_is_given():
    async with connect_given(text(), "Secret kd/east", name="east") as api:
        assert (api.name, api.host) == ("east", "https://192.0.2.7:6443")


@pytest.mark.parametrize(
    ("user", "cluster", "path"),
    [
        ({"exec": {"command": "sh", "apiVersion": "client.authentication.k8s.io/v1"}}, {}, "users[u].exec"),
        ({"tokenFile": "/etc/hostname"}, {}, "users[u].tokenFile"),
        ({"client-certificate": "/etc/c", "client-key": "/etc/k"}, {}, "users[u].client-key"),
        ({"auth-provider": {"name": "oidc"}}, {}, "users[u].auth-provider"),
        (None, {"certificate-authority": "/etc/ca"}, "clusters[k].certificate-authority"),
        (None, {"proxy-url": "http://10.0.0.1"}, "clusters[k].proxy-url"),
    ],
)
async def test_what_reaches_outside_of_the_text_is_refused_by_its_field(user, cluster, path):
    with pytest.raises(RefusedError) as refusal:
        await load_given(text(user, cluster), "Secret kd/east")
    assert path in [problem.path for problem in refusal.value.problems]
    assert refusal.value.subject == "Secret kd/east"


@pytest.mark.parametrize("content", ["", "{", "[]", "s3cret: {{", "contexts: 3\nusers: {}\n", "clusters: [s3cret]\n"])
async def test_what_is_no_kubeconfig_is_refused_by_the_name_of_its_source_without_its_content(content):
    with pytest.raises(RefusedError, match=r"^Secret kd/east: ") as refusal:
        await load_given(content, "Secret kd/east")
    assert "s3cret" not in str(refusal.value)
    assert "/proc/" not in str(refusal.value)
