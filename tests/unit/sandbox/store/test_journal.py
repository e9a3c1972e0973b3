"""A store with a journal outlives its process."""

import resource
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count

import pytest

from kdlib.errors import ApiError, ExpiredError, NotFoundError, RefusedError
from kdlib.sandbox.store import Journal, Registry
from kdlib.wire import CONFIG_MAP, Kind, Request

CUSTOM_RESOURCE_DEFINITION = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", namespaced=False)
POND = Kind("example.org/v1", "Pond")
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "ponds.example.org"},
    "spec": {
        "group": "example.org",
        "scope": "Namespaced",
        "names": {"plural": "ponds", "singular": "pond", "kind": "Pond"},
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
        ],
    },
}


@contextmanager
def full_disk(path):
    """Let files grow to a few bytes more than this one has, and no further."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class Runs:
    """One folder and the processes that have it, one after the other."""

    def __init__(self, folder):
        self.folder = folder
        self._numbers = count(1)
        self._journal = None

    def begin(self, **options):
        """Begin anew, as after the process was killed: what had the folder before did nothing at its end."""
        if self._journal is not None:
            self._journal.close()
        self._journal = Journal.open(self.folder, **options)
        return Registry(
            lambda: datetime(2026, 1, 1, tzinfo=UTC),
            lambda: f"00000000-0000-4000-8000-{next(self._numbers):012d}",
            journal=self._journal,
        )

    def close(self):
        if self._journal is not None:
            self._journal.close()


@pytest.fixture
def runs(tmp_path):
    made = Runs(tmp_path / "data")
    yield made
    made.close()


def config_map(name, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}, "data": data}


def everything(registry):
    return {resource.kind: registry.list(resource.kind) for resource in registry.resources}


def test_what_was_written_is_there_after_the_process_was_killed(runs):
    registry = runs.begin()
    registry.create(config_map("a", k="1"))
    registry.create(config_map("gone"))
    registry.patch(CONFIG_MAP, "default", "a", {"data": {"k": "2"}})
    registry.delete(CONFIG_MAP, "default", "gone")
    before, version = everything(registry), registry.version

    again = runs.begin()

    assert again.version == version
    assert everything(again) == before
    assert everything(runs.begin()) == before


def test_resource_versions_go_on_and_older_watches_have_to_list_anew(runs):
    first = runs.begin()
    old = first.create(config_map("a"))["metadata"]["resourceVersion"]
    first.patch(CONFIG_MAP, "default", "a", {"data": {"k": "v"}})

    again = runs.begin()
    new = again.create(config_map("b"))["metadata"]["resourceVersion"]

    assert int(new) == first.version + 1
    with pytest.raises(ApiError) as stale:
        again.update({**config_map("a"), "metadata": {**config_map("a")["metadata"], "resourceVersion": old}})
    assert stale.value.code == 409


async def test_a_list_from_before_the_restart_is_too_old(runs):
    old = runs.begin().create(config_map("a"))["metadata"]["resourceVersion"]
    runs.begin().create(config_map("b"))
    again = runs.begin()
    query = {"resourceVersion": old, "resourceVersionMatch": "Exact"}

    with pytest.raises(ExpiredError):
        await again.handle(Request("GET", "/api/v1/namespaces/default/configmaps", query=query))


def test_custom_kinds_are_served_again(runs):
    registry = runs.begin()
    registry.create(DEFINITION)
    registry.create({"apiVersion": "example.org/v1", "kind": "Pond", "metadata": {"name": "p", "namespace": "default"}})

    again = runs.begin()

    assert again.get(POND, "default", "p")["metadata"]["name"] == "p"
    again.delete(CUSTOM_RESOURCE_DEFINITION, "", "ponds.example.org")
    with pytest.raises(NotFoundError):
        runs.begin().get(POND, "default", "p")


def test_a_change_that_was_cut_off_in_the_middle_never_was(runs):
    registry = runs.begin()
    registry.create(config_map("whole"))
    version = registry.version
    registry.create(config_map("cut"))
    path = runs.folder / "journal"
    path.write_bytes(path.read_bytes()[:-3])

    again = runs.begin()

    assert again.version == version
    assert again.find(CONFIG_MAP, "default", "cut") is None
    again.create(config_map("next"))
    assert runs.begin().get(CONFIG_MAP, "default", "next")


def test_a_journal_older_than_its_snapshot_changes_nothing(runs):
    registry = runs.begin()
    registry.create(config_map("a", k="old"))
    older = (runs.folder / "journal").read_bytes()
    registry.patch(CONFIG_MAP, "default", "a", {"data": {"k": "new"}})
    runs.begin()
    # Killed between the snapshot and the emptying of the journal.
    (runs.folder / "journal").write_bytes(older)

    assert runs.begin().get(CONFIG_MAP, "default", "a")["data"] == {"k": "new"}


def test_a_change_that_cannot_be_stored_is_refused_and_changes_nothing(runs):
    registry = runs.begin()
    version = registry.version
    with (
        full_disk(runs.folder / "journal"),
        pytest.raises(ApiError, match="cannot be stored: File too large") as refused,
    ):
        registry.create(config_map("a"))
    registry.create(config_map("b"))

    assert (refused.value.code, registry.version) == (500, version + 1)
    again = runs.begin()
    assert [again.find(CONFIG_MAP, "default", name) is not None for name in ("a", "b")] == [False, True]


def test_one_folder_has_one_process(runs):
    runs.begin()
    with pytest.raises(RefusedError, match="is in use by another sandbox; end that one, or name another folder"):
        Journal.open(runs.folder)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("state.json", b"{", "state.json: is damaged"),
        ("state.json", b'{"format": 7}', "is of another version"),
        ("journal", b"nonsense\n", "journal: is damaged"),
    ],
)
def test_what_cannot_be_read_is_refused_and_left_as_it_is(runs, name, content, said):
    runs.folder.mkdir()
    (runs.folder / name).write_bytes(content)
    with pytest.raises(RefusedError, match=said):
        runs.begin()
    assert (runs.folder / name).read_bytes() == content


def test_a_long_journal_becomes_a_snapshot(runs):
    registry = runs.begin(most_bytes=2000)
    for number in range(50):
        registry.create(config_map(f"a{number}"))
        assert (runs.folder / "journal").stat().st_size < 3000

    assert len(runs.begin().list(CONFIG_MAP, "default")) == 50
