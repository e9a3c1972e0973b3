"""Secret key values: encrypted before they are stored, read again for members alone (2.3.6, 5.4, 7.3).

Layer: pure.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kdlib.errors import Problem
from kdlib.frozen import Json, dig
from kdlib.model import ClusterRole, ClusterSpec, SecretKey
from kdlib.rules.keyring import NONCE_BYTES, Keyring, encrypted

__all__ = [
    "StoredKeys",
    "as_stored",
    "clear_values",
    "derived",
    "encryption_patch",
    "kept_ciphertexts",
    "keys_available",
    "read_keys",
    "tells_other_keys",
    "unread_keys",
    "with_ciphertexts",
]


def read_keys(role: ClusterRole, keyring: Keyring) -> dict[str, str]:
    """Return the clear values of a role's secret keys, by name: for members, and for nobody else (law 7)."""
    values = ((item.name, keyring.value_of(item.encrypted_value)) for item in role.secret_keys)
    return {name: value for name, value in values if value is not None}


def unread_keys(role: ClusterRole, keyring: Keyring) -> tuple[str, ...]:
    """CL-X-50 (ours): return the names of the secret keys that no known key decrypts; the others go on (W-38)."""
    if not role.secret_keys:
        return ()
    known = read_keys(role, keyring)
    return tuple(sorted({item.name for item in role.secret_keys} - set(known)))


def tells_other_keys(role: ClusterRole, accepted: Json | None, unread: tuple[str, ...], keyring: Keyring) -> bool:
    """CL-X-51 (ours): tell whether members have to be given the secret keys of a role again.

    `accepted` is the form of the role that members were told of last, and `unread` names the keys of it that could not
    be read then. A key that was encrypted anew says what it said. One that cannot be read now takes nothing from
    members: they keep the value that they have.
    """
    if accepted is None or not (role.secret_keys or dig(accepted, "role", "secretKeys")):
        return False
    stored: list[Json] = dig(accepted, "role", "secretKeys", default=[])
    before = {item.get("name"): item.get("encryptedValue") for item in stored}
    gone = set(before) - {item.name for item in role.secret_keys}
    now = read_keys(role, keyring)
    return bool(gone) or any(name in unread or keyring.value_of(before.get(name)) != now[name] for name in now)


def derived(entropy: str, *parts: object) -> bytes:
    """Return 32 bytes that nobody can guess who does not know the entropy, others for other parts."""
    return hashlib.sha256("\0".join([entropy, *map(str, parts)]).encode()).digest()


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


def kept_ciphertexts(spec: ClusterSpec, stored: StoredKeys, keyring: Keyring) -> Iterator[Problem]:
    """CL-V-36: an encrypted value is one that is stored for the same role and name; nobody can bring one along.

    Another ciphertext of the same value, under whichever known key, is as good: it is made by one who has that key
    (7.3, a renewed key).
    """
    for index, role in enumerate(spec.roles):
        for number, item in enumerate(role.secret_keys):
            if item.value or not item.encrypted_value:
                continue
            known = stored.ciphertexts(role.id, item.name)
            if _stored_form(item.encrypted_value, known, keyring) is not None:
                continue
            path = f"spec.roles[{index}].secretKeys[{number}].encryptedValue"
            what = f"is not the one that is stored for {item.name!r} of role {role.id!r}"
            yield Problem(path, what, "give the value itself, as value: it is encrypted before it is stored", "CL-V-36")


def _stored_form(text: str, known: tuple[str, ...], keyring: Keyring) -> str | None:
    """Return the stored text that says the same, or None."""
    if text in known:
        return text
    return next((item for item in known if keyring.same(item, text)), None)


def as_stored(spec: ClusterSpec, stored: StoredKeys, keyring: Keyring) -> ClusterSpec:
    """Return the spec with the stored text in place of each other one that says the same (W-10).

    So a value that was only encrypted anew is no change of the spec.
    """
    if not any(role.secret_keys for role in spec.roles):
        return spec

    def known(role: ClusterRole, item: SecretKey) -> SecretKey:
        found = _stored_form(item.encrypted_value or "", stored.ciphertexts(role.id, item.name), keyring)
        return item if found is None or item.value else item.changed(encrypted_value=found)

    roles = (role.changed(secret_keys=tuple(known(role, item) for item in role.secret_keys)) for role in spec.roles)
    return spec.changed(roles=tuple(roles))


def keys_available(spec: ClusterSpec, keyring: Keyring) -> Iterator[Problem]:
    """CL-V-37: what is to be encrypted needs a master key in the global configuration."""
    for index, role in enumerate(spec.roles):
        for number, item in enumerate(role.secret_keys):
            if keyring.master is None and _is_clear(item):
                path = f"spec.roles[{index}].secretKeys[{number}].value"
                remedy = (
                    "ask your administrator for one: kdd rotate-key makes it in KubeDirectorConfig kd-global-config"
                )
                yield Problem(path, "cannot be encrypted: there is no master key", remedy, "CL-V-37")


def clear_values(spec: ClusterSpec) -> Iterator[Problem]:
    """CL-M-09 without a webhook: nothing encrypted the value before it was stored, so it is refused."""
    for index, role in enumerate(spec.roles):
        for number, item in enumerate(role.secret_keys):
            if item.value:
                path = f"spec.roles[{index}].secretKeys[{number}].value"
                remedy = "use a Secret, or run the operator with its webhook and write the value anew"
                yield Problem(path, "is stored in clear, for no webhook encrypted it", remedy, "CL-M-09")


def with_ciphertexts(spec: ClusterSpec, stored: StoredKeys, keyring: Keyring, entropy: str) -> ClusterSpec:
    """CL-M-09: encrypt each clear value; a stored ciphertext of the present key that says the same is kept.

    `entropy` are fresh random hex digits; each value gets a nonce of its own from them. Without a key, or without any
    entropy (over files, where nothing is stored), nothing changes.
    """
    if keyring.master is None or not entropy or not any(role.secret_keys for role in spec.roles):
        return spec
    roles = []
    for index, role in enumerate(spec.roles):
        items = []
        for number, item in enumerate(role.secret_keys):
            nonce = derived(entropy, "nonce", index, number)[:NONCE_BYTES]
            known = stored.ciphertexts(role.id, item.name)
            items.append(_protected(item, known, keyring, nonce) if _is_clear(item) else item)
        roles.append(role.changed(secret_keys=tuple(items)) if items else role)
    return spec.changed(roles=tuple(roles))


def encryption_patch(spec: ClusterSpec, protected: ClusterSpec) -> Iterator[Json]:
    """CL-M-09: put the encrypted values into the place of the clear ones, and change nothing else of the spec."""
    for index, (role, safe) in enumerate(zip(spec.roles, protected.roles, strict=True)):
        for number, (item, kept) in enumerate(zip(role.secret_keys, safe.secret_keys, strict=True)):
            if item is not kept:
                value = {"name": kept.name, "encryptedValue": kept.encrypted_value}
                yield {"op": "replace", "path": f"/spec/roles/{index}/secretKeys/{number}", "value": value}


def _protected(item: SecretKey, known: tuple[str, ...], keyring: Keyring, nonce: bytes) -> SecretKey:
    value, key = item.value or "", keyring.master or b""
    same = (text for text in known if keyring.is_current(text) and keyring.value_of(text) == value)
    return SecretKey(name=item.name, encrypted_value=next(same, None) or encrypted(value, key, nonce))


def _is_clear(item: SecretKey) -> bool:
    return bool(item.value) or not item.encrypted_value
