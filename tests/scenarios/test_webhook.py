"""The admission webhook over real HTTPS: two replicas behind one address, on the sandbox and on a real API server."""

import asyncio
import contextlib
import itertools
import os
from base64 import b64decode, b64encode
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from waiting import until

from kdd.stage import install_crds
from kdlib import admission, kube, packages
from kdlib.errors import ApiError, NotFoundError
from kdlib.names import LABEL_CLUSTER
from kdlib.sandbox import Authority, Sandbox, SandboxOptions, kubeconfig_text, write_private
from kdlib.testing import ControlPlane, ControlPlaneError, control_plane_folder
from kdlib.wire import KD_APP, KD_CLUSTER, NAMESPACE, PERSISTENT_VOLUME_CLAIM, SECRET, Ref, Request

SHELL = Path(__file__).parents[1] / "apps" / "shell"
SYSTEM = "kubedirector"
APP, CLUSTER = Ref(KD_APP, "default", "shell"), Ref(KD_CLUSTER, "default", "shell")
CERTIFICATES = Ref(SECRET, SYSTEM, "kubedirector-webhook")
MUTATING, VALIDATING = admission.registered_refs()
PATIENCE_SECONDS = 60
# A hundred attempts at once take a slow machine seconds, and each of them waits for all.
LIMITS = admission.Limits(review_seconds=28.0, body_seconds=28.0, head_seconds=28.0, handshake_seconds=28.0)
REGISTRATION = admission.Registration(timeout_seconds=30)


def manifest(name, **changes):
    found = packages.load(SHELL / f"{name}.yaml")[0].value
    metadata = {"namespace": "default", **found["metadata"], **changes.pop("metadata", {})}
    return {**found, "metadata": metadata, "spec": {**found["spec"], **changes}}


class Address:
    """One address for several replicas: each connection goes to the next of them, as through a Service."""

    def __init__(self):
        self.replicas = []
        self._turn = itertools.count()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.url = f"https://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        await self._server.wait_closed()

    async def _take(self, reader, writer):
        with contextlib.closing(writer), contextlib.suppress(OSError):
            if not self.replicas:
                return
            port = self.replicas[next(self._turn) % len(self.replicas)].port
            there, back = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.closing(back):
                pumps = [asyncio.create_task(pump(reader, back)), asyncio.create_task(pump(there, writer))]
                try:
                    await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for each in pumps:
                        each.cancel()
                    await asyncio.gather(*pumps, return_exceptions=True)


