"""The headless Service and those of the members (KO-01 to KO-03, KO-05, KO-06)."""

import pytest

from kdlib import manifests, wire

BASIC = {
    "kubedirector.hpe.com/kdcluster": "db1",
    "kubedirector.hpe.com/kdapp": "exampledb",
    "kubedirector.hpe.com/appCatalog": "local",
}
LIMITS = {"limits": {"memory": "4Gi", "cpu": "1"}}
CONFIG = {"serviceLabels": {"b": "config", "c": "config"}, "serviceAnnotations": {"b": "config"}}


@pytest.fixture
def service_of(make):
    """Return a function that makes one Service of a cluster."""

    def made(name, **options):
        role = {"id": "seed", "resources": LIMITS, **options.pop("role", {})}
        data = {"id": "data", "members": 1, "resources": LIMITS}
        return manifests.graph_of(*make([role, data], **options)).get(wire.Ref(wire.SERVICE, "team", name))

    return made


def test_the_headless_service_selects_all_members_ready_or_not(service_of) -> None:
    made = service_of("kdhs-x7k2p", reserved=CONFIG)
    assert made["spec"] == {
        "clusterIP": "None",
        "selector": {"kubedirector.hpe.com/headless": "db1"},
        "publishNotReadyAddresses": True,
        "ports": [{"name": "port", "port": 8888, "protocol": "TCP"}],
    }


def test_the_headless_service_has_no_metadata_of_the_config(service_of) -> None:
    made = service_of("kdhs-x7k2p", reserved=CONFIG)
    assert made["metadata"]["labels"] == BASIC
    assert set(made["metadata"]["annotations"]) == {
        "kubedirector.hpe.com/intent",
        "kubedirector.hpe.com/kdapp-prettyName",
    }


def test_a_members_service_selects_its_pod(service_of) -> None:
    spec = service_of("s-kdss-seed-0")["spec"]
    assert spec["selector"] == {"statefulset.kubernetes.io/pod-name": "kdss-seed-0"}
    assert spec["publishNotReadyAddresses"] is True


def test_ports_are_in_the_order_of_the_app_and_named_by_scheme_and_id(service_of) -> None:
    assert service_of("s-kdss-seed-0")["spec"]["ports"] == [
        {"name": "cql-db", "port": 9042, "protocol": "TCP"},
        {"name": "http-web", "port": 8080, "protocol": "TCP"},
    ]
    assert service_of("s-kdss-data-0")["spec"]["ports"] == [
        {"name": "cql-db", "port": 9042, "protocol": "TCP"},
        {"name": "generic-raw", "port": 7000, "protocol": "TCP"},
    ]


@pytest.mark.parametrize(("wanted", "expected"), [(None, "NodePort"), ("LoadBalancer", "LoadBalancer")])
def test_the_type_is_the_clusters_else_the_reserved_one(service_of, wanted, expected) -> None:
    assert service_of("s-kdss-seed-0", spec={"serviceType": wanted} if wanted else None)["spec"]["type"] == expected


def test_metadata_of_the_config_wins_over_the_roles_but_not_over_our_labels(service_of) -> None:
    role = {
        "serviceLabels": {"a": "role", "b": "role"},
        "serviceAnnotations": {"a": "role", "b": "role"},
    }
    metadata = service_of("s-kdss-seed-0", role=role, reserved=CONFIG)["metadata"]
    assert metadata["labels"] == {
        "a": "role",
        "b": "config",
        "c": "config",
        "kubedirector.hpe.com/role": "seed",
        **BASIC,
    }
    assert {key: metadata["annotations"][key] for key in ("a", "b")} == {"a": "role", "b": "config"}


def test_the_members_token_is_on_its_service(service_of) -> None:
    assert service_of("s-kdss-seed-0")["metadata"]["annotations"]["kubedirector.hpe.com/kd-auth-token"] == "token1"
    assert "kubedirector.hpe.com/kd-auth-token" not in service_of("s-kdss-data-0")["metadata"]["annotations"]


def test_services_have_the_names_of_the_status(service_of) -> None:
    assert service_of("db1-seed-z5t4h-0", reserved={"namingScheme": "CrNameRole"}) is not None
    assert service_of("db1x7k2p", reserved={"namingScheme": "CrNameRole"})["spec"]["clusterIP"] == "None"
