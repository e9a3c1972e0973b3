"""Certificates of the webhook server: an authority of its own, and the server's certificate that it signs.

The authority outlives many server certificates, so that renewing one changes nothing for the API server. When the
authority itself is to be renewed, the new one is added to the bundle long before anything is signed by it.

Layer: shell.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["Certificates", "Lifetimes", "next_look", "renewed"]

_BACKDATED = timedelta(hours=1)
_AUTHORITY_NAME = "kubedirector-webhook-ca"


@dataclass(frozen=True, slots=True)
class Certificates:
    """What a TLS server needs, as PEM texts.

    `authorities` is what clients trust, the newest first; empty where somebody else tells the API server whom to
    trust. `authority_key` is the key of the first authority; empty where the certificate is not ours to renew.
    """

    certificate: str
    key: str
    authorities: str = ""
    authority_key: str = ""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long certificates are valid; each is renewed when a third of that is left."""

    server: timedelta = timedelta(days=90)
    authority: timedelta = timedelta(days=3650)


def renewed(
    stored: Certificates | None, hosts: Sequence[str], now: datetime, lifetimes: Lifetimes | None = None
) -> Certificates:
    """Return certificates that are good for a while: the stored ones if they are, else with what is due made anew.

    `hosts` are the names and addresses under which the server is called. What cannot be read is made anew.
    """
    lasting = lifetimes or Lifetimes()
    found = stored if stored is not None and _is_readable(stored) else _with_new_authority(None, now, lasting)
    authority = _certificates(found.authorities)[0]
    if _is_due(authority, now):
        found = _with_new_authority(found, now, lasting)
    if not found.certificate or not _serves(found, hosts, now):
        found = _with_new_certificate(found, hosts, now, lasting)
    return found


def next_look(certificates: Certificates, now: datetime) -> timedelta:
    """Return how long from now on nothing has to be renewed; at least a second."""
    ends = [_due_at(item) for text in (certificates.certificate, certificates.authorities) for item in _all(text)[:1]]
    return max(min([*ends, now + timedelta(days=1)]) - now, timedelta(seconds=1))


def _all(text: str) -> list[x509.Certificate]:
    return _certificates(text) if text else []


def _certificates(text: str) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(text.encode())


def _is_readable(stored: Certificates) -> bool:
    """Tell whether there is an authority whose key we have, and nothing that cannot be read."""
    try:
        authority = _certificates(stored.authorities)[0]
        key = _private_key(stored.authority_key)
        _all(stored.certificate)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return authority.public_key() == key.public_key()


def _serves(found: Certificates, hosts: Sequence[str], now: datetime) -> bool:
    """Tell whether the server's certificate fits its key, covers the hosts, is trusted, and is not due."""
    certificate = _certificates(found.certificate)[0]
    try:
        key = _private_key(found.key)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    covers = set(map(str, _general_names(hosts))) <= set(map(str, _names_of(certificate)))
    trusted = any(_is_signed_by(certificate, authority) for authority in _certificates(found.authorities))
    return covers and trusted and certificate.public_key() == key.public_key() and not _is_due(certificate, now)


def _is_signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _names_of(certificate: x509.Certificate) -> Iterable[x509.GeneralName]:
    try:
        return tuple(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return ()


def _due_at(certificate: x509.Certificate) -> datetime:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return end - (end - begin) / 3


def _is_due(certificate: x509.Certificate, now: datetime) -> bool:
    return now >= _due_at(certificate) or now < certificate.not_valid_before_utc


def _with_new_authority(found: Certificates | None, now: datetime, lifetimes: Lifetimes) -> Certificates:
    """Return the certificates with a new authority in front of those that are still valid."""
    key = ec.generate_private_key(ec.SECP256R1())
    # Authorities that are valid side by side are told apart by their names.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{_AUTHORITY_NAME}-{now:%Y%m%d%H%M%S}")])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        _dated(now, now + lifetimes.authority)
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    fresh = _pem(builder.sign(key, hashes.SHA256()))
    if found is None:
        return Certificates("", "", fresh, _key_pem(key))
    still = [_pem(item) for item in _certificates(found.authorities) if item.not_valid_after_utc > now]
    return replace(found, authorities=fresh + "".join(still), authority_key=_key_pem(key))


def _with_new_certificate(
    found: Certificates, hosts: Sequence[str], now: datetime, lifetimes: Lifetimes
) -> Certificates:
    authority, signing = _certificates(found.authorities)[0], _private_key(found.authority_key)
    key = ec.generate_private_key(ec.SECP256R1())
    # A common name may have 64 characters at most, and nobody reads it where there are alternative names.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubedirector-webhook")])
    until = min(now + lifetimes.server, authority.not_valid_after_utc)
    builder = (
        _dated(now, until)
        .subject_name(subject)
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_general_names(hosts)), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
    )
    certificate = builder.sign(signing, hashes.SHA256())
    return replace(found, certificate=_pem(certificate), key=_key_pem(key))


def _dated(begin: datetime, end: datetime) -> x509.CertificateBuilder:
    # Clocks of other machines may be behind.
    backdated = begin - min(_BACKDATED, (end - begin) / 3)
    return (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .not_valid_before(backdated)
        .not_valid_after(end)
    )


def _general_names(hosts: Iterable[str]) -> list[x509.GeneralName]:
    return [_general_name(host) for host in dict.fromkeys(hosts)]


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _private_key(text: str) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(text.encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("not an elliptic curve key")
    return key


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
