"""`kdd rotate-key`: a new master key, under which every cluster's secret keys are encrypted anew.

Each step may be repeated, and the objects themselves tell how far it came: whoever kills it runs it again.

Layer: shell.
"""

import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import typer

from kdlib import kube, rules
from kdlib.errors import ApiError, ConflictError, NotFoundError, Problem, RefusedError, WorldError
from kdlib.frozen import Json, dig
from kdlib.model import CONFIG_NAME, ConfigSpec
from kdlib.wire import KD_CLUSTER, KD_CONFIG, Ref

__all__ = ["read_key", "rotate", "rotate_key"]

_SUBJECT = "kdd rotate-key"
_ATTEMPTS = 10
_LOOKS = 25
_LOOK_SECONDS = 0.2
_CHANGED_MEANWHILE = frozenset({409, 422})
"""How an API server answers where a test of a patch does not hold; 422 may be a refusal too."""


def read_key(path: Path) -> str:
    """Read a key of hex digits from a file; raises RefusedError where it holds none."""
    try:
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else "it is no text"
        problem = Problem("--new-key-file", f"{str(path)!r} cannot be read: {words}", "name a file with a key")
        raise RefusedError(_SUBJECT, [problem]) from error
    problems = list(rules.valid_key(ConfigSpec(master_encryption_key=key)))
    if problems:
        remedy = "write 32, 48 or 64 hexadecimal digits into it, as openssl rand -hex 32 does"
        raise RefusedError(_SUBJECT, [Problem("--new-key-file", f"{str(path)!r} holds no AES key", remedy)])
    return key


async def rotate_key(
    kubeconfig: str | None, context: str | None, system_namespace: str, *, new_key: str | None, dry_run: bool
) -> None:
    """Set a new key, encrypt anew, and remove the keys that nothing needs any more.

    Raises RefusedError with a problem for each cluster of which secret keys are left under a former key.
    """
    ref = Ref(KD_CONFIG, system_namespace, CONFIG_NAME)
    async with kube.connect(kubeconfig=kubeconfig, context=context) as api:
        problems = await rotate(api, ref, new_key=new_key, dry_run=dry_run)
    if problems:
        raise RefusedError(_SUBJECT, problems)


async def rotate(api: kube.Api, ref: Ref, *, new_key: str | None, dry_run: bool = False) -> list[Problem]:
    """Take all three steps; return what is left, cluster by cluster.

    Cancellation: at any time; every write leaves something that the next run goes on from.
    """
    rotation = _Rotation(api, ref, dry_run=dry_run)
    keyring = rules.keyring_of(await rotation.with_key(new_key))
    await rotation.until_seen()
    problems = [problem async for problem in rotation.encrypt_anew(keyring)]
    if not dry_run:
        await rotation.remove_spared_keys()
    return problems


