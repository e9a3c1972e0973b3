"""The review of a write to the global configuration (2.4).

Layer: pure.
"""

from collections.abc import Iterator

from kdlib.errors import Problem, RefusedError
from kdlib.frozen import Json, dig
from kdlib.model import Config, ConfigSpec, parse_config
from kdlib.names import is_dns_subdomain
from kdlib.rules.config import config_problems
from kdlib.rules.keyring import keyring_of
from kdlib.rules.mended import CONFIG_STAND_INS, mended
from kdlib.rules.request import Facts, ListNeed, Needs, Request, Verdict
from kdlib.rules.rotation import needs_of
from kdlib.rules.secret_keys import derived
from kdlib.rules.written_status import status_is_operators
from kdlib.wire import KD_CLUSTER, STORAGE_CLASS, Ref

__all__ = [
    "config_needs",
    "config_verdict",
    "deletable_config",
    "existing_class",
    "in_operators_namespace",
    "kept_key",
    "needed_keys",
    "new_key_patch",
]

_CLUSTERS = ListNeed(KD_CLUSTER)
_LISTED = 5


def config_needs(request: Request) -> Needs:
    """Return what must be known: clusters, where they forbid the write, and the storage class that is named."""
    if request.subresource:
        return Needs()
    if request.operation == "DELETE":
        return Needs(lists=(_CLUSTERS,))
    drops_keys = request.operation == "UPDATE" and (_changes_key(request) or bool(_dropped(request)))
    lists = (_CLUSTERS,) if drops_keys else ()
    name = dig(request.new, "spec", "defaultStorageClassName")
    is_name = isinstance(name, str) and is_dns_subdomain(name) and _names_other_class(request)
    return Needs((Ref(STORAGE_CLASS, "", str(name)),) if is_name else (), lists)


def config_verdict(request: Request, facts: Facts) -> Verdict:
    """Apply every rule for the global configuration, also to what can be read of one that is broken."""
    if request.subresource == "status":
        return Verdict(tuple(status_is_operators(request, facts, "CFG-V-04")))
    if request.operation == "DELETE":
        return Verdict(tuple(deletable_config(facts)))
    if request.new is None or request.subresource:
        return Verdict()
    if request.operation == "UPDATE" and dig(request.new, "spec") == dig(request.old, "spec"):
        return Verdict(patch=tuple(new_key_patch(request.new, facts.entropy)))
    metadata = request.new.get("metadata")
    named = {**(metadata if isinstance(metadata, dict) else {}), "name": request.name or dig(metadata, "name")}
    written = {**request.new, "metadata": named, "status": None}
    try:
        problems = tuple(_problems(request, parse_config(written), facts))
    except RefusedError as error:
        return Verdict((*error.problems, *_further(request, written, error, facts)))
    return Verdict(problems, tuple(new_key_patch(request.new, facts.entropy)))


def _problems(request: Request, config: Config, facts: Facts) -> Iterator[Problem]:
    yield from config_problems(config)
    yield from in_operators_namespace(request, facts)
    yield from kept_key(request, facts)
    yield from needed_keys(request, facts)
    if _names_other_class(request):
        yield from existing_class(config.spec or ConfigSpec(), facts)


def _further(request: Request, written: Json, error: RefusedError, facts: Facts) -> Iterator[Problem]:
    """Yield what is wrong besides with a configuration that cannot be read."""
    whole = mended(written, error.problems, CONFIG_STAND_INS)
    try:
        config = parse_config(whole.cluster) if whole else None
    except RefusedError:
        return
    if whole and config:
        yield from whole.own(_problems(request, config, facts))


def deletable_config(facts: Facts) -> Iterator[Problem]:
    """CFG-V-01: the configuration stays while there is any cluster, in whatever namespace."""
    clusters = facts.lists.get(_CLUSTERS, ())
    if clusters:
        what = (
            f"{len(clusters)} clusters run under this configuration" if len(clusters) > 1 else "a cluster runs under it"
        )
        yield Problem("(the object)", what, "delete the clusters first", "CFG-V-01")