async def pump(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


class Reviewed:
    """An API server that asks replicas of the webhook."""

    def __init__(self, api, address, folder):
        self.api = api
        self.address = address
        self.folder = folder

    def settings(self, **changes):
        place = admission.AtUrl("127.0.0.1", self.address.url)
        given = {"place": place, "certificates": admission.MadeHere(SYSTEM), "system_namespace": SYSTEM}
        given |= {"host": "127.0.0.1", "port": 0, "limits": LIMITS, "registration": REGISTRATION}
        return admission.Settings(**{**given, **changes})

    @asynccontextmanager
    async def replica(self, **changes):
        """Run one replica, with a connection of its own."""
        async with kube.connect(kubeconfig=str(self.folder / "kubeconfig")) as api:
            async with admission.serve(api, self.settings(**changes)) as webhook:
                self.address.replicas.append(webhook)
                try:
                    yield webhook
                finally:
                    self.address.replicas.remove(webhook)

    async def create(self, obj, **query):
        ref = Ref(KD_APP if obj["kind"] == KD_APP.name else KD_CLUSTER, obj["metadata"]["namespace"], "")
        return await self.api.transport.request(Request("POST", ref.kind.path(ref.namespace), query, obj))

    async def refused(self, work):
        """Await what is to be refused by the webhook; return the error."""
        with pytest.raises(ApiError) as caught:
            await work
        assert "denied the request" in str(caught.value), caught.value.status
        return caught.value

    async def until(self, ref, holds):
        """Wait until the object holds what is asked."""
        selection = kube.Selection(ref.kind, ref.namespace, fields=f"metadata.name={ref.name}")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                listing = await self.api.list(selection)
                if holds(listing.items[0] if listing.items else None):
                    return
                with contextlib.suppress(TimeoutError):
                    async with (
                        asyncio.timeout(5),
                        self.api.watch(
                            selection, listing.resource_version, lifetime_seconds=5, idle_seconds=10
                        ) as events,
                    ):
                        async for _ in events:
                            break

    async def until_asked(self):
        """Wait until the API server asks: it learns of a registration a moment after it is stored."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    await self.create(manifest("cluster", app="no-such-app"), dryRun="All")
                except ApiError as error:
                    if "denied the request" in str(error):
                        return
                await asyncio.sleep(0.05)


@asynccontextmanager
async def on_sandbox(folder):
    async with Sandbox(SandboxOptions(node=False)) as sandbox:
        sandbox.write_kubeconfig(folder / "kubeconfig")
        yield sandbox


@pytest.fixture(scope="module")
def plane():
    try:
        started = ControlPlane(control_plane_folder(os.environ))
    except ControlPlaneError as error:
        pytest.skip(str(error))  # no binaries on this machine: the error says which; .ci/run builds them
    with started:
        yield started


@asynccontextmanager
async def on_real(plane, folder):
    plane.write_kubeconfig(folder / "kubeconfig")
    yield
    async with kube.connect(kubeconfig=str(folder / "kubeconfig")) as api:
        await sweep(api)


async def sweep(api):
    """Delete everything that a test made, for the next one."""
    await admission.deregister(api)
    namespace = kube.Selection(NAMESPACE, fields=f"metadata.name={SYSTEM}")
    selections = [kube.Selection(kind, "default") for kind in (KD_CLUSTER, KD_APP, PERSISTENT_VOLUME_CLAIM)]
    async with asyncio.timeout(PATIENCE_SECONDS):
        for selection in (*selections, namespace):
            while items := (await api.list(selection)).items:
                for item in items:
                    # The API server goes on asking the webhook for a moment.
                    with contextlib.suppress(ApiError):
                        place = item["metadata"].get("namespace", "")
                        await api.delete(Ref(selection.kind, place, item["metadata"]["name"]))
                await asyncio.sleep(0.1)


@pytest.fixture(params=["sandbox", pytest.param("real", marks=pytest.mark.control_plane)])
async def reviewed(request, tmp_path):
    is_real = request.param == "real"
    server = on_real(request.getfixturevalue("plane"), tmp_path) if is_real else on_sandbox(tmp_path)
    async with server, Address() as address:
        async with kube.connect(kubeconfig=str(tmp_path / "kubeconfig")) as api:
            await install_crds(api)
            await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
            yield Reviewed(api, address, tmp_path)


CHANGES = (
    {"distroID": "test/other"},
    {"capabilities": ["SYS_ADMIN"]},
    {"roles": [{"id": "head", "cardinality": "2"}]},
)


async def test_an_app_in_use_is_neither_deleted_nor_changed_by_a_hundred_at_once_through_two_replicas(reviewed):
    async with reviewed.replica(), reviewed.replica():
        await reviewed.until_asked()
        await reviewed.create(manifest("app"))
        await reviewed.create(manifest("cluster"))
        before = await reviewed.api.get(APP)
        changes = [manifest("app", **change) for change in CHANGES]
        changing = [
            reviewed.api.apply(change, field_manager="test")
            for change in itertools.islice(itertools.cycle(changes), 50)
        ]
        deleting = [reviewed.api.delete(APP) for _ in range(50)]
        attempts = [reviewed.refused(work) for pair in zip(changing, deleting, strict=True) for work in pair]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(attempt) for attempt in attempts]
        assert all("in use by" in str(task.result()) for task in tasks)
        assert await reviewed.api.get(APP) == before

        await reviewed.api.merge_patch(APP, {"metadata": {"labels": {"any": "label"}}})
        await reviewed.api.delete(CLUSTER)
        await reviewed.until(CLUSTER, lambda found: found is None)
        await reviewed.api.apply(manifest("app", **CHANGES[0]), field_manager="test")
        await reviewed.api.delete(APP)


async def test_right_after_a_restart_an_app_in_use_is_refused_and_without_any_replica_nothing_gets_in(reviewed):
    async with reviewed.replica():
        await reviewed.until_asked()
        await reviewed.create(manifest("app"))
        await reviewed.create(manifest("cluster"))
    with pytest.raises(ApiError, match="failed calling webhook"):
        await reviewed.api.delete(APP)
    async with reviewed.replica():
        assert "in use by" in str(await reviewed.refused(reviewed.api.delete(APP)))
    async with reviewed.replica():
        refusal = await reviewed.refused(reviewed.api.merge_patch(APP, {"spec": {"distroID": "test/other"}}))
        assert "in use by" in str(refusal)


async def test_a_refusal_names_every_problem_with_its_field_and_a_dry_run_is_answered_alike(reviewed):
    wrong = manifest("cluster")
    wrong["spec"]["roles"] = [
        {**wrong["spec"]["roles"][0], "members": 3},
        {**wrong["spec"]["roles"][1], "id": "nose"},
    ]
    async with reviewed.replica():
        await reviewed.until_asked()
        await reviewed.create(manifest("app"))
        real = await reviewed.refused(reviewed.create(wrong))
        dry = await reviewed.refused(reviewed.create(wrong, dryRun="All"))
        assert real.status == dry.status
        fields = {cause["field"] for cause in real.status["details"]["causes"]}
        assert len(fields) >= 2
        assert all(field.startswith("spec.roles[") for field in fields)
        await reviewed.create(manifest("cluster"), dryRun="All")
        assert (await reviewed.api.list(KD_CLUSTER)).items == ()


async def test_an_app_that_came_a_moment_ago_is_found(reviewed):
    """No cache stands between two writes of one user."""
    async with reviewed.replica(), reviewed.replica():
        await reviewed.until_asked()
        for number in range(20):
            await reviewed.create(manifest("app", metadata={"name": f"app-{number}"}))
            await reviewed.create(manifest("cluster", metadata={"name": f"c-{number}"}, app=f"app-{number}"))


async def test_a_claim_of_a_cluster_gets_its_owner(reviewed):
    async with reviewed.replica():
        await reviewed.until_asked()
        await reviewed.create(manifest("app"))
        cluster = await reviewed.create(manifest("cluster"))
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "p-0", "namespace": "default", "labels": {LABEL_CLUSTER: "shell"}},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
        await reviewed.api.create(claim)
        claim["metadata"] = {"name": "other", "namespace": "default"}
        await reviewed.api.create(claim)
        owned = await reviewed.api.get(Ref(PERSISTENT_VOLUME_CLAIM, "default", "p-0"))
        (owner,) = owned["metadata"]["ownerReferences"]
        assert (owner["uid"], owner["controller"]) == (cluster["metadata"]["uid"], True)
        other = await reviewed.api.get(Ref(PERSISTENT_VOLUME_CLAIM, "default", "other"))
        assert "ownerReferences" not in other["metadata"]


async def test_certificates_renewed_under_load_lose_no_request(reviewed):
    """One renewal because it is time, and five because somebody took the certificate away."""
    begin = datetime.now(UTC) - timedelta(days=70)
    times = [begin]

    async def certificate():
        return b64decode((await reviewed.api.get(CERTIFICATES))["data"]["tls.crt"]).decode()

    async def until_all_serve_another(than):
        await reviewed.until(
            CERTIFICATES, lambda found: found and b64decode(found["data"].get("tls.crt", "")).decode() not in ("", than)
        )
        wanted = await certificate()
        await until(lambda: all(each.certificates.certificate == wanted for each in reviewed.address.replicas))

    async with reviewed.replica(clock=lambda: times[-1]), reviewed.replica(clock=lambda: times[-1]):
        await reviewed.until_asked()
        done, answered = asyncio.Event(), []

        async def load(number):
            obj = manifest("app", metadata={"name": f"app-{number}"})
            while not done.is_set():
                await reviewed.create(obj, dryRun="All")
                answered.append(number)

        async with asyncio.TaskGroup() as group:
            for number in range(6):
                group.create_task(load(number))
            for turn in range(6):
                old, before = await certificate(), len(answered)
                times.append(datetime.now(UTC))
                data = {} if turn == 0 else {"tls.crt": ""}
                stir = {"metadata": {"annotations": {"example.org/turn": str(turn)}}, "data": data}
                await reviewed.api.merge_patch(CERTIFICATES, stir)
                await until_all_serve_another(old)
                await until(lambda at_least=before + 12: len(answered) >= at_least)
            done.set()


async def test_a_secret_that_was_deleted_comes_back_with_the_certificates_in_use(reviewed):
    async with reviewed.replica(), reviewed.replica():
        await reviewed.until_asked()
        before = (await reviewed.api.get(CERTIFICATES))["data"]
        await reviewed.api.delete(CERTIFICATES)
        await reviewed.until(CERTIFICATES, lambda found: found is not None)
        assert (await reviewed.api.get(CERTIFICATES))["data"] == before
        await reviewed.create(manifest("app"), dryRun="All")


def registered(found):
    """Tell whether a configuration has the webhooks that are wanted, and nothing that narrows them."""
    hooks = found["webhooks"] if found else []
    return bool(hooks) and all(
        hook["name"].endswith(".kubedirector.hpe.com")
        and b64decode(hook["clientConfig"]["caBundle"]).startswith(b"-----BEGIN")
        and bool(hook.get("matchConditions")) == ("-status." in hook["name"])
        and hook["failurePolicy"] == ("Ignore" if hook["name"].startswith("claims") else "Fail")
        and hook["matchPolicy"] == "Equivalent"
        and hook["sideEffects"] == "None"
        for hook in hooks
    )


async def test_a_registration_that_somebody_changed_becomes_right_again(reviewed):
    authority = b64encode(Authority("somebody-else").certificate.encode()).decode()
    narrowed = {"name": "never", "expression": "false"}
    drifts = [
        [{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": authority}],
        [{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}],
        [{"op": "add", "path": "/webhooks/0/matchConditions", "value": [narrowed]}],
        [{"op": "remove", "path": "/webhooks/0"}],
    ]
    async with reviewed.replica(backoff=kube.Backoff(0.01, 1.0)) as webhook:
        await reviewed.until_asked()
        bundle = b64encode(webhook.certificates.authorities.encode()).decode()
        count = len((await reviewed.api.get(MUTATING))["webhooks"])

        def right(found):
            hooks = found["webhooks"] if found else []
            good = len(hooks) == count and all(hook["clientConfig"]["caBundle"] == bundle for hook in hooks)
            return good and registered(found)

        for drift in drifts:
            await reviewed.api.json_patch(MUTATING, drift)
            await reviewed.until(MUTATING, right)
        hooks = (await reviewed.api.get(MUTATING))["webhooks"]
        older = {**hooks[0], "name": "hard-validate-cr.kubedirector.hpe.com"}
        await reviewed.api.json_patch(MUTATING, [{"op": "add", "path": "/webhooks/-", "value": older}])
        await reviewed.until(MUTATING, right)
        for ref in (MUTATING, VALIDATING):
            await reviewed.api.delete(ref)
        await reviewed.until(MUTATING, right)
        await reviewed.until(VALIDATING, registered)


async def test_the_webhook_is_deregistered_only_when_asked(reviewed):
    async with reviewed.replica():
        await reviewed.until_asked()
    assert registered(await reviewed.api.get(MUTATING))
    assert await admission.deregister(reviewed.api) == (MUTATING, VALIDATING)
    assert await admission.deregister(reviewed.api) == ()
    with pytest.raises(NotFoundError):
        await reviewed.api.get(MUTATING)


async def test_in_a_cluster_the_webhook_is_reached_through_its_service(tmp_path):
    """Its certificate bears the name of the Service, before which nothing is registered."""
    async with on_sandbox(tmp_path) as sandbox, Address() as address:
        sandbox.registry.admission.resolve = lambda *_: ("127.0.0.1", address.replicas[0].port)
        async with kube.connect(kubeconfig=str(tmp_path / "kubeconfig")) as api:
            await install_crds(api)
            await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
            found = Reviewed(api, address, tmp_path)
            place = {"place": admission.InService(SYSTEM), "backoff": kube.Backoff(0.01, 0.05)}
            webhook = admission.Webhook(api, found.settings(**place))
            task = asyncio.create_task(webhook.run())
            try:
                await webhook.serving.wait()
                address.replicas.append(webhook)
                with pytest.raises(NotFoundError):
                    await api.get(MUTATING)
                metadata = {"name": "kubedirector-webhook", "namespace": SYSTEM}
                spec = {"ports": [{"port": 443, "targetPort": 8443}]}
                await api.create({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
                await webhook.registered.wait()
                await found.until_asked()
                await found.create(manifest("app"))
            finally:
                task.cancel()
                await asyncio.wait({task})


async def test_a_namespace_that_is_deleted_takes_a_cluster_along_that_is_being_restored(reviewed):
    """CL-V-01 is for who deletes the cluster alone; on a real API server the namespace would wait for ever."""
    async with reviewed.replica():
        await reviewed.until_asked()
        await reviewed.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "doomed"}})
        restored = {"namespace": "doomed", "annotations": {"kubedirector.hpe.com/status-backup-exists": "true"}}
        await reviewed.create(manifest("cluster", metadata=restored))
        await reviewed.refused(reviewed.api.delete(Ref(KD_CLUSTER, "doomed", "shell")))
        namespace = Ref(NAMESPACE, "", "doomed")
        await reviewed.api.delete(namespace)
        await reviewed.until(namespace, lambda found: found is None)


@pytest.mark.control_plane
async def test_a_status_is_written_by_the_operator_alone(plane, tmp_path):
    """The operator's own writes are not even asked about; the sandbox does not tell who we are, so this is for real."""
    pair = plane.authority.issue("ann", ["system:masters"])
    text = kubeconfig_text("control-plane", plane.url, authority=plane.authority.certificate, client=pair)
    write_private(tmp_path / "ann", text)
    forged = {"status": {"state": "configured"}}
    async with on_real(plane, tmp_path), Address() as address:
        async with kube.connect(kubeconfig=str(tmp_path / "kubeconfig")) as api:
            await install_crds(api)
            await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
            found = Reviewed(api, address, tmp_path)
            async with found.replica(), kube.connect(kubeconfig=str(tmp_path / "ann")) as ann:
                await found.until_asked()
                await found.create(manifest("app"))
                await found.create(manifest("cluster"))
                refusal = await found.refused(ann.merge_patch(CLUSTER, forged, subresource="status"))
                assert "read-only for 'ann'" in str(refusal)
                assert "status" not in await api.get(CLUSTER)
                await api.merge_patch(CLUSTER, forged, subresource="status")
                assert (await api.get(CLUSTER))["status"] == {"state": "configured"}
