"""Manifests and the reference page of the rights, as texts: `python schemas/generate.py` writes them.

Layer: pure.
"""

from collections.abc import Iterable
from dataclasses import replace

from kdd.rights import DAEMON, USERS, Place, Right, UserRole

__all__ = ["rights_files", "rights_page"]

_MADE = "Generated from kdd.rights by schemas/generate.py. Do not edit."
_NAME = "kubedirector"
_RELEASE = "{{ .Release.Namespace }}"
_API = "rbac.authorization.k8s.io"

_PAGE = f"""\
<!-- {_MADE} -->

# Rights of the daemon

A test on a real API server with RBAC runs the daemon with exactly these: no request is refused, and no rule is unused.
[Install](../howto/install.md) tells where they are given.

Verbs in brackets are for the webhook alone. A daemon for one namespace alone has the others of what is not asked of all
of Kubernetes, by a Role of that namespace; a test holds this in the same way.

| group | resource | verbs | where | names | why |
|---|---|---|---|---|---|
"""
_PAGE_USERS = """
# Rights of users

Kubernetes' own roles get these beside theirs, by aggregation; each has what the one before it has. The global
configuration holds keys, and is for those alone who administrate Kubernetes.

| role | resources | verbs |
|---|---|---|
"""


def rights_files() -> dict[str, str]:
    """Return the text of each file below the folder `deploy`."""
    return {
        "cluster-wide/rights.yaml": _file(_everywhere(_NAME)),
        "namespaced/rights.yaml": _file(_alone("")),
        "users/roles.yaml": _file([_user_role(role) for role in USERS]),
        "chart/templates/rights.yaml": _chart_rights(),
        "chart/templates/users.yaml": _when(".Values.users", _joined([_user_role(role) for role in USERS])),
    }


def rights_page() -> str:
    """Return the reference page."""
    rows = [
        f"| {right.kind.group or 'core'} | `{right.resource}` | {_verbs(right)} | {right.place.value} "
        f"| {', '.join(f'`{name}`' for name in right.names) or 'all'} | {right.why} |"
        for right in DAEMON
    ]
    users = [
        f"| `{role.name}` | {', '.join(f'`{kind.plural}`' for kind in role.kinds)} | {', '.join(role.verbs)} |"
        for role in USERS
    ]
    return _PAGE + "\n".join(rows) + "\n" + _PAGE_USERS + "\n".join(users) + "\n"


def _verbs(right: Right) -> str:
    return ", ".join(f"({verb})" if verb in right.reviews else verb for verb in sorted(right.verbs))


def _chart_rights() -> str:
    either, other = _joined(_alone(_RELEASE)), _joined(_everywhere(_RELEASE))
    return f"# {_MADE}\n{{{{- if .Values.namespaced }}}}\n{either}{{{{- else }}}}\n{other}{{{{- end }}}}\n"


def _everywhere(namespace: str) -> list[str]:
    """Return the rights of a daemon in this namespace that looks after all."""
    wide = [right for right in DAEMON if right.place is not Place.SYSTEM]
    near = [right for right in DAEMON if right.place is Place.SYSTEM]
    return _documents(wide, namespace, is_wide=True) + _documents(near, namespace)


def _alone(namespace: str) -> list[str]:
    """Return the rights of a daemon in this namespace that looks after it alone."""
    return _documents([replace(right, verbs=right.alone) for right in DAEMON if right.alone], namespace)


def _when(condition: str, text: str) -> str:
    return f"# {_MADE}\n{{{{- if {condition} }}}}\n{text}{{{{- end }}}}\n"


def _file(documents: Iterable[str]) -> str:
    return f"# {_MADE}\n" + _joined(documents)


def _joined(documents: Iterable[str]) -> str:
    return "".join(f"---\n{document}" for document in documents)


def _documents(rights: Iterable[Right], namespace: str, *, is_wide: bool = False) -> list[str]:
    """Return a role with the rights, and its binding to the daemon's account; kustomize adds an empty namespace."""
    place = f"  namespace: {namespace}\n" if namespace else ""
    prefix, where = ("Cluster", "") if is_wide else ("", place)
    rules = "".join(map(_rule, rights))
    metadata = f"metadata:\n  name: {_NAME}\n{where}  labels: {{app.kubernetes.io/name: kubedirector}}\n"
    role = f"apiVersion: {_API}/v1\nkind: {prefix}Role\n{metadata}rules:\n{rules}"
    binding = (
        f"apiVersion: {_API}/v1\nkind: {prefix}RoleBinding\n{metadata}"
        f"roleRef: {{apiGroup: {_API}, kind: {prefix}Role, name: {_NAME}}}\n"
        f"subjects:\n  - kind: ServiceAccount\n    name: {_NAME}\n{f'  {place}' if place else ''}"
    )
    return [role, binding]


def _rule(right: Right) -> str:
    names = f"    resourceNames: [{', '.join(right.names)}]\n" if right.names else ""
    return (
        f"  # {right.why}\n"
        f"  - apiGroups: ['{right.kind.group}']\n"
        f"    resources: [{right.resource}]\n{names}"
        f"    verbs: [{', '.join(sorted(right.verbs))}]\n"
    )


def _user_role(role: UserRole) -> str:
    kinds = ", ".join(kind.plural for kind in role.kinds)
    return (
        f"apiVersion: {_API}/v1\nkind: ClusterRole\n"
        f"metadata:\n  name: kubedirector-{role.name}\n"
        f"  labels: {{app.kubernetes.io/name: kubedirector, {_API}/aggregate-to-{role.name}: 'true'}}\n"
        f"rules:\n  - apiGroups: [{role.kinds[0].group}]\n    resources: [{kinds}]\n"
        f"    verbs: [{', '.join(role.verbs)}]\n"
    )
