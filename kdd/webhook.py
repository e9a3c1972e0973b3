"""The admission webhook of the daemon, and `kdd webhook remove`.

Layer: shell.
"""

from urllib.parse import urlsplit

import typer

from kdd.settings import Settings, WebhookSettings
from kdlib import admission, kube
from kdlib.errors import Problem, RefusedError

__all__ = ["check_webhook", "registration", "remove", "webhook"]


def check_webhook(settings: Settings) -> None:
    """Raise RefusedError where the webhook cannot be served as it is asked for."""
    wanted = settings.webhook
    if wanted is not None:
        problems = [*_where(settings, wanted), *_certificates(wanted)]
        if problems:
            raise RefusedError("kdd run", problems)


def _where(settings: Settings, wanted: WebhookSettings) -> list[Problem]:
    if len(settings.contexts) > 1:
        what = "one daemon serves the webhook of one Kubernetes cluster"
        return [Problem("--webhook", what, "run one daemon for each context, or give --no-webhook")]
    if wanted.url is None and not settings.in_cluster:
        what = "outside of its cluster the API server must be told how to reach us"
        return [Problem("--webhook", what, "give --webhook-url https://HOST:PORT, or --no-webhook")]
    if wanted.url is not None:
        parts = urlsplit(wanted.url)
        if parts.scheme != "https" or not parts.hostname or parts.path not in ("", "/") or parts.query:
            return [Problem("--webhook-url", f"{wanted.url!r} is not https://HOST:PORT", "name host and port")]
    return []


def _certificates(wanted: WebhookSettings) -> list[Problem]:
    if wanted.secret is not None and wanted.certificates is not None:
        what = "the certificate comes from a Secret or from files"
        return [Problem("--webhook-secret", what, "leave out this or --webhook-certificates")]
    if wanted.certificates is not None and not wanted.certificates.is_dir():
        return [Problem("--webhook-certificates", f"{str(wanted.certificates)!r} is no folder", "name the folder")]
    return []


def webhook(api: kube.Api, settings: Settings, wanted: WebhookSettings) -> admission.Webhook:
    """Return the webhook of one Kubernetes cluster."""
    namespace = settings.system_namespace
    return admission.Webhook(
        api,
        admission.Settings(
            place=_place(wanted, namespace),
            certificates=_source(wanted, namespace),
            system_namespace=namespace,
            host=wanted.host,
            port=wanted.port,
            check_access=wanted.check_access,
            registration=registration(settings.namespace),
        ),
    )


def registration(namespace: str | None) -> admission.Registration:
    """Return how the webhook is registered: of one namespace alone under a name of its own, and for that one alone."""
    if namespace is None:
        return admission.Registration()
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    return admission.Registration(f"{admission.Registration().name}-{namespace}", selector)


def _place(wanted: WebhookSettings, namespace: str) -> admission.AtUrl | admission.InService:
    if wanted.url is None:
        return admission.InService(namespace, wanted.service)
    return admission.AtUrl(str(urlsplit(wanted.url).hostname), wanted.url.rstrip("/"))


def _source(wanted: WebhookSettings, namespace: str) -> admission.CertificateSource:
    if wanted.certificates is not None:
        return admission.InFiles(wanted.certificates)
    if wanted.secret is not None:
        return admission.MadeOutside(namespace, wanted.secret)
    return admission.MadeHere(namespace)


async def remove(kubeconfig: str | None, context: str | None, *, namespace: str | None = None) -> None:
    """Deregister the webhook, of one namespace or of all, so that the API server asks nobody any more."""
    async with kube.connect(kubeconfig=kubeconfig, context=context) as api:
        removed = await admission.deregister(api, registration(namespace).name)
    for ref in removed:
        typer.echo(f"{ref} removed")
    if not removed:
        typer.echo("no webhook is registered")
