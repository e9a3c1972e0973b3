"""From a request's path to what it is about.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris.

Layer: pure.
"""

from urllib.parse import unquote

from kdlib.errors import ApiError, api_error
from kdlib.sandbox.store.faults import nothing_here
from kdlib.sandbox.store.resources import Resources
from kdlib.sandbox.store.target import Target

__all__ = ["target_of"]

_OF_NAMESPACES = frozenset({"status", "finalize"})


def target_of(resources: Resources, path: str) -> Target:
    """Return the target of a path; raises ApiError 404 where nothing is served there."""
    parts = [unquote(part) for part in path.split("?", 1)[0].strip("/").split("/")]
    api_version, rest = _api_version(parts)
    namespace, rest = _namespace(rest)
    if not api_version or not 1 <= len(rest) <= 3:
        raise _nothing_here()
    resource = resources.at(api_version, rest[0])
    if resource is None:
        raise _nothing_here(plain=not resources.has_version(api_version))
    name, subresource = (*rest[1:], "", "")[:2]
    is_served = not subresource or subresource in resource.subresources
    if not is_served or (namespace and not resource.kind.namespaced):
        raise _nothing_here()
    return Target(resource, namespace, name, subresource)


def _namespace(rest: list[str]) -> tuple[str, list[str]]:
    """Split the namespace off; the parts of a namespace object itself stay with it."""
    if len(rest) < 3 or rest[0] != "namespaces" or (rest[2] in _OF_NAMESPACES and len(rest) == 3):
        return "", rest
    return rest[1], rest[2:]


def _api_version(parts: list[str]) -> tuple[str, list[str]]:
    if parts[0] == "api" and len(parts) > 1:
        return parts[1], parts[2:]
    if parts[0] == "apis" and len(parts) > 2:
        return f"{parts[1]}/{parts[2]}", parts[3:]
    return "", []


def _nothing_here(*, plain: bool = False) -> ApiError:
    """Make the 404 for a path where nothing is served; an unknown version has no words of the API."""
    if plain:
        return api_error(404, "", "404 page not found")
    return nothing_here()
