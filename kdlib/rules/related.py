"""What *observe* looks up for a cluster, besides its children.

Layer: pure.
"""

from collections.abc import Iterator

from kdlib.frozen import Json, dig
from kdlib.model import CONFIG_NAME
from kdlib.names import is_dns_subdomain
from kdlib.rules.backup import backup_ref
from kdlib.rules.connections import LookUp, connection_refs
from kdlib.rules.hidden_tokens import hidden_by_app, token_place, told_hidden
from kdlib.rules.lookup import app_places
from kdlib.rules.naming import open_names
from kdlib.wire import KD_CLUSTER, KD_CONFIG, Ref

__all__ = ["related"]


def related(cluster: Json, look_up: LookUp, system_namespace: str) -> tuple[Ref, ...]:
    """List what is looked up for a root and put into `Seen.related`.

    The app in the cluster's and in the operator's namespace (as `spec.appCatalog` says, rule CL-V-10), the global
    configuration, the status backup, the objects that may hold the names that the cluster has not reserved yet, and
    what it is connected to; the Secret of its auth tokens, where they are hidden. What a connected cluster refers to in
    turn is found in what `look_up` knows of it. Works on any object, however wrong; a name that no object can have is
    looked for nowhere.
    """
    config = Ref(KD_CONFIG, system_namespace, CONFIG_NAME)
    places, connected = app_places(cluster, system_namespace), connection_refs(cluster, system_namespace, look_up)
    tokens = _token_places(cluster, places, look_up)
    return tuple(dict.fromkeys([*places, config, backup_ref(cluster), *open_names(cluster), *tokens, *connected]))


def _token_places(cluster: Json, places: tuple[Ref, ...], look_up: LookUp) -> Iterator[Ref]:
    """Yield the Secret of hidden tokens, where the cluster has some, is to have some, or had when it was backed up."""
    name, namespace = (dig(cluster, "metadata", key) for key in ("name", "namespace"))
    if isinstance(name, str) and is_dns_subdomain(name) and isinstance(namespace, str):
        root = Ref(KD_CLUSTER, namespace, name)
        backup = look_up(backup_ref(cluster))
        told = told_hidden(cluster.get("status")) or told_hidden(dig(backup, "spec", "statusBackup"))
        if told or hidden_by_app(cluster, places, look_up):
            yield token_place(root)
