"""What *observe* looks up for a cluster, besides its children.

Layer: pure.
"""

from kdlib.frozen import Json
from kdlib.model import CONFIG_NAME
from kdlib.rules.backup import backup_ref
from kdlib.rules.connections import LookUp, connection_refs
from kdlib.rules.lookup import app_places
from kdlib.rules.naming import open_names
from kdlib.wire import KD_CONFIG, Ref

__all__ = ["related"]


def related(cluster: Json, look_up: LookUp, system_namespace: str) -> tuple[Ref, ...]:
    """List what is looked up for a root and put into `Seen.related`.

    The app in the cluster's and in the operator's namespace (as `spec.appCatalog` says, rule CL-V-10), the global
    configuration, the status backup, the objects that may hold the names that the cluster has not reserved yet, and
    what it is connected to. What a connected cluster refers to in turn is found in what `look_up` knows of it. Works on
    any object, however wrong; a name that no object can have is looked for nowhere.
    """
    config = Ref(KD_CONFIG, system_namespace, CONFIG_NAME)
    places, connected = app_places(cluster, system_namespace), connection_refs(cluster, system_namespace, look_up)
    return tuple(dict.fromkeys([*places, config, backup_ref(cluster), *open_names(cluster), *connected]))
