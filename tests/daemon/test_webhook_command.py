"""Flags of the webhook: the default goes by where the daemon runs, and a mistake is one line with what to do."""

import uuid
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from kdd import flags, main
from kdd.leftover import LeftoverRegistration
from kdd.settings import read_settings
from kdd.webhook import registration
from kdlib.admission import AtUrl, Registration
from kdlib.admission.configurations import configurations
from kdlib.kube import Api
from kdlib.sandbox import Registry
from kdlib.sandbox.store import LocalTransport


@pytest.fixture
def settled(monkeypatch, tmp_path):
    """Return how to run `kdd run` with an environment; gives the settings that it would run with."""

    def run(*arguments, **environ):
        found = []

        async def command(settings):
            found.append(settings)

        monkeypatch.setattr("kdd.run.run", command)
        monkeypatch.setattr(flags, "read_settings", lambda: read_settings({"HOME": str(tmp_path), **environ}))
        result = CliRunner().invoke(main.app, ["run", *map(str, arguments)])
        assert result.exit_code == 0, result.output
        return found[0]

    return run


IN_POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}


def test_in_a_pod_the_webhook_is_on_and_elsewhere_off(settled):
    assert settled(**IN_POD).webhook is not None
    assert settled().webhook is None
    assert settled("--kubeconfig", "config", **IN_POD).webhook is None
    assert settled(KUBECONFIG="config", **IN_POD).webhook is None
    assert settled("--context", "here", **IN_POD).webhook is None


def test_a_flag_decides_over_the_default(settled):
    assert settled("--no-webhook", **IN_POD).webhook is None
    assert settled("--webhook").webhook is not None
    assert settled("--webhook-url", "https://192.0.2.7:8443").webhook.url == "https://192.0.2.7:8443"
    assert settled("--no-webhook", "--webhook-url", "https://192.0.2.7:8443").webhook is None


def test_a_kubeconfig_in_the_home_of_the_user_tells_that_this_is_no_pod(settled, tmp_path):
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text("{}")
    assert settled(**IN_POD).webhook is None


MISTAKES = {
    "no way to reach us": (("--webhook",), ("--webhook", "--webhook-url")),
    "a URL without TLS": (("--webhook-url", "http://192.0.2.7"), ("--webhook-url", "https://HOST:PORT")),
    "a URL with a path": (("--webhook-url", "https://192.0.2.7/x"), ("--webhook-url", "https://HOST:PORT")),
    "several contexts": (("--webhook", "--context", "a", "--context", "b"), ("--webhook", "each context")),
    "two sources of certificates": (
        ("--webhook-url", "https://192.0.2.7", "--webhook-secret", "s", "--webhook-certificates", "."),
        ("--webhook-secret", "--webhook-certificates"),
    ),
    "a folder that is none": (
        ("--webhook-url", "https://192.0.2.7", "--webhook-certificates", "/no/where"),
        ("--webhook-certificates", "/no/where"),
    ),
}


@pytest.mark.parametrize(("arguments", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_with_what_to_do(arguments, words, tmp_path, monkeypatch):
    monkeypatch.setattr(flags, "read_settings", lambda: read_settings({"HOME": str(tmp_path)}))
    result = CliRunner().invoke(main.app, ["run", *arguments])
    assert (result.exit_code, len(result.output.splitlines())) == (2, 1), result.output
    assert all(word in result.output for word in words)


async def test_a_daemon_without_webhook_tells_of_one_that_is_registered(caplog):
    registry = Registry(lambda: datetime.now(UTC), lambda: str(uuid.uuid4()))
    api = Api(LocalTransport(registry), name="here")
    await LeftoverRegistration(api).run()
    assert caplog.records == []
    registry.create(configurations(AtUrl("192.0.2.7", "https://192.0.2.7"), "", Registration())[0])
    await LeftoverRegistration(api).run()
    assert "kdd webhook remove" in caplog.text


def test_webhooks_of_several_namespaces_are_registered_side_by_side_each_for_its_own():
    place = AtUrl("192.0.2.7", "https://192.0.2.7")
    found = [
        item for name in ("team", "other", None) for item in configurations(place, "", registration(name), "operator")
    ]
    assert len({(item["kind"], item["metadata"]["name"]) for item in found}) == 6
    for namespace, items in (("team", found[:2]), ("other", found[2:4])):
        selectors = [webhook["namespaceSelector"] for item in items for webhook in item["webhooks"]]
        assert all(item == {"matchLabels": {"kubernetes.io/metadata.name": namespace}} for item in selectors)
    assert all(webhook["namespaceSelector"] == {} for item in found[4:] for webhook in item["webhooks"])
