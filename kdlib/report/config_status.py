"""The status of the global configuration: what in it cannot be used, and what to do about it (3.19, W-44).

Layer: pure.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from kdlib import rules
from kdlib.errors import Problem, RefusedError
from kdlib.frozen import Json, dig
from kdlib.model import CONFIG_NAME, Config, ConfigSpec, parse_config
from kdlib.report.conditions import FALSE, TRUE, Claim, conditions
from kdlib.report.reasons import Reason
from kdlib.report.sealing import sealed
from kdlib.wire import STORAGE_CLASS, Ref

__all__ = ["config_status"]

_MAKE_KEY = "make one with: kdd rotate-key"


@dataclass(frozen=True, slots=True)
class _World:
    """What bears on a configuration besides itself."""

    system_namespace: str
    is_present: Callable[[Ref], bool]


def config_status(config: Json, is_present: Callable[[Ref], bool], *, system_namespace: str, now: datetime) -> Json:
    """Return the status of a stored configuration; `is_present` tells whether an object is there.

    Its state is creating until all of it can be used for the first time, and ready from then on. New clusters are not
    made while a condition says that it is wrong; running ones have their values reserved, and never look again.
    """
    world = _World(system_namespace, is_present)
    try:
        read: Config | None = parse_config({**config, "status": None})
        problems = list(_problems(read, world)) if read else []
    except RefusedError as error:
        read, problems = None, list(error.problems)
    before = config.get("status") or {}
    claims = [*_readiness(problems), *_keys(read)]
    generation = int(dig(config, "metadata", "generation", default=0))
    told = conditions(claims, before.get("conditions") or (), generation=generation, now=now)
    state = "creating" if problems and before.get("state") != "ready" else "ready"
    return sealed({"state": state, "observedGeneration": generation, "conditions": told})


def _problems(config: Config, world: _World) -> Iterator[Problem]:
    place = str(config.metadata.get("namespace") or "")
    if place != world.system_namespace:
        what = f"{place!r} is not the operator's namespace, and nobody reads it here"
        remedy = f"make it in namespace {world.system_namespace!r}, and delete this one"
        yield Problem("metadata.namespace", what, remedy, "CFG-V-02")
    yield from rules.config_problems(config)
    yield from _unknown_class(config.spec or ConfigSpec(), world)


def _unknown_class(spec: ConfigSpec, world: _World) -> Iterator[Problem]:
    """CFG-X-52 (ours): tell of a default storage class that is not there, or not there any more (CFG-V-07)."""
    name = spec.default_storage_class_name
    if name and not world.is_present(Ref(STORAGE_CLASS, "", name)):
        what = f"StorageClass {name!r} does not exist"
        yield Problem("spec.defaultStorageClassName", what, "create it, or name another one", "CFG-X-52")


def _readiness(problems: list[Problem]) -> Iterator[Claim]:
    if not problems:
        yield Claim("Ready", TRUE, Reason.CONFIG_USABLE, "every value can be used")
        yield Claim("Stalled", FALSE, Reason.NOT_STALLED, "nothing waits for a person")
        return
    message = "; ".join(str(problem) for problem in sorted(problems))
    yield Claim("Ready", FALSE, Reason.CONFIG_WRONG, message)
    yield Claim("Stalled", TRUE, Reason.CONFIG_WRONG, message)


def _keys(config: Config | None) -> Iterator[Claim]:
    """CFG-X-53 (ours): tell where there is no master key, or a rotation was begun; the operator edits no spec."""
    spec = (config and config.spec) or ConfigSpec()
    if config is not None and not spec.master_encryption_key:
        what = f"{CONFIG_NAME} has no masterEncryptionKey, so no cluster can have secret keys"
        yield Claim("SecretKeysAvailable", FALSE, Reason.NO_MASTER_KEY, f"{what}; {_MAKE_KEY}")
    if spec.former_encryption_keys:
        count = len(spec.former_encryption_keys)
        what = f"{count} former keys still decrypt" if count > 1 else "a former key still decrypts"
        message = f"{what}; encrypt everything anew and remove what nothing needs with: kdd rotate-key"
        yield Claim("FormerKeysKept", TRUE, Reason.FORMER_KEYS, message)
