"""Kubeconfigs that were handed to us as texts, such as the content of a Secret.

Whoever may write such a text must not get at files of ours, nor start programs here: it has to hold all that it needs.

Layer: shell.
"""

import os
from collections.abc import Iterator
from typing import Any

import yaml

from kdlib.errors import Problem, RefusedError
from kdlib.frozen import Json, dig
from kdlib.kube.access import Access, load_access

__all__ = ["load_given"]

_OUTSIDE = {
    "clusters": ("cluster", ("certificate-authority", "proxy-url")),
    "users": ("user", ("client-certificate", "client-key", "tokenFile", "exec", "auth-provider")),
}
_REMEDY = "write what it stands for into the kubeconfig: a token, or certificate and key as -data"


async def load_given(text: str, source: str) -> Access:
    """Read credentials from the text of a kubeconfig; `source` is what people call it.

    Guarantees: the text touches no disk. Raises RefusedError where it cannot be used, or reaches outside of itself.
    """
    problems = list(_reaching_out(text))
    if problems:
        raise RefusedError(source, problems)
    descriptor = os.memfd_create("kubeconfig")
    try:
        os.write(descriptor, text.encode())
        return await load_access(kubeconfig=f"/proc/self/fd/{descriptor}")
    except RefusedError as error:
        raise RefusedError(source, error.problems) from None
    finally:
        os.close(descriptor)


def _reaching_out(text: str) -> Iterator[Problem]:
    """Yield each field that names a file, a program or a proxy of the machine that reads it."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        # What is no YAML is told by whoever reads it next.
        return
    for section, (key, fields) in _OUTSIDE.items():
        for entry in _entries(document, section):
            for field in fields:
                if dig(entry, key, field):
                    yield Problem(f"{section}[{entry.get('name')}].{field}", "reaches outside of the text", _REMEDY)


def _entries(document: Any, section: str) -> list[Json]:
    found = dig(document, section, default=[])
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
