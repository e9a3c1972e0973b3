"""The webhook put together: server, certificates, registration, and the caches that reviews read.

Layer: shell.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import anyio

from kdlib.admission.certificates import Certificates, Lifetimes
from kdlib.admission.facts import Facts
from kdlib.admission.registrar import Registrar
from kdlib.admission.reviewing import Reviewing
from kdlib.admission.server import Limits, WebhookServer
from kdlib.admission.settings import AtUrl, CertificateSource, InFiles, MadeHere, MadeOutside, Place, Registration
from kdlib.admission.sources import FolderSource, ForeignSecretSource, OwnSecretSource, Source
from kdlib.admission.tls import ServerTls
from kdlib.errors import ApiError, RefusedError, WorldError
from kdlib.frozen import Json, dig
from kdlib.kube import Api, Backoff, Cache, Change, Reflector, ReflectorSettings, Selection
from kdlib.wire import KD_APP, KD_CONFIG, SECRET, Kind, Ref, Request

__all__ = ["Settings", "Webhook", "serve"]

_log = logging.getLogger(__name__)

_SELF = Kind("authentication.k8s.io/v1", "SelfSubjectReview", namespaced=False)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a webhook is told.

    It listens on `host` and `port` (0 for any that is free), and the API server reaches it at `place`. With
    `check_access` what a user refers to is checked against the user's own rights.
    """

    place: Place
    certificates: CertificateSource
    system_namespace: str
    host: str = "0.0.0.0"
    port: int = 8443
    check_access: bool = True
    registration: Registration = field(default_factory=Registration)
    limits: Limits = field(default_factory=Limits)
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    backoff: Backoff = field(default_factory=lambda: Backoff(0.2, 30.0))
    watches: ReflectorSettings = field(default_factory=ReflectorSettings)
    clock: Callable[[], datetime] = field(default=_now)


