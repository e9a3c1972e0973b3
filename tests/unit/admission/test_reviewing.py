"""Reviewing: facts come from the API server, in time, or the refusal says what was missing."""

import asyncio
import uuid
from datetime import UTC, datetime

import pytest

from kdlib.admission.endpoints import endpoint_at
from kdlib.admission.facts import ACCESS_REVIEW, Facts, Limits
from kdlib.admission.reviewing import Reviewing
from kdlib.errors import UnreachableError, api_error
from kdlib.kube import Api, Cache
from kdlib.model import crd
from kdlib.rules import Request, User, decrypted
from kdlib.sandbox import Registry
from kdlib.sandbox.store import LocalTransport
from kdlib.wire import KD_APP, KD_CLUSTER, KD_CONFIG, PERSISTENT_VOLUME_CLAIM

APPS, CLUSTERS, STATUS, CLAIMS = map(
    endpoint_at, ("/review/apps", "/review/clusters", "/review/cluster-status", "/review/claims")
)
SYSTEM = "kd"
SECONDS = 30.0


class Between(LocalTransport):
    """Lets a test look at each request, delay it or fail it."""

    async def request(self, request):
        self.sent.append(request)
        await self.before(request)
        return await super().request(request)

    async def pass_on(self, request):
        pass


@pytest.fixture
def registry():
    made = Registry(lambda: datetime.now(UTC), lambda: str(uuid.uuid4()))
    for kind in (KD_APP, KD_CLUSTER, KD_CONFIG):
        made.create(crd(kind.name))
    return made


@pytest.fixture
def transport(registry):
    made = Between(registry)
    made.sent, made.before = [], made.pass_on
    return made


@pytest.fixture
def reviewing(transport):
    def opened(caches=None, **options):
        return Reviewing(Facts(Api(transport), caches or {}, system_namespace=SYSTEM, **options))

    return opened


def app(name="plain"):
    spec = {
        "label": {"name": name},
        "distroID": f"test/{name}",
        "version": "1",
        "configSchemaVersion": 8,
        "defaultImageRepoTag": f"test/{name}:1",
        "roles": [{"id": "head", "cardinality": "1+"}],
        "config": {"selectedRoles": ["head"], "roleServices": []},
    }
    metadata = {"namespace": "default", "name": name}
    return {"apiVersion": KD_APP.api_version, "kind": KD_APP.name, "metadata": metadata, "spec": spec}


def cluster(name="c", **role):
    roles = [{"id": "head", "resources": {"limits": {"memory": "16Mi", "cpu": "10m"}}, **role}]
    metadata = {"namespace": "default", "name": name}
    spec = {"app": "plain", "serviceType": "ClusterIP", "roles": roles}
    return {"apiVersion": KD_CLUSTER.api_version, "kind": KD_CLUSTER.name, "metadata": metadata, "spec": spec}


def creation(obj, kind=KD_CLUSTER):
    user = User("ann", "7", ("dev",), {"scopes": ("all",)})
    return Request("CREATE", kind, "default", obj["metadata"]["name"], user=user, new=obj)


def deletion(obj, kind=KD_APP):
    return Request("DELETE", kind, "default", obj["metadata"]["name"], user=User("ann"), old=obj)


async def test_what_nobody_cached_is_read_from_the_storage(reviewing, registry):
    refused = await reviewing().review(CLUSTERS, creation(cluster()), SECONDS)
    assert (refused.allowed, "plain" in refused.status["message"]) == (False, True)
    registry.create(app())
    assert (await reviewing().review(CLUSTERS, creation(cluster()), SECONDS)).allowed


async def test_a_refusal_never_rests_on_a_cache_that_is_behind(reviewing, registry):
    caches = {KD_APP: Cache(), KD_CONFIG: Cache()}
    for cache in caches.values():
        cache.replace((), "1")
    registry.create(app())
    assert (await reviewing(caches).review(CLUSTERS, creation(cluster()), SECONDS)).allowed


async def test_caches_spare_a_good_cluster_every_read_of_what_they_hold(reviewing, registry, transport):
    caches = {KD_APP: Cache(), KD_CONFIG: Cache()}
    caches[KD_APP].replace((app(),), "1")
    caches[KD_CONFIG].replace((), "1")
    assert (await reviewing(caches).review(CLUSTERS, creation(cluster()), SECONDS)).allowed
    assert [request.path for request in transport.sent] == []


async def test_w15_whether_an_app_is_in_use_is_read_from_the_storage_alone(reviewing, registry):
    registry.create(app())
    stale = {KD_APP: Cache(), KD_CONFIG: Cache()}
    stale[KD_APP].replace((), "1")
    assert (await reviewing(stale).review(APPS, deletion(app()), SECONDS)).allowed
    registry.create(cluster())
    refused = await reviewing(stale).review(APPS, deletion(app()), SECONDS)
    assert (refused.allowed, "default/c" in refused.status["message"]) == (False, True)


async def test_facts_that_do_not_come_in_time_are_named(reviewing, transport):
    async def never(request):
        await asyncio.Event().wait()

    transport.before = never
    answer = await reviewing().review(APPS, deletion(app()), 0.05)
    assert (answer.allowed, answer.status["code"], answer.status["reason"]) == (False, 504, "Timeout")
    assert "the list of kubedirectorclusters" in answer.status["message"]