def in_operators_namespace(request: Request, facts: Facts) -> Iterator[Problem]:
    """CFG-V-02: the one configuration lies in the operator's own namespace."""
    if facts.system_namespace and request.namespace != facts.system_namespace:
        what = f"{request.namespace!r} is not the operator's namespace, and nobody would read it here"
        yield Problem("metadata.namespace", what, f"make it in namespace {facts.system_namespace!r}", "CFG-V-02")


def kept_key(request: Request, facts: Facts) -> Iterator[Problem]:
    """CFG-V-06: the master key stays while there are clusters, unless it becomes a former key in the same write."""
    if request.operation == "UPDATE" and _changes_key(request) and facts.lists.get(_CLUSTERS):
        if _key(request.old) in _former(request.new):
            return
        what = "cannot change while there are clusters, unless the old key stands in formerEncryptionKeys"
        yield Problem("spec.masterEncryptionKey", what, "set it back, and change it by kdd rotate-key", "CFG-V-06")


def needed_keys(request: Request, facts: Facts) -> Iterator[Problem]:
    """CFG-X-51 (ours): a former key stays as long as a secret key of any cluster was encrypted under it."""
    if request.operation != "UPDATE" or not _dropped(request):
        return
    old, new = keyring_of(request.old), keyring_of(request.new)
    users = sorted({_name(cluster) for cluster in facts.lists.get(_CLUSTERS, ()) if needs_of(cluster, old, new)})
    if users:
        more = f" and {len(users) - _LISTED} more" if len(users) > _LISTED else ""
        what = f"a key that leaves is needed by secret keys of {', '.join(map(repr, users[:_LISTED]))}{more}"
        remedy = "put it back; kdd rotate-key encrypts them anew, and removes it then"
        yield Problem("spec.formerEncryptionKeys", what, remedy, "CFG-X-51")


def existing_class(spec: ConfigSpec, facts: Facts) -> Iterator[Problem]:
    """CFG-V-07: the default storage class is there."""
    name = spec.default_storage_class_name
    ref = Ref(STORAGE_CLASS, "", name or "")
    if name and ref in facts.objects and facts.objects[ref] is None:
        remedy = "create it first, or correct the name"
        yield Problem("spec.defaultStorageClassName", f"StorageClass {name!r} does not exist", remedy, "CFG-V-07")


def new_key_patch(config: Json, entropy: str) -> Iterator[Json]:
    """CFG-M-02: a configuration without a master key gets a random one, which nothing could derive again.

    CFG-M-01: where there is no spec, it gets one for that. `entropy` are fresh random hex digits; without any, no key
    is made. The other defaults (CFG-M-03 to CFG-M-08) are applied in *resolve*.
    """
    spec = config.get("spec")
    if not entropy or (isinstance(spec, dict) and spec.get("masterEncryptionKey") is not None):
        return
    key = derived(entropy, "master key").hex()
    if isinstance(spec, dict):
        yield {"op": "add", "path": "/spec/masterEncryptionKey", "value": key}
    else:
        yield {"op": "add", "path": "/spec", "value": {"masterEncryptionKey": key}}


def _changes_key(request: Request) -> bool:
    key = _key(request.old)
    return bool(key) and _key(request.new) != key


def _dropped(request: Request) -> set[str]:
    """Return the former keys that the write takes away."""
    return _former(request.old) - _former(request.new) - {_key(request.new)}


def _key(config: Json | None) -> str:
    """Return the master key in one way to write it."""
    return str(dig(config, "spec", "masterEncryptionKey", default="")).lower()


def _former(config: Json | None) -> set[str]:
    found = dig(config, "spec", "formerEncryptionKeys", default=[])
    return {str(key).lower() for key in found} if isinstance(found, list) else set()


def _name(cluster: Json) -> str:
    return f"{dig(cluster, 'metadata', 'namespace')}/{dig(cluster, 'metadata', 'name')}"


def _names_other_class(request: Request) -> bool:
    """Tell whether the storage class is a new one: one that vanished since forbids no other edit."""
    path = ("spec", "defaultStorageClassName")
    return request.operation == "CREATE" or dig(request.new, *path) != dig(request.old, *path)
