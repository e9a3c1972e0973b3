"""Changing the master key: what each step writes, and what still needs an old key (7.3, W-38).

A rotation has three steps, each of which can be repeated: a new key takes the place of the old one, which becomes a
former key; every cluster's secret keys are encrypted anew; the former keys that nothing needs go. Whoever finds former
keys in the configuration finds a rotation that was begun.

Layer: pure.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kdlib.frozen import Json, dig
from kdlib.rules.keyring import NONCE_BYTES, Keyring, encrypted, keyring_of
from kdlib.rules.secret_keys import derived

__all__ = ["Reencryption", "needs_of", "reencryption", "with_new_key", "without_spared_keys"]


@dataclass(frozen=True, slots=True)
class Reencryption:
    """What is to be done with the secret keys of one cluster.

    `patch` (RFC 6902) changes encrypted values alone, and fails where one of them was changed meanwhile; `unread` names
    the role and the key of those that no known key decrypts.
    """

    patch: tuple[Json, ...] = ()
    unread: tuple[tuple[str, str], ...] = ()

    @property
    def count(self) -> int:
        """Return how many values the patch encrypts anew."""
        return sum(step["op"] == "replace" for step in self.patch)


def reencryption(cluster: Json, keyring: Keyring, entropy: str) -> Reencryption:
    """Encrypt every secret key of a stored cluster under the master key that another key encrypted.

    `entropy` are fresh random hex digits, at least 64, for this one cluster.
    """
    patch: list[Json] = []
    unread: list[tuple[str, str]] = []
    for path, role, item in _stored(cluster):
        text = str(item["encryptedValue"])
        if keyring.is_current(text):
            continue
        value = keyring.value_of(text)
        if value is None or keyring.master is None:
            unread.append((role, str(item.get("name"))))
            continue
        fresh = encrypted(value, keyring.master, derived(entropy, "nonce", path)[:NONCE_BYTES])
        patch.append({"op": "test", "path": path, "value": item})
        patch.append({"op": "replace", "path": f"{path}/encryptedValue", "value": fresh})
    return Reencryption(tuple(patch), tuple(unread))


def needs_of(cluster: Json, old: Keyring, new: Keyring) -> bool:
    """Tell whether a stored cluster has a secret key that the old keys decrypt, and the new ones do not."""
    texts = (str(item["encryptedValue"]) for _, _, item in _stored(cluster))
    return any(new.value_of(text) is None and old.value_of(text) is not None for text in texts)


def with_new_key(config: Json, key: str) -> Json:
    """Return what becomes of the keys of a configuration that gets a new one, of hex digits: its two fields.

    The key that was there becomes a former one, unless it is the same.
    """
    before, former = dig(config, "spec", "masterEncryptionKey"), _former(config)
    others = [item for item in dict.fromkeys([*([before] if before else []), *former]) if item.lower() != key.lower()]
    return {"masterEncryptionKey": key, "formerEncryptionKeys": others or None}


def without_spared_keys(config: Json, clusters: Iterable[Json]) -> Json:
    """Return the field of former keys with those that a stored cluster needs; nothing where all are needed.

    A former key that is none of AES goes too: nothing can have been encrypted under it.
    """
    former, held, whole = _former(config), list(clusters), keyring_of(config)
    kept = [key for key in former if any(needs_of(cluster, whole, _without(config, key)) for cluster in held)]
    return {} if kept == former else {"formerEncryptionKeys": kept or None}


def _without(config: Json, key: str) -> Keyring:
    rest = [item for item in _former(config) if item != key]
    return keyring_of({"spec": {**config["spec"], "formerEncryptionKeys": rest}})


def _former(config: Json) -> list[str]:
    found: list[str] = dig(config, "spec", "formerEncryptionKeys", default=[])
    return found


def _stored(cluster: Json) -> Iterator[tuple[str, str, Json]]:
    """Yield path, role and element of each secret key that is stored encrypted; works on any object."""
    for index, role in enumerate(dig(cluster, "spec", "roles", default=[])):
        for number, item in enumerate(dig(role, "secretKeys", default=[])):
            if isinstance(item, dict) and isinstance(item.get("encryptedValue"), str):
                yield f"/spec/roles/{index}/secretKeys/{number}", str(dig(role, "id")), item
