"""The flags of `kdd run`, each also a variable of the environment and a key of the file, in this order.

Layer: shell.
"""

from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer

from kdd.config_file import read_config
from kdd.settings import HttpSettings, LeaseSettings, Settings, WebhookSettings, read_settings
from kdd.telling import run_told, told

__all__ = ["PREFIX", "run"]

_Part = TypeVar("_Part")

PREFIX = "KDD"
"""What the names of the environment's variables begin with."""


def _take_config(context: typer.Context, path: Path | None) -> Path | None:
    """Let the file's values stand where neither a flag nor the environment gives one."""
    if path is not None:
        with told():
            context.default_map = read_config(path, context)
    return path


Config = Annotated[
    Path | None,
    typer.Option(metavar="FILE", is_eager=True, callback=_take_config, help="YAML file with settings."),
]
Kubeconfig = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Kubeconfig. Default: KUBECONFIG, ~/.kube/config, or the pod's account."),
]
Contexts = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Context of the kubeconfig; repeatable. Default: its current one."),
]
KubeconfigSecrets = Annotated[
    bool,
    typer.Option(help="Look after the clusters of kubeconfigs in labelled Secrets of the system namespace too."),
]
SystemNamespace = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Namespace of the system catalogue and the global config. Default: MY_NAMESPACE, or kubedirector.",
    ),
]
Namespace = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Look after the clusters of this namespace alone, which has catalogue, global config and lease as well.",
    ),
]
Workers = Annotated[
    int, typer.Option(metavar="N", min=1, max=1000, help="Passes at once, for each Kubernetes cluster.")
]
GracePeriod = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        min=0.0,
        help="Time to finish what is under way after SIGTERM; a second one ends at once.",
    ),
]
LogFormat = Annotated[Literal["console", "json"], typer.Option(help="Form of the log on stderr.")]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"], typer.Option(help="From which severity on lines are logged.")
]
LeaderElect = Annotated[
    bool | None,
    typer.Option(
        "--leader-elect/--no-leader-elect",
        help="Take turns with other daemons by a lease in the system namespace. Default: yes in a pod, else no.",
    ),
]
LeaseDuration = Annotated[
    int, typer.Option(metavar="SECONDS", min=1, help="A lease not renewed for so long is taken by another daemon.")
]
RenewDeadline = Annotated[
    float, typer.Option(metavar="SECONDS", min=0.1, help="The leader stops acting so long after its last renewal.")
]
RetryPeriod = Annotated[float, typer.Option(metavar="SECONDS", min=0.05, help="Wait before a lease is tried again.")]
Metrics = Annotated[
    bool | None,
    typer.Option(
        "--metrics/--no-metrics", help="Serve /metrics, /healthz and /readyz. Default: yes in a pod, else no."
    ),
]
MetricsHost = Annotated[str, typer.Option(metavar="ADDRESS", help="Address to serve them on.")]
MetricsPort = Annotated[int, typer.Option(metavar="PORT", min=1, max=65535, help="Port to serve them on.")]
Webhook = Annotated[
    bool | None,
    typer.Option(
        "--webhook/--no-webhook",
        help="Serve the admission webhook. Default: yes in a pod, unless --namespace is given.",
    ),
]
WebhookUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="Where the API server reaches us from outside of its cluster.")
]
WebhookHost = Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen on.")]
WebhookPort = Annotated[int, typer.Option(metavar="PORT", min=1, max=65535, help="Port to listen on.")]
WebhookService = Annotated[str, typer.Option(metavar="NAME", help="Service that leads to us, in the system namespace.")]
WebhookSecret = Annotated[
    str | None, typer.Option(metavar="NAME", help="Secret with a certificate that somebody else renews.")
]
WebhookCertificates = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Folder with tls.crt, tls.key and ca.crt, read again.")
]
CheckAccess = Annotated[bool, typer.Option(help="Check what a user refers to against the user's own rights.")]


def _where(wanted: _Part, flag: bool | None, *, otherwise: bool) -> _Part | None:
    """Return what is wanted where the flag says so, or where there is no flag and that is the default."""
    return wanted if (otherwise if flag is None else flag) else None


def run(
    config: Config = None,
    kubeconfig: Kubeconfig = None,
    context: Contexts = None,
    kubeconfig_secrets: KubeconfigSecrets = False,
    system_namespace: SystemNamespace = None,
    namespace: Namespace = None,
    workers: Workers = 20,
    grace_period: GracePeriod = 25.0,
    log_format: LogFormat = "console",
    log_level: LogLevel = "info",
    leader_elect: LeaderElect = None,
    lease_duration: LeaseDuration = 10,
    renew_deadline: RenewDeadline = 6.0,
    retry_period: RetryPeriod = 1.0,
    metrics: Metrics = None,
    metrics_host: MetricsHost = "0.0.0.0",
    metrics_port: MetricsPort = 60000,
    webhook: Webhook = None,
    webhook_url: WebhookUrl = None,
    webhook_host: WebhookHost = "0.0.0.0",
    webhook_port: WebhookPort = 8443,
    webhook_service: WebhookService = "kubedirector-webhook",
    webhook_secret: WebhookSecret = None,
    webhook_certificates: WebhookCertificates = None,
    check_access: CheckAccess = True,
) -> None:
    """Look after all clusters, on one or several Kubernetes clusters, until a signal says stop.

    Each setting is taken from its flag, else from its variable of the environment (KDD_ and the flag's name), else from
    the file given by --config (the flag's name is the key), else it has its default.
    """
    from kdd.run import run as command

    found = read_settings()
    in_cluster = found.in_cluster and kubeconfig is None and not context
    asked = WebhookSettings(
        host=webhook_host,
        port=webhook_port,
        url=webhook_url,
        service=webhook_service,
        secret=webhook_secret,
        certificates=webhook_certificates,
        check_access=check_access,
    )
    http = HttpSettings(host=metrics_host, port=metrics_port)
    turns = LeaseSettings(lease_seconds=lease_duration, renew_seconds=renew_deadline, retry_seconds=retry_period)
    settings = Settings(
        cache=found.cache,
        kubeconfig=kubeconfig or found.kubeconfig,
        contexts=tuple(context or ()),
        kubeconfig_secrets=kubeconfig_secrets,
        system_namespace=system_namespace or namespace or found.system_namespace,
        namespace=namespace,
        workers=workers,
        grace_seconds=grace_period,
        log_format=log_format,
        log_level=log_level.upper(),
        http=_where(http, metrics, otherwise=in_cluster),
        lease=_where(turns, leader_elect, otherwise=in_cluster),
        host=found.host,
        webhook=_where(asked, webhook, otherwise=(in_cluster and namespace is None) or webhook_url is not None),
        in_cluster=in_cluster,
    )
    run_told(command(settings))
