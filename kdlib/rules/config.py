"""Rules for the global configuration that need nothing but itself (specification 2.4).

Layer: pure.
"""

import re
from collections.abc import Iterator

from kdlib.errors import Problem
from kdlib.model import Config, ConfigSpec
from kdlib.names import is_dns_subdomain
from kdlib.rules.metadata import annotation_problems, label_problems

__all__ = ["config_problems", "used_config_problems", "valid_former_keys", "valid_key", "valid_maps"]

_LONGEST_DOMAIN = 120
_HEXADECIMAL = re.compile(r"(?:[0-9a-fA-F]{2})*")


def config_problems(config: Config) -> Iterator[Problem]:
    """Yield everything wrong with a global configuration as such."""
    spec = config.spec or ConfigSpec()
    yield from valid_key(spec)
    yield from valid_former_keys(spec)
    yield from valid_maps(spec)
    yield from valid_domain(spec)
    yield from valid_class_name(spec)


def used_config_problems(config: Config) -> Iterator[Problem]:
    """Yield what is wrong with the parts of a global configuration that new clusters take over."""
    spec = config.spec or ConfigSpec()
    yield from valid_maps(spec)
    yield from valid_domain(spec)
    yield from valid_class_name(spec)


def valid_key(spec: ConfigSpec) -> Iterator[Problem]:
    """CFG-V-08: the master key is 16, 24 or 32 bytes in hexadecimal digits. Its value is never told."""
    key = spec.master_encryption_key
    if key is not None and not _is_key(key):
        remedy = "write 32, 48 or 64 hexadecimal digits, or leave it out"
        yield Problem("spec.masterEncryptionKey", "is not an AES key", remedy, "CFG-V-08")


def valid_former_keys(spec: ConfigSpec) -> Iterator[Problem]:
    """CFG-X-50 (ours): each former key is one of AES too. Its value is never told."""
    for index, key in enumerate(spec.former_encryption_keys):
        if not _is_key(key):
            remedy = "write 32, 48 or 64 hexadecimal digits, or leave it out"
            yield Problem(f"spec.formerEncryptionKeys[{index}]", "is not an AES key", remedy, "CFG-X-50")


def _is_key(text: str) -> bool:
    return bool(_HEXADECIMAL.fullmatch(text)) and len(text) in {32, 48, 64}


def valid_domain(spec: ConfigSpec) -> Iterator[Problem]:
    """CFG-X-01 (ours): what follows the namespace in host names is a domain; its first dot may be left out (W-44)."""
    base = spec.cluster_svc_domain_base
    if base and not (is_dns_subdomain(base.removeprefix(".")) and len(base) <= _LONGEST_DOMAIN):
        remedy = f"write it as .svc.cluster.local, with at most {_LONGEST_DOMAIN} characters"
        yield Problem("spec.clusterSvcDomainBase", f"{base[:200]!r} is not a domain", remedy, "CFG-X-01")


def valid_class_name(spec: ConfigSpec) -> Iterator[Problem]:
    """CFG-X-02 (ours): the default storage class could be the name of one."""
    name = spec.default_storage_class_name
    if name and not is_dns_subdomain(name):
        what = f"{name[:80]!r} cannot be the name of a storage class"
        remedy = "use lower case letters, digits, '-' and '.'"
        yield Problem("spec.defaultStorageClassName", what, remedy, "CFG-X-02")


def valid_maps(spec: ConfigSpec) -> Iterator[Problem]:
    """CFG-V-09: labels and annotations obey the syntax of Kubernetes."""
    yield from label_problems(spec.pod_labels or {}, "spec.podLabels", "CFG-V-09")
    yield from label_problems(spec.service_labels or {}, "spec.serviceLabels", "CFG-V-09")
    yield from annotation_problems(spec.pod_annotations or {}, "spec.podAnnotations", "CFG-V-09")
    yield from annotation_problems(spec.service_annotations or {}, "spec.serviceAnnotations", "CFG-V-09")
