"""Who asks: from the client's certificate, or from a bearer token that the server was given.

Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/.

Layer: shell.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp.web import BaseRequest

from kdlib.errors import ApiError, api_error

__all__ = ["ANONYMOUS", "User", "user_of"]


@dataclass(frozen=True, slots=True)
class User:
    """Who asks: name and groups, as access reviews and admission reviews see them."""

    name: str
    groups: tuple[str, ...] = ()


ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))
_AUTHENTICATED = "system:authenticated"


def user_of(request: BaseRequest, tokens: Mapping[str, User]) -> User:
    """Return who sends a request; raises a 401 for a token that nobody gave out.

    Impersonation headers are followed, since every user here may do everything.
    """
    user = _from_token(request, tokens) or _from_certificate(request) or ANONYMOUS
    impersonated = request.headers.get("Impersonate-User")
    if impersonated and user != ANONYMOUS:
        return User(impersonated, (*request.headers.getall("Impersonate-Group", []), _AUTHENTICATED))
    return user


def _from_token(request: BaseRequest, tokens: Mapping[str, User]) -> User | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    if token.strip() not in tokens:
        raise unauthorized()
    user = tokens[token.strip()]
    return User(user.name, (*user.groups, _AUTHENTICATED))


def _from_certificate(request: BaseRequest) -> User | None:
    certificate = request.get_extra_info("peercert")
    if not certificate:
        return None
    pairs = [pair for part in certificate["subject"] for pair in part]
    names = [value for key, value in pairs if key == "commonName"]
    groups = [value for key, value in pairs if key == "organizationName"]
    return User(names[0], (*groups, _AUTHENTICATED)) if names else None


def unauthorized() -> ApiError:
    """Return the error for credentials that are none."""
    return api_error(401, "Unauthorized", "Unauthorized")
