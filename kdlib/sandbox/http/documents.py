"""Everything that a client reads about the server itself: versions, health, discovery, OpenAPI.

Layer: shell.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Any

import orjson

from kdlib.errors import api_error
from kdlib.frozen import Json
from kdlib.sandbox.http import discovery, openapi
from kdlib.sandbox.http.negotiation import accepts
from kdlib.sandbox.http.openapi_protobuf import ASKED_AS, OPENAPI_PROTOBUF, encoded_openapi
from kdlib.sandbox.http.served import Served
from kdlib.sandbox.store import Registry
from kdlib.wire import Kind

__all__ = ["VERSION", "Document", "Documents"]

VERSION: Mapping[str, str] = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.3+sandbox",
    "gitCommit": "",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}
"""What the server calls itself: the version whose behaviour it follows."""

_DEFINITION = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", namespaced=False)
_HEALTH = ("healthz", "livez", "readyz")


@dataclass(frozen=True, slots=True)
class Document:
    """One answer: its body, content type and code."""

    body: bytes
    content_type: str = "application/json"
    code: int = 200
    etag: str = ""


class Documents:
    """Answers paths that are about the server; what it serves follows the definitions of custom resources."""

    def __init__(self, registry: Registry, address: str) -> None:
        self._registry = registry
        self._address = address
        self._builtin: Json = orjson.loads(files("kdlib.wire").joinpath("builtin.json").read_bytes())
        self._made: dict[str, Document] = {}
        self._served: Served | None = None
        self.close = registry.subscribe(self._told)

    @property
    def served(self) -> Served:
        """Return what is served now."""
        if self._served is None:
            self._served = Served(self._builtin, self._registry.list(_DEFINITION))
        return self._served

    def knows(self, path: str) -> bool:
        """Tell whether a path leads into a group that is served; all others are no API's paths."""
        head, _, rest = path.strip("/").partition("/")
        return head == "api" or (head == "apis" and rest.partition("/")[0] in self.served.groups)

    def answer(self, path: str, accept: str) -> Document | None:
        """Return the document under a path (without query); None where the path is no document's."""
        key = path.strip("/")
        if key in ("api", "apis") and accepts(accept, discovery.AGGREGATED):
            return self._kept(f"aggregated {key}", lambda: self._aggregated(key))
        if key == "openapi/v2":
            return self._openapi_v2(accept)
        return self._kept(key, lambda: self._document(key))

    def _told(self, _event_type: str, obj: Json) -> None:
        if obj.get("kind") == _DEFINITION.name and obj.get("apiVersion") == _DEFINITION.api_version:
            self._served = None
            self._made.clear()

    def _kept(self, key: str, make: Callable[[], Document | None]) -> Document | None:
        made = self._made.get(key) or make()
        # Only documents are kept: paths that are none are without number.
        if made is not None:
            self._made[key] = made
        return made

    def _document(self, key: str) -> Document | None:
        if key in _HEALTH or key.partition("/")[0] in _HEALTH:
            return Document(b"ok", "text/plain; charset=utf-8")
        if key.startswith("openapi/v3/"):
            made = openapi.document_v3(self.served, self._builtin, key.removeprefix("openapi/v3/"))
            return _json(made) if made else Document(b"", "text/plain; charset=utf-8", 404)
        value = self._value(key)
        return None if value is None else _json(value)

    def _value(self, key: str) -> Any:
        match key.split("/"):
            case [""]:
                return {"paths": self._root_paths()}
            case ["version"]:
                return dict(VERSION)
            case ["api"]:
                return discovery.api_versions(self._address)
            case ["apis"]:
                return discovery.groups(self.served)
            case ["apis", name]:
                return discovery.group(self.served, name)
            case ["openapi", "v3"]:
                return openapi.index_v3(self.served)
            case ["api", _] | ["apis", _, _]:
                return discovery.resources(self.served, key)
            case _:
                return None

    def _root_paths(self) -> list[str]:
        roots = {f"/{root}" for root in self.served.versions}
        groups = {f"/apis/{group}" for group in self.served.groups if group}
        others = {"/api", "/apis", "/openapi/v2", "/openapi/v3", "/version", *(f"/{name}" for name in _HEALTH)}
        return sorted(roots | groups | others)

    def _aggregated(self, key: str) -> Document:
        return _json(discovery.aggregated(self.served, core=key == "api"), discovery.AGGREGATED)

    def _openapi_v2(self, accept: str) -> Document | None:
        if accept and "json" not in accept and "*/*" not in accept:
            if not any(form in accept for form in ASKED_AS):
                raise api_error(406, "NotAcceptable", f"only application/json and {OPENAPI_PROTOBUF} are served here")
            return self._kept("openapi/v2 as protobuf", self._openapi_v2_as_protobuf)
        return self._kept("openapi/v2", lambda: _json(openapi.document_v2(self.served, self._builtin)))

    def _openapi_v2_as_protobuf(self) -> Document:
        body = encoded_openapi(openapi.document_v2(self.served, self._builtin))
        return Document(body, OPENAPI_PROTOBUF, etag=_etag(body))


def _json(value: Json, content_type: str = "application/json") -> Document:
    body = orjson.dumps(value)
    return Document(body, content_type, etag=_etag(body))


def _etag(body: bytes) -> str:
    return f'"{sha256(body).hexdigest().upper()}"'
