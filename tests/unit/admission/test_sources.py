"""Where certificates come from: replicas agree, what others keep is left alone, files are read again."""

import asyncio
import uuid
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest

from kdlib.admission.certificates import renewed
from kdlib.admission.sources import FolderSource, ForeignSecretSource, OwnSecretSource, certificates_in, secret_data
from kdlib.errors import NotFoundError, WorldError
from kdlib.kube import Api
from kdlib.sandbox import Registry
from kdlib.sandbox.store import LocalTransport
from kdlib.wire import SECRET, Ref

REF = Ref(SECRET, "default", "kubedirector-webhook")
HOSTS = ("192.0.2.7",)


@pytest.fixture
def registry():
    return Registry(lambda: datetime.now(UTC), lambda: str(uuid.uuid4()))


@pytest.fixture
def own(registry):
    """Return how to make a source that keeps certificates in a Secret."""
    return lambda **changes: OwnSecretSource(Api(LocalTransport(registry)), REF, HOSTS, **changes)


def stored(registry):
    return registry.get(SECRET, REF.namespace, REF.name)


async def test_what_is_made_is_stored_and_read_by_the_next_process(own, registry):
    made = await own().read(None)
    assert certificates_in(stored(registry)) == made
    assert await own().read(None) == made


async def test_replicas_that_start_together_agree_on_one(own, registry):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(own().read(None)) for _ in range(10)]
    assert {task.result() for task in tasks} == {certificates_in(stored(registry))}


async def test_replicas_that_renew_together_agree_on_one(own, registry):
    old = await own().read(None)
    later = datetime.now(UTC) + timedelta(days=61)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(own(clock=lambda: later).read(old)) for _ in range(10)]
    assert {task.result() for task in tasks} == {certificates_in(stored(registry))}
    assert tasks[0].result().certificate != old.certificate
    assert tasks[0].result().authorities == old.authorities


async def test_a_lost_secret_is_made_again_of_what_is_in_use(own, registry):
    made = await own().read(None)
    registry.delete(SECRET, REF.namespace, REF.name)
    assert await own().read(made) == made
    assert certificates_in(stored(registry)) == made


async def test_a_namespace_that_is_missing_is_told_and_not_asked_for_without_end(registry):
    ref = Ref(SECRET, "nowhere", REF.name)
    with pytest.raises(WorldError, match=r"namespace 'nowhere' does not exist; create it"):
        await OwnSecretSource(Api(LocalTransport(registry)), ref, HOSTS).read(None)


@pytest.mark.parametrize("data", [{}, {"tls.crt": b64encode(b"nonsense").decode()}, {"ca.key": "////"}], ids=str)
async def test_a_secret_that_cannot_be_used_is_filled_and_what_else_is_in_it_stays(own, registry, data):
    extra = {"other": b64encode(b"kept").decode()}
    metadata = {"name": REF.name, "namespace": REF.namespace, "labels": {"theirs": "too"}}
    registry.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {**data, **extra}})
    made = await own().read(None)
    assert certificates_in(stored(registry)) == made
    assert stored(registry)["data"]["other"] == extra["other"]
    assert stored(registry)["metadata"]["labels"] == {"theirs": "too"}


async def test_a_secret_of_somebody_else_is_read_and_never_written(registry):
    source = ForeignSecretSource(Api(LocalTransport(registry)), REF)
    with pytest.raises(NotFoundError):
        await source.read(None)
    metadata = {"name": REF.name, "namespace": REF.namespace}
    registry.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {}})
    with pytest.raises(WorldError, match=r"no tls\.crt and tls\.key"):
        await source.read(None)
    made = renewed(None, HOSTS, datetime.now(UTC))
    registry.patch(SECRET, REF.namespace, REF.name, {"data": secret_data(made)})
    before = stored(registry)
    found = await source.read(None)
    assert (found.certificate, found.key, found.authorities) == (made.certificate, made.key, made.authorities)
    assert found.authority_key == ""
    assert stored(registry) == before


async def test_files_are_read_each_time(tmp_path):
    source, made = FolderSource(tmp_path), renewed(None, HOSTS, datetime.now(UTC))
    with pytest.raises(WorldError, match=r"tls\.crt"):
        await source.read(None)
    (tmp_path / "tls.crt").write_text(made.certificate)
    (tmp_path / "tls.key").write_text(made.key)
    assert (await source.read(None)).authorities == ""
    (tmp_path / "ca.crt").write_text(made.authorities)
    assert (await source.read(None)).authorities == made.authorities
