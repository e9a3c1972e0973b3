"""Secret key values: encrypted before they are stored, kept where they say the same (2.3.6, 7.3).

The text in a spec is the nonce, the ciphertext and the tag of AES-GCM in hexadecimal digits, with no additional data:
what other releases encrypted stays readable (OP-06).

Layer: pure.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kdlib.errors import Problem
from kdlib.frozen import Json
from kdlib.model import ClusterSpec, Config, SecretKey

__all__ = [
    "StoredKeys",
    "clear_values",
    "decrypted",
    "derived",
    "encrypted",
    "encryption_patch",
    "kept_ciphertexts",
    "keys_available",
    "master_key",
    "with_ciphertexts",
]

_NONCE_BYTES = 12
_TAG_BYTES = 16


def encrypted(value: str, key: bytes, nonce: bytes) -> str:
    """Encrypt a value under a key of 16, 24 or 32 bytes; the nonce has 12, and no other value may ever share it."""
    return (nonce + AESGCM(key).encrypt(nonce, value.encode(), None)).hex()


def decrypted(text: str, key: bytes) -> str | None:
    """Return the value, or None where the text was not made by this key; too short a text is none too (W-38)."""
    try:
        data = bytes.fromhex(text)
        if len(data) < _NONCE_BYTES + _TAG_BYTES:
            return None
        return AESGCM(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], None).decode()
    except (ValueError, InvalidTag):
        return None


def derived(entropy: str, *parts: object) -> bytes:
    """Return 32 bytes that nobody can guess who does not know the entropy, others for other parts."""
    return hashlib.sha256("\0".join([entropy, *map(str, parts)]).encode()).digest()


def master_key(config: Config | None) -> bytes | None:
    """Return the key of the global configuration, or None where there is none that can be used (CFG-V-08)."""
    text = (config and config.spec and config.spec.master_encryption_key) or ""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        return None
    return key if len(key) in {16, 24, 32} else None


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """The secret keys of a stored spec, by role id and name."""

    by_name: Mapping[tuple[str, str], tuple[SecretKey, ...]]

    @classmethod
    def of(cls, spec: ClusterSpec | None) -> "StoredKeys":
        """Read them from a spec; None is a cluster that was not stored yet."""
        found: dict[tuple[str, str], tuple[SecretKey, ...]] = {}
        for role in spec.roles if spec else ():
            for item in role.secret_keys:
                found[role.id, item.name] = (*found.get((role.id, item.name), ()), item)
        return cls(found)

    def ciphertexts(self, role_id: str, name: str) -> tuple[str, ...]:
        """Return the encrypted values that are stored under this name."""
        return tuple(item.encrypted_value for item in self.by_name.get((role_id, name), ()) if item.encrypted_value)


def kept_ciphertexts(spec: ClusterSpec, stored: StoredKeys, key: bytes | None) -> Iterator[Problem]:
    """CL-V-36: an encrypted value is one that is stored for the same role and name; nobody can bring one along.

    Another ciphertext of the same value is as good: it is made by one who has the key (7.3, a renewed key).
    """
    for index, role in enumerate(spec.roles):
        for number, item in enumerate(role.secret_keys):
            if item.value or not item.encrypted_value:
                continue
            known = stored.ciphertexts(role.id, item.name)
            if item.encrypted_value in known or _says_the_same(item.encrypted_value, known, key):
                continue
            path = f"spec.roles[{index}].secretKeys[{number}].encryptedValue"
            what = f"is not the one that is stored for {item.name!r} of role {role.id!r}"
            yield Problem(path, what, "give the value itself, as value: it is encrypted before it is stored", "CL-V-36")


def _says_the_same(text: str, known: tuple[str, ...], key: bytes | None) -> bool:
    value = decrypted(text, key) if key else None
    return value is not None and key is not None and any(decrypted(item, key) == value for item in known)


def keys_available(spec: ClusterSpec, key: bytes | None) -> Iterator[Problem]:
    """CL-V-37: what is to be encrypted needs a master key in the global configuration."""
    for index, role in enumerate(spec.roles):
        for number, item in enumerate(role.secret_keys):
            if key is None and _is_clear(item):
                path = f"spec.roles[{index}].secretKeys[{number}].value"
                remedy = "ask your administrator to set masterEncryptionKey in KubeDirectorConfig kd-global-config"
                yield Problem(path, "cannot be encrypted: there is no master key", remedy, "CL-V-37")


def clear_values(spec: ClusterSpec) -> Iterator[Problem]:
    """CL-M-09 without a webhook: nothing encrypted the value before it was stored, so it is refused."""
    for index, role in enumerate(spec.roles):
        for number, item in enumerate(role.secret_keys):
            if item.value:
                path = f"spec.roles[{index}].secretKeys[{number}].value"
                remedy = "use a Secret, or run the operator with its webhook and write the value anew"
                yield Problem(path, "is stored in clear, for no webhook encrypted it", remedy, "CL-M-09")


def with_ciphertexts(spec: ClusterSpec, stored: StoredKeys, key: bytes | None, entropy: str) -> ClusterSpec:
    """CL-M-09: encrypt each clear value; a stored ciphertext that says the same is kept.

    `entropy` are fresh random hex digits; each value gets a nonce of its own from them. Without a key, or without any
    entropy (over files, where nothing is stored), nothing changes.
    """
    if key is None or not entropy or not any(role.secret_keys for role in spec.roles):
        return spec
    roles = []
    for index, role in enumerate(spec.roles):
        items = []
        for number, item in enumerate(role.secret_keys):
            nonce = derived(entropy, "nonce", index, number)[:_NONCE_BYTES]
            known = stored.ciphertexts(role.id, item.name)
            items.append(_protected(item, known, key, nonce) if _is_clear(item) else item)
        roles.append(role.changed(secret_keys=tuple(items)) if items else role)
    return spec.changed(roles=tuple(roles))


def encryption_patch(spec: ClusterSpec, protected: ClusterSpec) -> Iterator[Json]:
    """CL-M-09: put the encrypted values into the place of the clear ones, and change nothing else of the spec."""
    for index, (role, safe) in enumerate(zip(spec.roles, protected.roles, strict=True)):
        for number, (item, kept) in enumerate(zip(role.secret_keys, safe.secret_keys, strict=True)):
            if item is not kept:
                value = {"name": kept.name, "encryptedValue": kept.encrypted_value}
                yield {"op": "replace", "path": f"/spec/roles/{index}/secretKeys/{number}", "value": value}


def _protected(item: SecretKey, known: tuple[str, ...], key: bytes, nonce: bytes) -> SecretKey:
    value = item.value or ""
    same = next((text for text in known if decrypted(text, key) == value), None)
    return SecretKey(name=item.name, encrypted_value=same or encrypted(value, key, nonce))


def _is_clear(item: SecretKey) -> bool:
    return bool(item.value) or not item.encrypted_value