class _Rotation:
    """The three steps, on one Kubernetes cluster."""

    def __init__(self, api: kube.Api, ref: Ref, *, dry_run: bool) -> None:
        self._api = api
        self._ref = ref
        self._dry_run = dry_run

    async def with_key(self, new_key: str | None) -> Json:
        """Put the new key into the place of the old one, unless a rotation goes on; return the configuration."""
        fresh = new_key or secrets.token_hex(32)

        def fields(config: Json) -> Json:
            """Return what changes in the configuration."""
            return {} if _goes_on(config, new_key) else rules.with_new_key(config, fresh)

        config, written = await self._write(fields)
        if written:
            before = ", and the one before decrypts" if dig(config, "spec", "formerEncryptionKeys") else ""
            self._say(f"{self._ref}: {'would get' if self._dry_run else 'has'} a new key{before}")
        else:
            self._say(f"{self._ref}: goes on with the key that it has")
        return config

    async def until_seen(self) -> None:
        """Give an operator the time to see the new key, so that it never meets a value that it cannot read yet.

        Where none runs, or it is slow, nothing is lost: it looks again as soon as it knows the key.
        """
        for _ in range(_LOOKS):
            if self._dry_run or _is_seen(await self._config()):
                return
            await anyio.sleep(_LOOK_SECONDS)

    async def encrypt_anew(self, keyring: rules.Keyring) -> AsyncIterator[Problem]:
        """Encrypt the secret keys of every cluster under the present key; yield what could not be."""
        for cluster in (await self._api.list(KD_CLUSTER)).items:
            if not _has_keys(cluster):
                continue
            namespace, name = cluster["metadata"]["namespace"], cluster["metadata"]["name"]
            try:
                done = await self._encrypt(cluster, keyring)
            except NotFoundError:
                self._say(f"{namespace}/{name}: deleted meanwhile")
                continue
            except WorldError as error:
                yield Problem(f"{namespace}/{name}", f"is not changed: {error}", "mend that, then run this again")
                continue
            self._say(f"{namespace}/{name}: {self._told(done.count)}")
            for role, key in done.unread:
                what = f"secret key {key!r} of role {role!r} is decrypted by no known key"
                remedy = "write it anew, as value; or put its key into formerEncryptionKeys, and run this again"
                yield Problem(f"{namespace}/{name}", what, remedy)

    async def remove_spared_keys(self) -> None:
        """Remove the former keys that no cluster needs, as the storage has them now."""
        clusters = (await self._api.list(KD_CLUSTER)).items
        config, _ = await self._write(lambda config: rules.without_spared_keys(config, clusters))
        left = len(dig(config, "spec", "formerEncryptionKeys", default=[]))
        still = f"former keys are still needed: {left}; run this again" if left else "no former key is needed any more"
        self._say(f"{self._ref}: {still}")

    async def _write(self, fields: Callable[[Json], Json]) -> tuple[Json, bool]:
        """Write fields of the spec to the very configuration that they came from; tell whether there were any."""
        for _ in range(_ATTEMPTS):
            config = await self._config()
            found = fields(config)
            if not found:
                return config, False
            if self._dry_run:
                return {**config, "spec": {**(config.get("spec") or {}), **found}}, True
            version = {"resourceVersion": config["metadata"]["resourceVersion"]}
            try:
                return await self._api.merge_patch(self._ref, {"metadata": version, "spec": found}), True
            except ConflictError:
                continue
        raise WorldError(f"{self._ref} was changed by somebody else {_ATTEMPTS} times; run this again")

    async def _config(self) -> Json:
        try:
            return await self._api.get(self._ref)
        except NotFoundError as error:
            remedy = "apply one; or name the operator's namespace by --system-namespace"
            raise RefusedError(_SUBJECT, [Problem(str(self._ref), "does not exist", remedy)]) from error

    async def _encrypt(self, cluster: Json, keyring: rules.Keyring) -> rules.Reencryption:
        """Encrypt the secret keys of one cluster, which somebody else may change meanwhile."""
        ref = Ref(KD_CLUSTER, cluster["metadata"]["namespace"], cluster["metadata"]["name"])
        for attempt in range(_ATTEMPTS):
            # Each value gets a nonce of its own, each time.
            found = rules.reencryption(cluster, keyring, secrets.token_hex(32))
            if not found.patch or self._dry_run:
                return found
            try:
                await self._api.json_patch(ref, found.patch)
            except ApiError as error:
                if error.code not in _CHANGED_MEANWHILE or attempt == _ATTEMPTS - 1:
                    raise
                read = await self._api.get(ref)
                if dig(read, "spec") == dig(cluster, "spec"):
                    raise
                cluster = read
            else:
                return found
        raise WorldError(f"{ref} was changed by somebody else {_ATTEMPTS} times")

    def _told(self, count: int) -> str:
        if not count:
            return "every secret key is under the new key"
        noun = "1 secret key" if count == 1 else f"{count} secret keys"
        return f"{noun} would be encrypted anew" if self._dry_run else f"{noun} encrypted anew"

    def _say(self, words: str) -> None:
        typer.echo(words)


def _goes_on(config: Json, new_key: str | None) -> bool:
    """Tell whether a rotation was begun already: by the key that is asked for, or where any will do by any."""
    master = str(dig(config, "spec", "masterEncryptionKey", default=""))
    if new_key is not None:
        return new_key.lower() == master.lower()
    return bool(master and dig(config, "spec", "formerEncryptionKeys"))


def _is_seen(config: Json) -> bool:
    return bool(
        dig(config, "status", "observedGeneration", default=0) >= dig(config, "metadata", "generation", default=0)
    )


def _has_keys(cluster: Json) -> bool:
    return any(dig(role, "secretKeys") for role in dig(cluster, "spec", "roles", default=[]))