@pytest.mark.parametrize("error", [UnreachableError("no route"), api_error(403, "Forbidden", "not for you")], ids=repr)
async def test_facts_that_cannot_be_read_are_no_permission(reviewing, transport, error):
    async def fail(request):
        raise error

    transport.before = fail
    answer = await reviewing().review(APPS, deletion(app()), SECONDS)
    assert (answer.allowed, answer.status["code"]) == (False, 503)
    assert str(error) in answer.status["message"]


async def test_a_claim_is_let_through_unreviewed_with_a_warning(reviewing, transport):
    async def fail(request):
        raise UnreachableError("no route")

    transport.before = fail
    metadata = {"name": "p-0", "namespace": "default", "labels": {"kubedirector.hpe.com/kdcluster": "c"}}
    answer = await reviewing().review(CLAIMS, creation({"metadata": metadata}, PERSISTENT_VOLUME_CLAIM), SECONDS)
    assert answer.allowed
    assert "no route" in answer.warnings[0]


async def test_the_rights_asked_about_are_those_of_the_user(reviewing, registry, transport):
    registry.create(app())
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "default"}}
    registry.create(secret)
    wanted = creation(cluster(secret={"name": "s", "mountPath": "/s"}))
    assert (await reviewing().review(CLUSTERS, wanted, SECONDS)).allowed
    specs = [request.body["spec"] for request in transport.sent if request.path == ACCESS_REVIEW.path()]
    assert {spec["user"] for spec in specs} == {"ann"}
    assert all((spec["uid"], spec["groups"], spec["extra"]) == ("7", ["dev"], {"scopes": ["all"]}) for spec in specs)
    assert {spec["resourceAttributes"]["resource"] for spec in specs} == {"secrets"}

    registry.allow(lambda access: access.user != "ann")
    refused = await reviewing().review(CLUSTERS, wanted, SECONDS)
    assert not refused.allowed
    transport.sent.clear()
    assert (await reviewing(check_access=False).review(CLUSTERS, wanted, SECONDS)).allowed
    assert not [request for request in transport.sent if request.method != "GET"]


async def test_nothing_is_written_and_a_dry_run_is_answered_alike(reviewing, registry, transport):
    registry.create(app())
    before = registry.version
    for wanted in (creation(cluster()), creation(cluster(members=0))):
        dry = Request("CREATE", KD_CLUSTER, "default", "c", user=wanted.user, new=wanted.new, dry_run=True)
        real = await reviewing().review(CLUSTERS, wanted, SECONDS)
        assert await reviewing().review(CLUSTERS, dry, SECONDS) == real
    assert registry.version == before


async def test_an_object_that_refers_to_very_much_is_refused_before_it_is_all_looked_up(reviewing, registry, transport):
    registry.create(app())
    claims = [{"pvcName": f"claim-{number}", "mountPath": f"/m{number}"} for number in range(300)]
    answer = await reviewing(limits=Limits(facts=200)).review(
        CLUSTERS, creation(cluster(volumeProjections=claims)), SECONDS
    )
    assert not answer.allowed
    assert len(transport.sent) <= 200


async def test_a_huge_object_is_reviewed_beside_the_event_loop(reviewing, registry):
    registry.create(app())
    reviewer = reviewing()
    assert (await reviewer.review(CLUSTERS, creation(cluster()), SECONDS, 10_000_000)).allowed
    reviewer.close()


async def test_a_status_is_written_by_the_operator_alone(transport):
    facts = Facts(Api(transport), {}, system_namespace=SYSTEM)
    facts.know_operator("kubedirector")
    forged = {**cluster(), "status": {"state": "configured"}}

    def writing(username):
        return Request(
            "UPDATE", KD_CLUSTER, "default", "c", User(username), new=forged, old=cluster(), subresource="status"
        )

    refused = await Reviewing(facts).review(STATUS, writing("ann"), SECONDS)
    assert (refused.allowed, "read-only" in refused.status["message"]) == (False, True)
    assert (await Reviewing(facts).review(STATUS, writing("kubedirector"), SECONDS)).allowed


async def test_a_secret_value_is_encrypted_under_the_key_that_is_stored_now(reviewing, registry):
    """W-38: a cache that is behind knows a key that may be gone when the value is to be read."""
    old, new = "01" * 32, "02" * 32
    metadata = {"namespace": SYSTEM, "name": "kd-global-config"}
    config = {"apiVersion": KD_CONFIG.api_version, "kind": KD_CONFIG.name, "metadata": metadata}
    caches = {KD_APP: Cache(), KD_CONFIG: Cache()}
    caches[KD_APP].replace((app(),), "1")
    caches[KD_CONFIG].replace(({**config, "spec": {"masterEncryptionKey": old}},), "1")
    registry.create(app())
    registry.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
    registry.create({**config, "spec": {"masterEncryptionKey": new}})
    answer = await reviewing(caches).review(CLUSTERS, creation(cluster(secretKeys=[{"name": "k", "value": "x"}])), 30)
    (step,) = answer.patch
    assert decrypted(step["value"]["encryptedValue"], bytes.fromhex(new)) == "x"