class Webhook:
    """Serves reviews of one Kubernetes cluster.

    Guarantees: it is registered only while it serves, and stays registered when it ends, so that nothing gets in
    unreviewed while the operator restarts; a certificate is changed without dropping a connection; whatever cannot be
    done - certificates, registration - is tried again with back-off, and what serves goes on serving.
    """

    def __init__(self, api: Api, settings: Settings) -> None:
        self.serving = asyncio.Event()
        """Set once reviews are answered."""
        self.registered = asyncio.Event()
        """Set once the API server was told."""
        self._api = api
        self._settings = settings
        self._tls = ServerTls()
        self._caches = {KD_APP: Cache(), KD_CONFIG: Cache()}
        self._facts = Facts(
            api, self._caches, system_namespace=settings.system_namespace, check_access=settings.check_access
        )
        self._reviewing = Reviewing(self._facts)
        self._server = WebhookServer(self._reviewing.review, self._tls, limits=settings.limits)
        self._source = _source(api, settings)
        self._registrar = Registrar(api, settings.place, settings.registration)
        self._registered_for: str | None = None
        self._operator = ""
        self._stir = asyncio.Event()

    @property
    def port(self) -> int:
        """Return the port that is listened on, once serving."""
        return self._server.port

    @property
    def certificates(self) -> Certificates | None:
        """Return the certificates in use; None before the first."""
        return self._tls.current

    async def run(self) -> None:
        """Serve until cancelled; reviews that run then are answered first."""
        await self._until_done(self._certify)
        await self._until_done(self._listen)
        try:
            async with anyio.create_task_group() as group:
                for reflector in self._reflectors():
                    group.start_soon(reflector.run)
                # What is registered depends on it, and replicas must not disagree.
                await self._learn_name()
                await self._keep()
        finally:
            await self._server.close()
            self._reviewing.close()

    async def _listen(self) -> WorldError | None:
        settings = self._settings
        try:
            await self._server.start(settings.host, settings.port)
        except OSError as error:
            return WorldError(f"cannot listen on {settings.host!r} port {settings.port}: {error}")
        match settings.place:
            case AtUrl(host=host, url=""):
                shown = f"[{host}]" if ":" in host else host
                place: Place = AtUrl(host, f"https://{shown}:{self.port}")
            case place:
                pass
        self._registrar = Registrar(self._api, place, settings.registration)
        _log.info("%s: reviews are answered on port %d", self._api.name, self.port)
        self.serving.set()
        return None

    async def _until_done(self, step: Callable[[], Awaitable[Exception | None]]) -> None:
        failures = 0
        while (error := await step()) is not None:
            failures = await self._rest_after(error, failures)

    async def _keep(self) -> None:
        """Look after certificates and registration: whenever something of them changes, and when it is due."""
        failures = 0
        while True:
            if self._stir.is_set():
                self._stir.clear()
                self._registered_for = None
            error = await self._certify() or await self._register()
            if error is not None:
                failures = await self._rest_after(error, failures)
                continue
            failures = 0
            seconds = self._source.look_again_seconds(self._tls.current)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._stir.wait()

    async def _certify(self) -> WorldError | RefusedError | None:
        """Load the certificates as they are now; return why that was not possible."""
        try:
            if self._tls.load(await self._source.read(self._tls.current)):
                _log.info("%s: the webhook's certificate was loaded", self._api.name)
        except (WorldError, RefusedError) as error:
            return error
        return None

    async def _register(self) -> WorldError | None:
        authorities = self._tls.current.authorities if self._tls.current else ""
        if authorities == self._registered_for:
            return None
        try:
            wrote = await self._registrar.register(authorities, self._operator)
        except WorldError as error:
            return error
        self._registered_for = authorities
        self.registered.set()
        if wrote:
            # Two operators that want different things would else write against each other without a pause.
            await anyio.sleep(self._settings.backoff.delay_seconds(1, random.random))
        return None

    async def _rest_after(self, error: Exception, failures: int) -> int:
        log = _log.warning if failures == 0 else _log.debug
        log("%s: the webhook: %s", self._api.name, error)
        await anyio.sleep(self._settings.backoff.delay_seconds(failures + 1, random.random))
        return failures + 1

    async def _learn_name(self) -> None:
        """Ask under which name we write ourselves; API servers before 1.28 do not say."""
        request = Request("POST", _SELF.path(), body={"apiVersion": _SELF.api_version, "kind": _SELF.name})
        failures = 0
        while True:
            try:
                answer = await self._api.transport.request(request)
            except ApiError as error:
                if error.code in {403, 404, 405}:
                    return
                failures = await self._rest_after(error, failures)
            except WorldError as error:
                failures = await self._rest_after(error, failures)
            else:
                self._operator = str(dig(answer, "status", "userInfo", "username", default=""))
                self._facts.know_operator(self._operator)
                return

    def _reflectors(self) -> list[Reflector]:
        watches = self._settings.watches
        made = [
            Reflector(self._api, Selection(kind), cache, optional=True, settings=watches)
            for kind, cache in self._caches.items()
        ]
        secret = self._source.secret
        for ref in (*self._registrar.refs, *((secret,) if secret else ())):
            cache = Cache(transform=_bare)
            cache.subscribe(self._stirred)
            selection = Selection(ref.kind, ref.namespace, fields=f"metadata.name={ref.name}")
            made.append(Reflector(self._api, selection, cache, settings=watches))
        return made

    def _stirred(self, _: Change) -> None:
        self._stir.set()


def _bare(obj: Json) -> Json:
    """Return what tells that an object changed; a key is kept nowhere that needs none."""
    return {"metadata": {key: obj["metadata"].get(key) for key in ("name", "namespace", "uid", "resourceVersion")}}


def _source(api: Api, settings: Settings) -> Source:
    match settings.certificates:
        case MadeHere(namespace=namespace, name=name):
            ref = Ref(SECRET, namespace, name)
            return OwnSecretSource(api, ref, settings.place.hosts, lifetimes=settings.lifetimes, clock=settings.clock)
        case MadeOutside(namespace=namespace, name=name):
            return ForeignSecretSource(api, Ref(SECRET, namespace, name))
        case InFiles(folder=folder):
            return FolderSource(folder)


@contextlib.asynccontextmanager
async def serve(api: Api, settings: Settings) -> AsyncIterator[Webhook]:
    """Serve reviews while inside the context; entered once the webhook is registered."""
    webhook = Webhook(api, settings)
    task = asyncio.create_task(webhook.run())
    try:
        registered = asyncio.create_task(webhook.registered.wait())
        await asyncio.wait({task, registered}, return_when=asyncio.FIRST_COMPLETED)
        registered.cancel()
        if task.done():
            await task
        yield webhook
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
