"""The command line: `kdd`, one file for each command.

Layer: shell.
"""

from pathlib import Path
from typing import Annotated

import typer

from kdd.flags import PREFIX, run
from kdd.mistakes import Commands
from kdd.settings import read_settings
from kdd.telling import run_told, told

__all__ = ["main"]

app = typer.Typer(
    name="kdd",
    cls=Commands,
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
System = Annotated[
    str | None,
    typer.Option("--system-namespace", metavar="NAME", help="The daemon's. Default: MY_NAMESPACE, or kubedirector."),
]
Alone = Annotated[
    str | None,
    typer.Option("--namespace", "-n", metavar="NAME", help="Of a daemon that looked after this namespace alone."),
]
Images = Annotated[
    list[str] | None,
    typer.Option("--image", metavar="NAME=PATH", help="Serve image NAME from the folder PATH; repeatable."),
]


app.command(context_settings={"auto_envvar_prefix": PREFIX})(run)

webhook_commands = typer.Typer(help="The admission webhook.", no_args_is_help=True)
app.add_typer(webhook_commands, name="webhook")


@webhook_commands.command("remove")
def remove_webhook(kubeconfig: Kubeconfig = None, context: Context = None, namespace: Alone = None) -> None:
    """Deregister the webhook: from then on the API server asks nobody."""
    from kdd.webhook import remove as command

    run_told(command(kubeconfig or read_settings().kubeconfig, context, namespace=namespace))


@app.command()
def release(
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    system_namespace: System = None,
    namespace: Alone = None,
) -> None:
    """Let go of all that a daemon held, once none runs: take off finalizers, deregister the webhook."""
    from kdd.release import release as command

    found = read_settings()
    place = system_namespace or namespace or found.system_namespace
    run_told(command(kubeconfig or found.kubeconfig, context, place, namespace=namespace))


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running at the end, until Ctrl-C.")] = False,
) -> None:
    """Run the main job: a Dask cluster on the embedded cluster comes up, computes, grows, heals, and goes."""
    from kdd.demo import demo as command

    run_told(command(read_settings(), keep=keep))


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
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", metavar="DIR", help="Keep the cluster's state in DIR; go on from what is there."),
    ] = None,
) -> None:
    """Run an embedded Kubernetes cluster until Ctrl-C; print its kubeconfig and its node ports."""
    from kdd.sandbox import sandbox as command

    run_told(
        command(
            read_settings(),
            kubeconfig=kubeconfig,
            images=tuple(image or ()),
            any_image=any_image,
            crds=crds,
            data=data_dir,
        )
    )


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
    run_told(command(file, context, namespace, cluster=cluster, member=member, give_up=give_up))


@app.command()
def pause(
    cluster: Annotated[str, typer.Argument(metavar="CLUSTER")],
    namespace: Namespace = "default",
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Keep hands off a cluster: no object is written and nothing is started inside members until it is resumed."""
    from kdd.pause import pause as command

    run_told(command(kubeconfig or read_settings().kubeconfig, context, namespace, cluster=cluster, paused=True))


@app.command()
def resume(
    cluster: Annotated[str, typer.Argument(metavar="CLUSTER")],
    namespace: Namespace = "default",
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Take a paused cluster up again, from where it is."""
    from kdd.pause import pause as command

    run_told(command(kubeconfig or read_settings().kubeconfig, context, namespace, cluster=cluster, paused=False))


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
    run_told(command(kubeconfig or settings.kubeconfig, context, namespace, cluster=cluster, roles=tuple(roles)))


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
    run_told(command(source, context, namespace, cluster=cluster, member=member, role=role))


@app.command()
def plan(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Manifests with clusters, and their apps.")],
    server_side: Annotated[
        bool | None,
        typer.Option(
            "--server-side/--client-side", help="How kubectl will apply them. Default: as each was applied last."
        ),
    ] = None,
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
    chosen = tuple(files)
    run_told(command(source, context, namespace, system_namespace=system, files=chosen, server_side=server_side))


@app.command()
def explain(
    cluster: Annotated[str, typer.Argument(metavar="CLUSTER")],
    namespace: Namespace = "default",
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Say why a cluster is waiting, for whom, and what happens next."""
    from kdd.explain import explain as command

    run_told(command(kubeconfig or read_settings().kubeconfig, context, namespace, cluster=cluster))


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
    run_told(command(kubeconfig or settings.kubeconfig, context, namespace, cluster=cluster, member=member))


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
    with told():
        key = read_key(new_key_file) if new_key_file else None
    place = system_namespace or settings.system_namespace
    run_told(command(kubeconfig or settings.kubeconfig, context, place, new_key=key, dry_run=dry_run))


@app.command()
def pack(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Holds one folder with the start script.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.tgz", help="Archive to write.")],
) -> None:
    """Pack a setup package reproducibly, after checking it."""
    from kdd.pack import pack as command

    with told():
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
    with told():
        code = command(tuple(paths), form=form, strict=strict)
    raise typer.Exit(code)


@app.command()
def version() -> None:
    """Print the version, that of Python, and the versions of Kubernetes that are supported."""
    from kdd.version import version as command

    typer.echo(command())


def main() -> None:
    """Run the command line."""
    app()
