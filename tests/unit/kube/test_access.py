"""Credentials: what a kubeconfig says is used, and nothing of it reaches a disk."""

import base64
import datetime as dt
import ssl
import tempfile
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kdlib.errors import RefusedError
from kdlib.kube import connect, load_access
from kdlib.wire import POD


def certificate() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    return made.public_bytes(pem), key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)


def kubeconfig(path: Path, server: str, **user: object) -> Path:
    cluster = {"server": server}
    if "ca" in user:
        cluster["certificate-authority-data"] = base64.b64encode(user.pop("ca")).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "u"}},
            {"name": "there", "context": {"cluster": "c", "user": "v"}},
        ],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}, {"name": "v", "user": {"token": "other"}}],
    }
    path.write_text(yaml.safe_dump(config))
    return path


async def test_contexts_have_credentials_of_their_own(tmp_path):
    path = kubeconfig(tmp_path / "config", "http://127.0.0.1:1", token="mine")
    for context, name, token in ((None, "here", "Bearer mine"), ("there", "there", "Bearer other")):
        access = await load_access(kubeconfig=path, context=context)
        assert access.name == name
        assert await access.headers() == {"authorization": token}
        access.close()


async def test_inline_certificates_work_twice_and_never_touch_the_disk(tmp_path, monkeypatch):
    authority, key = certificate()
    (tmp_path / "crt").write_bytes(authority)
    (tmp_path / "key").write_bytes(key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tmp_path / "crt")
    context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    context.verify_mode = ssl.CERT_REQUIRED
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))

    async def handler(request):
        peer = request.transport.get_extra_info("peercert")
        return web.json_response({"metadata": {}, "items": [], "peer": bool(peer)})

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "localhost", 0, ssl_context=context)
    await site.start()
    credentials = {"client-certificate-data": authority, "client-key-data": key}
    encoded = {name: base64.b64encode(value).decode() for name, value in credentials.items()}
    url = f"https://localhost:{runner.addresses[0][1]}"
    path = kubeconfig(tmp_path / "config", url, ca=authority, **encoded)
    for _ in range(2):
        async with connect(kubeconfig=path) as api:
            assert (await api.list(POD)).items == ()
            assert list(scratch.iterdir()) == []
    await runner.cleanup()


@pytest.mark.parametrize("text", ["", "[]", "{}", "clusters: 7", "a: [", "current-context: x"])
async def test_a_malformed_kubeconfig_is_refused_by_name(tmp_path, text):
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(RefusedError, match="kubeconfig"):
        await load_access(kubeconfig=path)


async def test_a_missing_kubeconfig_or_context_is_refused_by_name(tmp_path):
    with pytest.raises(RefusedError, match="is not there"):
        await load_access(kubeconfig=tmp_path / "nowhere")
    with pytest.raises(RefusedError, match="moon"):
        await load_access(kubeconfig=kubeconfig(tmp_path / "config", "http://x", token="t"), context="moon")


async def test_a_certificate_that_is_none_is_refused(tmp_path):
    path = kubeconfig(tmp_path / "config", "https://127.0.0.1:1", ca=b"garbage")
    with pytest.raises(RefusedError):
        async with connect(kubeconfig=path):
            pass


async def test_without_a_service_account_in_cluster_is_refused():
    with pytest.raises(RefusedError, match="service account"):
        await load_access(in_cluster=True)


async def test_a_cluster_that_is_down_can_be_connected(tmp_path):
    async with connect(kubeconfig=kubeconfig(tmp_path / "config", "http://127.0.0.1:1", token="t")) as api:
        assert api.name == "here"


async def test_a_context_without_user_has_no_credentials(tmp_path):
    path = tmp_path / "config"
    contexts = "contexts: [{name: a, context: {cluster: c}}]\ncurrent-context: a\n"
    path.write_text(contexts + "clusters: [{name: c, cluster: {server: https://h}}]\n")
    access = await load_access(kubeconfig=path)
    assert await access.headers() == {}
    access.close()
