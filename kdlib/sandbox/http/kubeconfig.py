"""Kubeconfig files that need no other file beside them.

Source: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/.

Layer: shell.
"""

import os
from base64 import b64encode
from pathlib import Path

from kdlib.sandbox.http.authority import KeyPair

__all__ = ["kubeconfig_text", "write_private"]


def kubeconfig_text(name: str, url: str, *, authority: str, client: KeyPair, namespace: str = "default") -> str:
    """Return a kubeconfig with one cluster, one user and one context, all of this name.

    `authority` is the PEM text of the certificate that the server is checked against.
    """
    return f"""\
apiVersion: v1
kind: Config
current-context: {name}
clusters:
- name: {name}
  cluster:
    server: {url}
    certificate-authority-data: {_base64(authority)}
contexts:
- name: {name}
  context:
    cluster: {name}
    user: {name}
    namespace: {namespace}
users:
- name: {name}
  user:
    client-certificate-data: {_base64(client.certificate)}
    client-key-data: {_base64(client.key)}
"""


def write_private(path: Path, text: str) -> None:
    """Write the text to a file that its owner alone may read, in one step: nobody sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()
