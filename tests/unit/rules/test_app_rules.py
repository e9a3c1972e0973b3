"""Each rule for apps refuses what it must, and only that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdlib.model import AppSpec
from kdlib.rules import app_defaults, app_problems


def app(**changes):
    spec = {
        "label": {"name": "Demo"},
        "distroID": "example/demo",
        "version": "1.0",
        "configSchemaVersion": 8,
        "defaultImageRepoTag": "example/demo:1",
        "services": [
            {"id": "web", "endpoint": {"port": 80, "urlScheme": "http"}},
            {"id": "ssh", "endpoint": {"port": 22}},
        ],
        "roles": [{"id": "front", "cardinality": "1"}, {"id": "back", "cardinality": "2+"}],
        "config": {
            "selectedRoles": ["front", "back"],
            "roleServices": [{"roleID": "front", "serviceIDs": ["web", "ssh"]}],
        },
    }
    return AppSpec.model_validate({**spec, **changes})


def config(selected=("front",), services=()):
    return {"selectedRoles": list(selected), "roleServices": list(services)}


def with_service(service):
    return app(services=[service], config=config(services=[{"roleID": "front", "serviceIDs": [service["id"]]}]))


def role(**changes):
    return [{"id": "front", "cardinality": "1", **changes}, {"id": "back", "cardinality": "2+"}]


WRONG = {
    "APP-V-02": [(app(roles=[*role(), *role()]), "spec.roles[2].id: role id 'front' occurs twice")],
    "APP-V-03": [
        (app(services=[{"id": "web"}, {"id": "ssh"}, {"id": "web"}]), "spec.services[2].id: service id 'web'")
    ],
    "APP-V-04": [(app(config=config(["front", "front"])), "spec.config.selectedRoles[1]: role 'front' occurs twice")],
    "APP-V-05": [
        (
            app(config=config(services=[{"roleID": "back", "serviceIDs": []}] * 2)),
            "spec.config.roleServices[1].roleID: role 'back' occurs twice",
        )
    ],
    "APP-V-06": [
        (
            app(config=config(services=[{"roleID": "side", "serviceIDs": []}])),
            "spec.config.roleServices[0].roleID: there is no role 'side'; use one of 'front', 'back'",
        ),
        (
            app(config=config(services=[{"roleID": "back", "serviceIDs": ["ssh", "x"]}])),
            "spec.config.roleServices[0].serviceIDs[1]: there is no service 'x'; use one of 'web', 'ssh'",
        ),
    ],
    "APP-V-07": [(app(config=config(["front", "side"])), "spec.config.selectedRoles[1]: there is no role 'side'")],
    "APP-V-08": [
        (
            app(services=[{"id": "web", "endpoint": {"port": 80, "isDashboard": True}}, {"id": "ssh"}]),
            "spec.services[0].endpoint.urlScheme: is required for a dashboard",
        )
    ],
    "APP-V-09": [
        (app(roles=role(minStorage={"size": "1.2.3"})), "spec.roles[0].minStorage.size: '1.2.3' is not a quantity"),
        (
            app(roles=role(minResources={"cpu": "1e99999"})),
            "spec.roles[0].minResources[cpu]: '1e99999' is not a quantity",
        ),
        (app(roles=role(containerSpec={"tty": True})), "spec.roles[0].containerSpec.stdin: must be true where tty is"),
        (app(defaultImageRepoTag=None), "spec.roles[0].imageRepoTag: role 'front' has no image"),
    ],
    "APP-X-01": [
        (
            app(services=[{"id": "web", "endpoint": {"port": 80}}, {"id": "ssh", "endpoint": {"port": 80}}]),
            "spec.services[1].endpoint.port: services 'web' and 'ssh' of role 'front' use the same port",
        )
    ],
    "APP-X-02": [
        (with_service({"id": "22", "endpoint": {"port": 22}}), "spec.services[0].id: '22'"),
        (with_service({"id": "a--b", "endpoint": {"port": 2}}), "'a--b' cannot name"),
    ],
    "APP-X-03": [
        (app(roles=[{"id": f"r{number}", "cardinality": "1"} for number in range(1001)]), "spec.roles: has 1001 items"),
        (app(services=[{"id": f"s{number}"} for number in range(1001)]), "spec.services: has 1001 items"),
        (app(label={"name": "x" * 65537}), "spec.label.name: has 65537 bytes"),
    ],
    "APP-X-04": [(app(roles=[role()[0], {"id": "back", "cardinality": "9" * 5000}]), "spec.roles[1].cardinality")],
    "APP-X-05": [
        (app(defaultImageRepoTag="example/demo:1\n"), "spec.defaultImageRepoTag: 'example/demo:1\\n' has blanks"),
        (app(roles=role(imageRepoTag="a b")), "spec.roles[0].imageRepoTag: 'a b' has blanks"),
    ],
    "APP-X-06": [
        (app(defaultPersistDirs=["/a\u0000b"]), "spec.defaultPersistDirs[0]"),
        (app(roles=role(persistDirs=["/a", "/b\tc"])), "spec.roles[0].persistDirs[1]"),
    ],
    "APP-X-07": [
        (app(defaultConfigPackage={"packageURL": "http://x/\u0007.tgz"}), "spec.defaultConfigPackage.package")
    ],
    "APP-X-42": [
        (app(startOrder=["front", "side"]), "spec.startOrder[1]: there is no role 'side'; use one of 'front', 'back'"),
        (app(startOrder=["back", "front", "back"]), "spec.startOrder[2]: role 'back' occurs twice"),
    ],
}


@pytest.mark.parametrize(("rule", "value", "part"), [(key, *case) for key, cases in WRONG.items() for case in cases])
def test_a_rule_finds_its_violation_and_no_other(rule, value, part, words):
    found = list(app_problems(value))
    assert {problem.rule for problem in found} == {rule}
    assert any(part in str(problem) for problem in found), found
    words(found)
    assert all(problem.remedy for problem in found)


def test_a_good_app_has_no_problem_before_and_after_its_defaults():
    assert list(app_problems(app())) == []
    assert list(app_problems(app_defaults(app()))) == []


def test_all_violations_are_told_at_once():
    found = list(app_problems(app(roles=[*role(), *role()], defaultImageRepoTag=None, config=config(["x", "x"]))))
    assert {problem.rule for problem in found} == {"APP-V-02", "APP-V-04", "APP-V-07", "APP-V-09"}


def test_a_service_that_no_role_runs_may_be_called_anything():
    ported = {"id": "22", "endpoint": {"port": 22}}
    assert list(app_problems(app(services=[ported, {"id": "web"}, {"id": "ssh"}]))) == []


def test_services_without_ports_may_share_what_they_do_not_use():
    assert list(app_problems(app(services=[{"id": "web"}, {"id": "22"}, {"id": "ssh"}]))) == []


PACKAGE = {"packageURL": "http://x/p.tgz"}
OTHER = {"packageURL": "http://x/q.tgz", "useNewSetupLayout": True}


def test_defaults_fill_roles_and_leave_the_app():
    """APP-M-01 to APP-M-06, and that an inherited package has its layout written out."""
    made = app_defaults(
        app(
            defaultConfigPackage=PACKAGE,
            defaultPersistDirs=["/a"],
            defaultEventList=["configure"],
            defaultMaxLogSizeDump=0,
            roles=[
                {"id": "front", "cardinality": "1"},
                {"id": "back", "cardinality": "2+", "configPackage": None, "imageRepoTag": "own:1"},
                {"id": "side", "cardinality": "0+", "configPackage": OTHER, "eventList": [], "maxLogSizeDump": 5},
            ],
        )
    ).dumped()
    assert not [name for name in made if name.startswith("default")]
    assert made["roles"] == [
        {
            "id": "front",
            "cardinality": "1",
            "imageRepoTag": "example/demo:1",
            "configPackage": {**PACKAGE, "useNewSetupLayout": False},
            "persistDirs": ["/a"],
            "eventList": ["configure"],
            "maxLogSizeDump": 0,
        },
        {
            "id": "back",
            "cardinality": "2+",
            "imageRepoTag": "own:1",
            "configPackage": None,
            "persistDirs": ["/a"],
            "eventList": ["configure"],
            "maxLogSizeDump": 0,
        },
        {
            "id": "side",
            "cardinality": "0+",
            "imageRepoTag": "example/demo:1",
            "configPackage": OTHER,
            "persistDirs": ["/a"],
            "eventList": [],
            "maxLogSizeDump": 5,
        },
    ]


def test_without_defaults_a_role_has_no_package_all_events_and_256_characters_of_log():
    front = app_defaults(app(defaultConfigPackage=None)).dumped()["roles"][0]
    assert (front["configPackage"], front["maxLogSizeDump"], "eventList" in front) == (None, 256, False)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "defaultConfigPackage": st.sampled_from([None, PACKAGE, OTHER]),
            "defaultPersistDirs": st.sampled_from([[], ["/a"]]),
            "defaultEventList": st.sampled_from([[], ["configure"]]),
            "defaultMaxLogSizeDump": st.integers(0, 3),
            "roles": st.lists(
                st.fixed_dictionaries(
                    {"id": st.sampled_from("ab"), "cardinality": st.just("1")},
                    optional={"configPackage": st.sampled_from([None, PACKAGE]), "eventList": st.just([])},
                ),
                max_size=3,
            ),
        },
    )
)
def test_defaulting_twice_is_defaulting_once(changes):
    once = app_defaults(app(**changes))
    assert app_defaults(once) == once
    assert app_defaults(once).dumped() == once.dumped()
    assert AppSpec.model_validate(once.dumped()) == once
