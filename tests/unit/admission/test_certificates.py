"""Certificates are good for a while, renewed in time, and trusted by whoever trusted those before them."""

import ipaddress
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from kdlib.admission.certificates import Certificates, Lifetimes, next_look, renewed

NOW = datetime(2026, 11, 23, tzinfo=UTC)
HOSTS = ("kubedirector-webhook.kubedirector.svc", "192.0.2.7")


def certificate_of(found):
    return x509.load_pem_x509_certificate(found.certificate.encode())


def authorities_of(found):
    return x509.load_pem_x509_certificates(found.authorities.encode())


def test_new_certificates_bear_all_hosts_and_are_signed_by_their_authority():
    found = renewed(None, HOSTS, NOW)
    names = certificate_of(found).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [HOSTS[0]]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address(HOSTS[1])]
    certificate_of(found).verify_directly_issued_by(authorities_of(found)[0])
    assert ssl.create_default_context(cadata=found.authorities).cert_store_stats()["x509_ca"] == 1


def test_certificates_that_are_good_stay():
    found = renewed(None, HOSTS, NOW)
    assert renewed(found, HOSTS, NOW + timedelta(days=50)) == found
    assert renewed(found, HOSTS[:1], NOW) == found


def test_a_certificate_is_renewed_when_a_third_of_its_time_is_left_under_the_same_authority():
    found = renewed(None, HOSTS, NOW)
    later = renewed(found, HOSTS, NOW + timedelta(days=61))
    assert later.certificate != found.certificate
    assert (later.authorities, later.authority_key) == (found.authorities, found.authority_key)
    assert certificate_of(later).not_valid_after_utc == NOW + timedelta(days=61 + 90)


def test_the_next_look_is_never_after_the_time_of_renewal():
    found = renewed(None, HOSTS, NOW, Lifetimes(server=timedelta(hours=3)))
    moment = NOW + next_look(found, NOW)
    assert renewed(found, HOSTS, moment, Lifetimes(server=timedelta(hours=3))).certificate != found.certificate
    assert next_look(found, NOW + timedelta(days=9)) == timedelta(seconds=1)


def test_a_new_authority_is_added_before_anything_is_signed_by_it():
    lifetimes = Lifetimes(server=timedelta(days=9), authority=timedelta(days=90))
    found = renewed(None, HOSTS, NOW, lifetimes)
    moment, old = NOW, authorities_of(found)[0]
    while len(authorities_of(found)) == 1:
        before, moment = found, moment + next_look(found, moment)
        found = renewed(found, HOSTS, moment, lifetimes)
    assert authorities_of(found)[1] == old
    assert found.certificate == before.certificate
    signed = renewed(found, HOSTS, moment + timedelta(days=7), lifetimes)
    certificate_of(signed).verify_directly_issued_by(authorities_of(found)[0])
    assert certificate_of(signed).not_valid_after_utc <= authorities_of(signed)[0].not_valid_after_utc


def test_w12_over_years_the_certificate_in_use_is_always_valid_and_trusted_by_the_bundle_before():
    lifetimes = Lifetimes(server=timedelta(days=90), authority=timedelta(days=400))
    found, moment = renewed(None, HOSTS, NOW, lifetimes), NOW
    while moment < NOW + timedelta(days=1500):
        moment += timedelta(days=1)
        bundle = authorities_of(found)
        found = renewed(found, HOSTS, moment, lifetimes)
        certificate = certificate_of(found)
        assert certificate.not_valid_before_utc <= moment < certificate.not_valid_after_utc
        assert any(authority.subject == certificate.issuer for authority in bundle)
        assert len(authorities_of(found)) <= 2


def test_a_certificate_for_other_hosts_is_renewed():
    found = renewed(None, HOSTS, NOW)
    other = renewed(found, ("elsewhere.example.org",), NOW)
    assert other.certificate != found.certificate
    assert other.authorities == found.authorities


@pytest.mark.parametrize(
    "broken",
    [
        {"authorities": ""},
        {"authorities": "nonsense"},
        {"authority_key": ""},
        {"authority_key": "nonsense"},
        {"certificate": "nonsense"},
    ],
    ids=str,
)
def test_what_cannot_be_read_is_made_anew(broken):
    found = replace(renewed(None, HOSTS, NOW), **broken)
    fresh = renewed(found, HOSTS, NOW)
    certificate_of(fresh).verify_directly_issued_by(authorities_of(fresh)[0])


@pytest.mark.parametrize("broken", [{"certificate": ""}, {"key": ""}, {"key": "nonsense"}], ids=str)
def test_a_lost_certificate_or_key_is_made_anew_under_the_same_authority(broken):
    found = renewed(None, HOSTS, NOW)
    fresh = renewed(replace(found, **broken), HOSTS, NOW)
    assert fresh.authorities == found.authorities
    certificate_of(fresh).verify_directly_issued_by(authorities_of(fresh)[0])


def test_a_certificate_of_another_authority_is_replaced():
    found, other = renewed(None, HOSTS, NOW), renewed(None, HOSTS, NOW + timedelta(seconds=1))
    mixed = Certificates(other.certificate, other.key, found.authorities, found.authority_key)
    certificate_of(renewed(mixed, HOSTS, NOW + timedelta(seconds=1))).verify_directly_issued_by(
        authorities_of(found)[0]
    )
