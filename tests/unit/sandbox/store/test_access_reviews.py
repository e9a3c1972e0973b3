"""Access reviews: yes to all, until somebody sets a table."""

from dataclasses import dataclass

from kdlib.wire import Request

SELF = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
OTHER = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


@dataclass(frozen=True)
class User:
    name: str
    groups: tuple[str, ...] = ()


def review(kind, **spec):
    return {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}


async def test_everybody_may_do_everything_at_first(world):
    body = review("SelfSubjectAccessReview", resourceAttributes={"verb": "get", "resource": "pods"})

    answer = await world.send("POST", SELF, body)

    assert answer["status"] == {"allowed": True}


async def test_a_table_decides_by_user_verb_and_resource(world):
    asked = []

    def allows(access):
        asked.append(access)
        return access.user == "alice" and access.verb == "get"

    world.registry.allow(allows)
    wanted = {"verb": "get", "group": "apps", "resource": "statefulsets", "namespace": "team", "name": "x"}
    own = review("SelfSubjectAccessReview", resourceAttributes=wanted)
    other = review("SubjectAccessReview", user="bob", groups=["dev"], resourceAttributes=wanted)

    code, mine = await world.registry.handle(Request("POST", SELF, {}, own), User("alice"))
    theirs = await world.send("POST", OTHER, other)

    assert (code, mine["status"]["allowed"], theirs["status"]["allowed"]) == (201, True, False)
    assert (asked[0].group, asked[0].resource, asked[0].namespace, asked[0].name) == (
        "apps",
        "statefulsets",
        "team",
        "x",
    )
    assert (asked[1].user, asked[1].groups) == ("bob", ("dev",))


async def test_what_is_no_resource_is_asked_by_its_path(world):
    world.registry.allow(lambda access: access.path == "/metrics")

    answer = await world.send(
        "POST",
        OTHER,
        review("SubjectAccessReview", user="bob", nonResourceAttributes={"path": "/metrics", "verb": "get"}),
    )

    assert answer["status"]["allowed"] is True


async def test_a_review_asks_one_thing(world):
    assert (await world.refused("POST", SELF, review("SelfSubjectAccessReview"))).code == 422


async def test_reviews_are_not_kept(world):
    assert (await world.refused("GET", SELF)).code == 405
