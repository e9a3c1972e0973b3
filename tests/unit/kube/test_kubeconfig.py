"""A kubeconfig that cannot be used is refused by file, field and remedy, each mistake in one line."""

import base64
import datetime as dt

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kdlib.errors import RefusedError
from kdlib.kube.kubeconfig import check_kubeconfig

NOW = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
CERTIFICATE = b"-----BEGIN CERTIFICATE-----\n"


def encoded(data):
    return base64.b64encode(data).decode()


def client_certificate(last_day, days=9):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "me")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(last_day - dt.timedelta(days=days)).not_valid_after(last_day)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def config(cluster=None, user=None, **changes):
    found = {
        "current-context": "here",
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "u"}},
            {"name": "there", "context": {"cluster": "c"}},
        ],
        "clusters": [{"name": "c", "cluster": {"server": "https://h:1"} if cluster is None else cluster}],
        "users": [{"name": "u", "user": user or {"token": "t"}}],
        **changes,
    }
    return yaml.safe_dump({key: value for key, value in found.items() if value is not None})


def told(path, context=None):
    with pytest.raises(RefusedError) as refused:
        check_kubeconfig(str(path), context, NOW)
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "(the file): is empty; fill it, or name another file"),
        ("[]", "(the file): is no kubeconfig; name another file"),
        ("a: [", "(the file): is not YAML: line 1: expected the node content, but found '<stream end>'; correct it"),
        (config(clusters=7), "clusters: is no list"),
        (config(users=[{"user": {}}]), "users[0]: is no entry with name and user"),
        (config(**{"current-context": None}), "current-context: is not set; name one by --context"),
        (config(**{"current-context": None}), "(its contexts are 'here', 'there')"),
        (config(**{"current-context": "moon"}), "current-context: there is no context 'moon'"),
        (config(contexts=None), "it has no contexts"),
        (config(contexts=[{"name": "here", "context": {}}]), "contexts[here].cluster: names no cluster"),
        (config(users=None), "contexts[here].user: there is no user 'u'; the users there are: none"),
        (config({}), "clusters[c].server: is missing; write the API server's address: https://HOST:PORT"),
        (config({"server": "h"}), "clusters[c].server: 'h' is no address"),
        (
            config({"server": "https://h", "certificate-authority-data": "%"}),
            "clusters[c].certificate-authority-data: is not base64; write a PEM certificate, encoded by base64 -w0",
        ),
        (
            config({"server": "https://h", "certificate-authority-data": encoded(b"no")}),
            "clusters[c].certificate-authority-data: holds no PEM certificate",
        ),
        (
            config({"server": "https://h", "certificate-authority": "none.crt"}),
            "none.crt' cannot be read: No such file or directory; correct the path",
        ),
        (config(user={"client-key-data": encoded(b"no")}), "users[u].client-key-data: holds no PEM key"),
        (
            config(user={"client-certificate-data": encoded(CERTIFICATE)}),
            "users[u].client-certificate-data: holds no certificate that can be read",
        ),
        (
            config(user={"client-certificate-data": encoded(client_certificate(NOW - dt.timedelta(days=1)))}),
            "users[u].client-certificate-data: the client certificate expired on 2026-04-30 at 00:00 UTC; get new",
        ),
        (
            config(user={"client-certificate-data": encoded(client_certificate(NOW + dt.timedelta(days=9), days=8))}),
            "is valid only from 2026-05-02 at 00:00 UTC on, and here it is 2026-05-01 at 00:00; set the clock of this",
        ),
    ],
)
def test_each_mistake_is_named_by_file_field_and_remedy(tmp_path, text, words):
    path = tmp_path / "config"
    path.write_text(text)
    found = told(path)
    assert found.startswith(f'kubeconfig "{path}": ')
    assert words in found
    assert "\n" not in found


def test_a_context_that_is_not_there_is_answered_by_those_that_are(tmp_path):
    (tmp_path / "config").write_text(config())
    assert told(tmp_path / "config", "moon").endswith(
        "contexts: there is no context 'moon'; its contexts are 'here', 'there'"
    )


def test_a_file_that_is_missing_or_no_text_is_named(tmp_path):
    assert "(the file): is not there; name a file by --kubeconfig or KUBECONFIG" in told(tmp_path / "none")
    (tmp_path / "config").write_bytes(b"\xff\xfe\x00")
    assert "(the file): is not YAML: it holds bytes that are no text" in told(tmp_path / "config")
    assert "(the file): cannot be read: Is a directory" in told(tmp_path)


def test_what_can_be_used_passes(tmp_path):
    path = tmp_path / "config"
    lines = encoded(client_certificate(NOW + dt.timedelta(days=1)))
    folded = "\n".join(lines[start : start + 64] for start in range(0, len(lines), 64))
    path.write_text(config(user={"client-certificate-data": folded}))
    assert check_kubeconfig(str(path), None, NOW) == "here"
    assert check_kubeconfig(str(path), "there", NOW) == "there"


def test_of_several_files_the_first_that_says_something_counts(tmp_path):
    (tmp_path / "one").write_text(config(clusters=None, users=None, **{"current-context": "there"}))
    (tmp_path / "two").write_text(config())
    paths = f"{tmp_path / 'one'}:{tmp_path / 'none'}:{tmp_path / 'two'}"
    assert check_kubeconfig(paths, None, NOW) == "there"


def test_a_mistake_of_an_entry_that_is_not_used_is_no_matter(tmp_path):
    (tmp_path / "config").write_text(config(user={"client-key-data": encoded(b"no")}))
    assert check_kubeconfig(str(tmp_path / "config"), "there", NOW) == "there"
