"""The command line: `kdd`, one file for each command.

Layer: shell.
"""

import asyncio
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

import kdlib
from kdd.settings import Settings, WebhookSettings, read_settings
from kdlib.errors import KubeDirectorError, RefusedError

__all__ = ["main"]

app = typer.Typer(
    name="kdd",
    help="KubeDirector: runs complex stateful scale-out applications on Kubernetes, unchanged.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Kubeconfig = Annotated[
    str | None,
    typer.Option("--kubeconfig", metavar="FILE", help="Default: KUBECONFIG, ~/.kube/config, or the pod's account."),
]
Context = Annotated[str | None, typer.Option("--context", metavar="NAME", help="Default: the current context.")]
Namespace = Annotated[str, typer.Option("--namespace", "-n", metavar="NAME", help="Namespace of the cluster.")]
Images = Annotated[
    list[str] | None,
    typer.Option("--image", metavar="NAME=PATH", help="Serve image NAME from the folder PATH; repeatable."),
]


def _run(work: Coroutine[Any, Any, None]) -> None:
    with _told():
        asyncio.run(work)


@contextmanager
def _told() -> Iterator[None]:
    """Tell errors: one on purpose is one line (each problem of a refusal has its own) and exit code 2, Ctrl-C 130."""
    try:
        yield
    except RefusedError as error:
        subject = error.subject.removeprefix("kdd ")
        sys.stderr.writelines(f"kdd: {subject}: {problem}\n" for problem in error.problems)
        raise typer.Exit(2) from None
    except KubeDirectorError as error:
        sys.stderr.write(f"kdd: {error}\n")
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@app.command()
def run(
    kubeconfig: Kubeconfig = None,
    context: Annotated[list[str] | None, typer.Option("--context", metavar="NAME", help="Repeatable.")] = None,
    system_namespace: Annotated[
        str | None, typer.Option(metavar="NAME", help="Namespace of the system catalogue and the global config.")
    ] = None,
    log_format: Annotated[str, typer.Option(metavar="console|json", help="Form of the log on stderr.")] = "console",
    webhook: Annotated[
        bool | None,
        typer.Option("--webhook/--no-webhook", help="Serve the admission webhook. Default: yes in a pod, else no."),
    ] = None,
    webhook_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where the API server reaches us from outside of its cluster.")
    ] = None,
    webhook_host: Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen on.")] = "0.0.0.0",
    webhook_port: Annotated[int, typer.Option(metavar="PORT", min=1, max=65535, help="Port to listen on.")] = 8443,
    webhook_service: Annotated[
        str, typer.Option(metavar="NAME", help="Service that leads to us, in the system namespace.")
    ] = "kubedirector-webhook",
    webhook_secret: Annotated[
        str | None, typer.Option(metavar="NAME", help="Secret with a certificate that somebody else renews.")
    ] = None,
    webhook_certificates: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder with tls.crt, tls.key and ca.crt, read again.")
    ] = None,
    check_access: Annotated[
        bool, typer.Option(help="Check what a user refers to against the user's own rights.")
    ] = True,
) -> None:
    """Look after all clusters, on one or several Kubernetes clusters, until a signal says stop."""
    from kdd.run import run as command

    if log_format not in ("console", "json"):
        raise typer.BadParameter(f"{log_format!r} is neither console nor json", param_hint="--log-format")
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
    settings = Settings(
        cache=found.cache,
        kubeconfig=kubeconfig or found.kubeconfig,
        contexts=tuple(context or ()),
        system_namespace=system_namespace or found.system_namespace,
        log_format=log_format,
        webhook=asked if (in_cluster or webhook_url is not None if webhook is None else webhook) else None,
        in_cluster=in_cluster,
    )
    _run(command(settings))


webhook_commands = typer.Typer(help="The admission webhook.", no_args_is_help=True)
app.add_typer(webhook_commands, name="webhook")


@webhook_commands.command("remove")
def remove_webhook(kubeconfig: Kubeconfig = None, context: Context = None) -> None:
    """Deregister the webhook: from then on the API server asks nobody."""
    from kdd.webhook import remove as command

    _run(command(kubeconfig or read_settings().kubeconfig, context))


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running at the end, until Ctrl-C.")] = False,
) -> None:
    """Run the main job: a Dask cluster on the embedded cluster comes up, computes, grows, heals, and goes."""
    from kdd.demo import demo as command

    _run(command(read_settings(), keep=keep))


@app.command()
def sandbox(
    kubeconfig: Annotated[
        Path | None,
        typer.Option(
            "--kubeconfig",
            metavar="FILE",
            help="Write the kubeconfig to this new FILE once ready; remove it at the end.",
        ),
    ] = None,
    image: Images = None,
    any_image: Annotated[bool, typer.Option("--any-image", help="Run unknown images on the base system.")] = False,
    crds: Annotated[bool, typer.Option(help="Install KubeDirector's CustomResourceDefinitions.")] = True,
) -> None:
    """Run an embedded Kubernetes cluster until Ctrl-C; print its kubeconfig and its node ports."""
    from kdd.sandbox import sandbox as command

    _run(command(read_settings(), kubeconfig=kubeconfig, images=tuple(image or ()), any_image=any_image, crds=crds))


