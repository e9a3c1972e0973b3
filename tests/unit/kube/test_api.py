"""Api: each verb is the request that Kubernetes documents."""

from contextlib import asynccontextmanager

import pytest

from kdlib.frozen import Json
from kdlib.kube import OPEN, Api, Kind, Selection
from kdlib.wire import APPLY, JSON, JSON_PATCH, MERGE_PATCH, POD, STORAGE_CLASS, Ref, Request

POOL = Kind("example.org/v1", "Fish", "fishes")
REF = Ref(POD, "ns", "a")
OBJ: Json = {"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "ns", "name": "a"}}
PATH = "/api/v1/namespaces/ns/pods"


class Recording:
    """A transport that remembers what is sent, and has watches that end at once."""

    def __init__(self):
        self.sent: list[Request] = []

    async def request(self, request):
        self.sent.append(request)
        return {"metadata": {"resourceVersion": "5"}}

    @asynccontextmanager
    async def watch(self, request):
        self.sent.append(request)
        yield


CASES = {
    "get": (lambda api: api.get(REF), ("GET", f"{PATH}/a", {}, None, JSON)),
    "create": (lambda api: api.create(OBJ), ("POST", PATH, {}, OBJ, JSON)),
    "apply": (
        lambda api: api.apply(OBJ),
        ("PATCH", f"{PATH}/a", {"fieldManager": "kubedirector", "force": "true"}, OBJ, APPLY),
    ),
    "apply without force": (
        lambda api: api.apply(OBJ, field_manager="me", force=False),
        ("PATCH", f"{PATH}/a", {"fieldManager": "me", "force": "false"}, OBJ, APPLY),
    ),
    "apply status": (
        lambda api: api.apply_status(OBJ),
        ("PATCH", f"{PATH}/a/status", {"fieldManager": "kubedirector", "force": "true"}, OBJ, APPLY),
    ),
    "merge patch": (
        lambda api: api.merge_patch(REF, {"a": None}),
        ("PATCH", f"{PATH}/a", {}, {"a": None}, MERGE_PATCH),
    ),
    "json patch": (
        lambda api: api.json_patch(REF, [{"op": "remove"}], subresource="status"),
        ("PATCH", f"{PATH}/a/status", {}, [{"op": "remove"}], JSON_PATCH),
    ),
    "delete": (
        lambda api: api.delete(REF, uid="u", resource_version="3", grace_seconds=0),
        (
            "DELETE",
            f"{PATH}/a",
            {},
            {
                "apiVersion": "v1",
                "kind": "DeleteOptions",
                "propagationPolicy": "Background",
                "preconditions": {"uid": "u", "resourceVersion": "3"},
                "gracePeriodSeconds": 0,
            },
            JSON,
        ),
    ),
    "list": (
        lambda api: api.list(Selection(POD, "ns", "a=b", "c=d"), page_size=9),
        ("GET", PATH, {"limit": "9", "labelSelector": "a=b", "fieldSelector": "c=d"}, None, JSON),
    ),
    "list everywhere": (lambda api: api.list(POD), ("GET", "/api/v1/pods", {"limit": "500"}, None, JSON)),
}


@pytest.mark.parametrize("case", CASES)
async def test_each_verb_sends_one_request(case):
    transport = Recording()
    call, expected = CASES[case]
    await call(Api(transport))
    assert [(item.method, item.path, dict(item.query), item.body, item.content_type) for item in transport.sent] == [
        expected
    ]


async def test_a_kind_with_a_plural_of_its_own_is_given_with_the_object():
    transport = Recording()
    pool = {"apiVersion": "example.org/v1", "kind": "Fish", "metadata": {"namespace": "ns", "name": "nemo"}}
    await Api(transport).apply_status(pool, kind=POOL)
    assert transport.sent[0].path == "/apis/example.org/v1/namespaces/ns/fishes/nemo/status"


FOLLOWED = {
    "everywhere": (Selection(POD), "/api/v1/namespaces/team/pods"),
    "by label": (Selection(POD, labels="a=b"), "/api/v1/namespaces/team/pods"),
    "in a namespace that is named": (Selection(POD, "ns"), PATH),
    "of a kind without namespaces": (Selection(STORAGE_CLASS), "/apis/storage.k8s.io/v1/storageclasses"),
}


@pytest.mark.parametrize(("selection", "path"), FOLLOWED.values(), ids=FOLLOWED)
async def test_w36_within_one_namespace_nothing_else_is_listed_or_watched(selection, path):
    transport = Recording()
    api = Api(transport, name="east").within("team")
    for seen in (api, api.over(transport), api.guarded(OPEN)):
        await seen.list(selection)
        async with seen.watch(selection, "5", lifetime_seconds=60, idle_seconds=90):
            pass
    assert {request.path for request in transport.sent} == {path}
    assert {request.query.get("labelSelector", "") for request in transport.sent} == {selection.labels}
    assert api.name == "east"


async def test_objects_that_are_named_are_reached_wherever_they_are_within_one_namespace():
    transport = Recording()
    await Api(transport).within("team").get(REF)
    assert transport.sent[0].path == REF.path
