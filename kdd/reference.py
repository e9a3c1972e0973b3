"""The reference pages of the daemon, made from what it is made of.

Layer: shell.
"""

from typing import Any

import typer

from kdd.config_file import flag_of
from kdd.flags import PREFIX
from kdd.main import app
from kdd.metrics import FAMILIES

__all__ = ["metrics_page", "settings_page"]

_SETTINGS = """\
<!-- Generated from kdd.flags by schemas/generate.py. Do not edit. -->

# Settings of `kdd run`

Each setting is taken from its flag, else from its variable of the environment, else from the file given by
`--config`, else it has its default. The file is YAML; a key is the flag's name without dashes. An empty variable counts
as absent. In the environment several values of one setting are parted by spaces; in the file they are a list.

```yaml
# kdd run --config kdd.yaml
log-format: json
context: [east, west]
webhook: false
```

An unknown key and a value that cannot be read are one line each, and exit code 2. Where no setting names a kubeconfig
or the system namespace, `KUBECONFIG` and `MY_NAMESPACE` do.

| flag | variable | means | default |
|---|---|---|---|
"""


_METRICS = """\
<!-- Generated from kdd.metrics by schemas/generate.py. Do not edit. -->

# Metrics

Served under `/metrics` on the [port for health and metrics](settings.md), in Prometheus' text format, with those of the
process (`process_*`). Where controller-runtime has a metric, ours has its name and meaning, and besides the label
`kubernetes`: which Kubernetes cluster it is about. `controller` and `name` are the controller's. A *state* is a gauge
that is read from the caches when somebody asks: what is gone has no series. The states of clusters are told by the
daemon that leads.

| metric | kind | labels | means |
|---|---|---|---|
"""


def metrics_page() -> str:
    """Return the page of all metrics."""
    lines = []
    for item in FAMILIES:
        labels = ", ".join(f"`{label}`" for label in item.labels)
        lines.append(f"| `{item.name}` | {item.kind} | {labels} | {item.help} |")
    return _METRICS + "\n".join(lines) + "\n"


def settings_page() -> str:
    """Return the page of all settings of `kdd run`."""
    command: Any = typer.main.get_command(app)
    lines = [_row(item) for item in command.commands["run"].params if flag_of(item) != "help"]
    return _SETTINGS + "\n".join(lines) + "\n"


def _row(item: Any) -> str:
    flag = f"--{flag_of(item)}" + (f" / {item.secondary_opts[0]}" if item.secondary_opts else "")
    words = item.help.split(" Default: ")
    default = words[1].rstrip(".") if len(words) > 1 else _shown(item.default)
    return f"| `{flag}` | `{PREFIX}_{item.name.upper()}` | {words[0].rstrip('.')} | {default} |"


def _shown(value: object) -> str:
    match value:
        case None | [] | ():
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"`{value:g}`"
        case _:
            return f"`{value}`"
