"""The keys of secret values: one encrypts, and those that were in its place before still decrypt (7.3, W-38).

The text in a spec is the nonce, the ciphertext and the tag of AES-GCM in hexadecimal digits, with no additional data:
what other releases encrypted stays readable (OP-06). No key and no value shows in the representation of anything here.

Layer: pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kdlib.frozen import Json, dig
from kdlib.model import CONFIG_NAME, Config, Seen
from kdlib.wire import KD_CONFIG

__all__ = ["NONCE_BYTES", "Keyring", "decrypted", "encrypted", "keyring_of", "keys_seen"]

NONCE_BYTES = 12
_TAG_BYTES = 16
_KEY_BYTES = frozenset({16, 24, 32})


def encrypted(value: str, key: bytes, nonce: bytes) -> str:
    """Encrypt a value under a key of 16, 24 or 32 bytes; the nonce has 12, and no other value may ever share it."""
    return (nonce + AESGCM(key).encrypt(nonce, value.encode(), None)).hex()


def decrypted(text: str, key: bytes) -> str | None:
    """Return the value, or None where the text was not made by this key; too short a text is none too (W-38)."""
    try:
        data = bytes.fromhex(text)
        if len(data) < NONCE_BYTES + _TAG_BYTES:
            return None
        return AESGCM(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], None).decode()
    except (ValueError, InvalidTag):
        return None


@dataclass(frozen=True, slots=True)
class Keyring:
    """What the global configuration can decrypt: `master` encrypts too, None where there is none."""

    master: bytes | None = field(default=None, repr=False)
    former: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def keys(self) -> tuple[bytes, ...]:
        """Return every key, the one that encrypts first."""
        return (*([self.master] if self.master else ()), *self.former)

    def value_of(self, text: str | None) -> str | None:
        """Decrypt a stored text by whichever key made it; None where no key did."""
        values = (decrypted(text, key) for key in self.keys) if text else ()
        return next((value for value in values if value is not None), None)

    def is_current(self, text: str) -> bool:
        """Tell whether the key that encrypts made the text."""
        return self.master is not None and decrypted(text, self.master) is not None

    def same(self, text: str, other: str) -> bool:
        """Tell whether two texts say the same; two that nothing decrypts do if they are the same text."""
        return text == other or ((value := self.value_of(text)) is not None and value == self.value_of(other))


def keyring_of(config: Config | Json | None) -> Keyring:
    """Return the keys of a configuration, however wrong the rest of it is; what is no key is left out (CFG-V-08)."""
    stored: object = config.spec.dumped() if isinstance(config, Config) and config.spec else dig(config, "spec")
    former = dig(stored, "formerEncryptionKeys", default=[])
    keys = _keys([dig(stored, "masterEncryptionKey"), *(former if isinstance(former, list) else [])])
    return Keyring(keys[0], tuple(dict.fromkeys(key for key in keys[1:] if key)))


def keys_seen(seen: Seen) -> Keyring:
    """Return the keys of the live configuration: they are looked up late, and kept nowhere."""
    found = (item for ref, item in seen.related if ref.kind == KD_CONFIG and ref.name == CONFIG_NAME)
    return keyring_of(next(found, None))


def _keys(texts: Iterable[object]) -> list[bytes | None]:
    return [_key(text) for text in texts]


def _key(text: object) -> bytes | None:
    try:
        key = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        return None
    return key if len(key) in _KEY_BYTES else None
