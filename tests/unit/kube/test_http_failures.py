"""What keeps an API server from answering is said in one line with what to do, the same line for every request."""

import asyncio
import ssl
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kubernetes_asyncio.client import Configuration

from kdlib.errors import ApiError, UnreachableError
from kdlib.kube import Access, HttpTransport, cause_of
from kdlib.wire import POD, SERVICE, Request

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
KINDS = (POD, SERVICE)
ROUND = "or go round it: NO_PROXY names hosts that are reached without one"


def self_signed(folder, *, begin=-HOUR, end=HOUR, host="localhost"):
    """Write a certificate and its key; return the path of both in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW + begin).not_valid_after(NOW + end)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / f"{host}.pem"
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM) + private)
    return path


async def page(_):
    return web.Response(status=200, text="<html>Please log in</html>", content_type="text/html")


@asynccontextmanager
async def listening(handler=page, certificate=None):
    """Serve over TLS, or without; give the port."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "localhost", 0, ssl_context=context)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def refusal(configuration):
    """Ask for two kinds; return the one cause that both give."""
    transport = HttpTransport(Access(configuration, name="here"))
    causes = set()
    try:
        for kind in KINDS:
            with pytest.raises((UnreachableError, ApiError)) as raised:
                await transport.request(Request("GET", kind.path(), timeout_seconds=10))
            causes.add(cause_of(kind, raised.value))
    finally:
        await transport.close()
        # The other end of a connection that was refused is told in the next turn of the loop.
        await asyncio.sleep(0)
    (cause,) = causes
    assert "\n" not in cause
    return cause


def https(port, host="localhost", **more):
    configuration = Configuration(host=f"https://{host}:{port}")
    for key, value in more.items():
        setattr(configuration, key, value)
    return configuration


@pytest.mark.parametrize(
    ("made", "trusted", "words"),
    [
        ({"begin": HOUR, "end": 2 * HOUR}, True, ("certificate is not yet valid", "compare the clock of this machine")),
        (
            {"begin": -2 * HOUR, "end": -HOUR},
            True,
            ("certificate has expired", "have it renewed, or compare the clock"),
        ),
        ({"host": "moon.example.org"}, True, ("Hostname mismatch", "give that name as tls-server-name")),
        ({}, False, ("self-signed certificate", "give the certificate authority that signed it as certificate-auth")),
    ],
    ids=["not yet valid", "expired", "of another name", "of an unknown authority"],
)
async def test_a_certificate_that_is_refused_is_told_with_what_to_do(tmp_path, made, trusted, words):
    certificate = self_signed(tmp_path, **made)
    async with listening(certificate=certificate) as port:
        cause = await refusal(https(port, **({"ssl_ca_cert": str(certificate)} if trusted else {})))
    assert cause.startswith(f'no answer from "https://localhost:{port}": its certificate is not to be trusted: ')
    assert all(part in cause for part in words), cause
    assert cause.endswith("; tried again until it answers")


async def test_a_port_that_speaks_no_tls_is_told_as_such():
    async with listening() as port:
        cause = await refusal(https(port))
    assert "it speaks no TLS that we understand (" in cause
    assert "look whether address and port are the API server's" in cause


async def test_a_page_instead_of_an_answer_tells_that_no_api_server_is_there():
    async with listening() as port:
        cause = await refusal(Configuration(host=f"http://localhost:{port}"))
    assert cause.startswith(f'no API server answers at "http://localhost:{port}": the answer is not JSON: ')
    assert "Please log in" in cause


async def test_a_page_instead_of_a_watch_does_not_pass_for_one_that_ended():
    async with listening() as port:
        transport = HttpTransport(Access(Configuration(host=f"http://localhost:{port}")))
        with pytest.raises(UnreachableError, match="Please log in"):
            async with transport.watch(Request("GET", POD.path(), {"watch": "true"})):
                pass
        await transport.close()


async def answered_by_proxy(answer):
    """Answer every connection as a proxy that lets nobody through."""

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0)


PAGE = b"Content-Type: text/html\r\nContent-Length: 18\r\nConnection: close\r\n\r\n<html>\n no </html>"
PROXIES = {
    "who are you": (
        b"HTTP/1.1 407 Proxy Authentication Required\r\n" + PAGE,
        f"the proxy before it wants to know who we are (407); write user and password into its URL, {ROUND}",
    ),
    "bad gateway": (
        b"HTTP/1.1 502 Bad Gateway\r\n" + PAGE,
        f"the proxy before it answers 502 Bad Gateway; look after the proxy, {ROUND}",
    ),
}


@pytest.mark.parametrize(("answer", "words"), PROXIES.values(), ids=PROXIES)
@pytest.mark.parametrize("by", ["environment", "kubeconfig"])
async def test_a_proxy_that_lets_nobody_through_is_told_without_its_password(answer, words, by, monkeypatch):
    server = await answered_by_proxy(answer)
    async with server:
        url = f"http://me:pa55word@127.0.0.1:{server.sockets[0].getsockname()[1]}"
        configuration = https(6443, "moon.example.org")
        if by == "environment":
            monkeypatch.setenv("HTTPS_PROXY", url)
        else:
            configuration.proxy = url
        cause = await refusal(configuration)
    assert cause == f'no answer from "https://moon.example.org:6443": {words}; tried again until it answers'


async def test_a_proxy_that_is_away_is_not_taken_for_the_api_server(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://me:pa55word@127.0.0.1:1")
    cause = await refusal(https(6443, "moon.example.org"))
    assert "the proxy before it, 127.0.0.1:1, is not reached: connection refused; start it" in cause
    assert "pa55word" not in cause


async def test_no_proxy_names_what_is_reached_without_one(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "localhost")
    async with listening() as port:
        assert "the answer is not JSON" in await refusal(Configuration(host=f"http://localhost:{port}"))


@pytest.mark.parametrize("code", [403, 407, 502, 503, 504])
async def test_what_a_proxy_answers_to_each_request_is_one_cause_for_all(code):
    async def handler(_):
        return web.Response(status=code, text="<html>\n <b>Away</b>\n</html>", content_type="text/html")

    async with listening(handler) as port:
        cause = await refusal(Configuration(host=f"http://localhost:{port}"))
    shown = "<html> <b>Away</b> </html>"
    assert cause == f"not the API server but a proxy before it answers HTTP {code}: {shown}; tried again"