@app.command()
def retry(
    cluster: Annotated[str, typer.Argument(metavar="CLUSTER")],
    member: Annotated[str | None, typer.Argument(metavar="[MEMBER]", help="One pod; default: all that failed.")] = None,
    give_up: Annotated[
        bool,
        typer.Option("--give-up", help="Let members go that are to go, though their decommission did not end well."),
    ] = False,
    namespace: Namespace = "default",
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Ask for a further attempt of what failed inside members of a cluster: set-up, a change, a decommission."""
    from kdd.retry import retry as command

    settings = read_settings()
    file = kubeconfig or settings.kubeconfig
    _run(command(file, context, namespace, cluster=cluster, member=member, give_up=give_up))


@app.command()
def pause(
    cluster: Annotated[str, typer.Argument(metavar="CLUSTER")],
    namespace: Namespace = "default",
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Keep hands off a cluster: no object is written and nothing is started inside members until it is resumed."""
    from kdd.pause import pause as command

    _run(command(kubeconfig or read_settings().kubeconfig, context, namespace, cluster=cluster, paused=True))


@app.command()
def resume(
    cluster: Annotated[str, typer.Argument(metavar="CLUSTER")],
    namespace: Namespace = "default",
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Take a paused cluster up again, from where it is."""
    from kdd.pause import pause as command

    _run(command(kubeconfig or read_settings().kubeconfig, context, namespace, cluster=cluster, paused=False))


@app.command()
def scale(
    cluster: Annotated[str, typer.Argument(metavar="CLUSTER")],
    roles: Annotated[list[str], typer.Argument(metavar="ROLE=N...", help="Role and number of its members.")],
    namespace: Namespace = "default",
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Ask for other numbers of members, and change nothing else of the cluster."""
    from kdd.scale import scale as command

    settings = read_settings()
    _run(command(kubeconfig or settings.kubeconfig, context, namespace, cluster=cluster, roles=tuple(roles)))


@app.command()
def restart(
    cluster: Annotated[str, typer.Argument(metavar="CLUSTER")],
    member: Annotated[str | None, typer.Argument(metavar="[MEMBER]", help="One pod, at once; default: all.")] = None,
    role: Annotated[
        str | None, typer.Option("--role", metavar="ROLE", help="The members of one role, one after the other.")
    ] = None,
    namespace: Namespace = "default",
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Ask for members to be restarted, each in a new pod: one by one, each when all others are well."""
    from kdd.restart import restart as command

    settings = read_settings()
    source = kubeconfig or settings.kubeconfig
    _run(command(source, context, namespace, cluster=cluster, member=member, role=role))


@app.command()
def plan(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Manifests with clusters, and their apps.")],
    namespace: Namespace = "default",
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    system_namespace: Annotated[
        str | None, typer.Option(metavar="NAME", help="Namespace of the system catalogue and the global config.")
    ] = None,
) -> None:
    """Say what would happen if the manifests were applied, in order; nothing is written. Exit code 2: refused."""
    from kdd.plan import plan as command

    settings = read_settings()
    system, source = system_namespace or settings.system_namespace, kubeconfig or settings.kubeconfig
    _run(command(source, context, namespace, system_namespace=system, files=tuple(files)))


@app.command()
def explain(
    cluster: Annotated[str, typer.Argument(metavar="CLUSTER")],
    namespace: Namespace = "default",
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Say why a cluster is waiting, for whom, and what happens next."""
    from kdd.explain import explain as command

    _run(command(kubeconfig or read_settings().kubeconfig, context, namespace, cluster=cluster))


@app.command("rotate-tokens")
def rotate_tokens(
    cluster: Annotated[str, typer.Argument(metavar="CLUSTER")],
    member: Annotated[str | None, typer.Argument(metavar="[MEMBER]", help="One pod; default: all members.")] = None,
    namespace: Namespace = "default",
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Ask for new auth tokens of a cluster's members.

    Service annotations and configmeta.json follow; no member restarts, and no start script runs.
    """
    from kdd.rotate_tokens import rotate_tokens as command

    settings = read_settings()
    _run(command(kubeconfig or settings.kubeconfig, context, namespace, cluster=cluster, member=member))


@app.command("rotate-key")
def rotate_key(
    new_key_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Take the key in FILE: 32, 48 or 64 hex digits. Default: a random one."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be done, and change nothing.")] = False,
    system_namespace: Annotated[
        str | None, typer.Option(metavar="NAME", help="Namespace of the global config. Default: kubedirector.")
    ] = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Change the master key, and encrypt the secret keys of all clusters anew under it.

    The old key goes on decrypting, so nothing that runs is disturbed. It needs the right to get and patch the global
    config, and to list and patch clusters. Killed or refused half-way, it goes on where it was when it is run again.
    """
    from kdd.rotate_key import read_key
    from kdd.rotate_key import rotate_key as command

    settings = read_settings()
    with _told():
        key = read_key(new_key_file) if new_key_file else None
    place = system_namespace or settings.system_namespace
    _run(command(kubeconfig or settings.kubeconfig, context, place, new_key=key, dry_run=dry_run))


@app.command()
def pack(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Holds one folder with the start script.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.tgz", help="Archive to write.")],
) -> None:
    """Pack a setup package reproducibly, after checking it."""
    from kdd.pack import pack as command

    with _told():
        command(folder, output)


@app.command()
def check(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Manifests, setup packages, folders; - for stdin.")
    ],
    form: Annotated[
        str, typer.Option("--format", metavar="text|json|sarif|github", help="Form of the output.")
    ] = "text",
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings fail too.")] = False,
) -> None:
    """Check manifests and setup packages without a cluster; exit code 1 if anything is wrong."""
    from kdd.check import FORMATS
    from kdd.check import check as command

    if form not in FORMATS:
        raise typer.BadParameter(f"{form!r} is none of {', '.join(FORMATS)}", param_hint="--format")
    with _told():
        code = command(tuple(paths), form=form, strict=strict)
    raise typer.Exit(code)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(kdlib.__version__)


def main() -> None:
    """Run the command line."""
    app()
