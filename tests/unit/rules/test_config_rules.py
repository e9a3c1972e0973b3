"""Each rule for the global configuration refuses what it must, and tells no key."""

import pytest

from kdlib.model import parse_config
from kdlib.rules import config_problems


def problems(**spec):
    return list(config_problems(parse_config({"metadata": {"name": "kd-global-config"}, "spec": spec})))


@pytest.mark.parametrize("key", ["0" * 32, "aF" * 24, "1" * 64])
def test_a_key_of_a_length_of_aes_is_good(key):
    assert problems(masterEncryptionKey=key) == []


@pytest.mark.parametrize("key", ["", "0" * 31, "g" * 32, "0" * 66, "hunter2"])
def test_any_other_key_is_refused_and_not_told(key):
    (problem,) = problems(masterEncryptionKey=key)
    assert (problem.path, problem.rule) == ("spec.masterEncryptionKey", "CFG-V-08")
    assert key not in str(problem) or not key


@pytest.mark.parametrize("field", ["podLabels", "serviceLabels", "podAnnotations", "serviceAnnotations"])
def test_maps_have_valid_keys(field):
    (problem,) = problems(**{field: {"a b": "x"}})
    assert (problem.path, problem.rule) == (f"spec.{field}[a b]", "CFG-V-09")


def test_an_empty_configuration_is_good():
    assert problems() == []


@pytest.mark.parametrize("domain", [".svc.cluster.local", "svc.example.org", "", ".a"])
def test_w44_the_domain_is_one(domain):
    """CFG-X-01: its first dot may be left out."""
    assert problems(clusterSvcDomainBase=domain) == []
    (problem,) = problems(clusterSvcDomainBase=f"{domain}..x y")
    assert (problem.path, problem.rule) == ("spec.clusterSvcDomainBase", "CFG-X-01")
    (problem,) = problems(clusterSvcDomainBase="." + "a" * 120)
    assert problem.rule == "CFG-X-01"


@pytest.mark.parametrize("name", ["../x", "A", "a b", "x" * 254])
def test_the_storage_class_could_be_one(name):
    (problem,) = problems(defaultStorageClassName=name)
    assert (problem.path, problem.rule) == ("spec.defaultStorageClassName", "CFG-X-02")
