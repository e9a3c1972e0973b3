"""Manifests and the reference page of the rights, as texts: `python schemas/generate.py` writes them.

Layer: pure.
"""

from collections.abc import Iterable

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
    everywhere = _documents(_NAME, Place.CLUSTERS, Place.KUBERNETES, is_wide=True)
    system = _documents(_NAME, Place.SYSTEM)
    return {
        "cluster-wide/rights.yaml": _file(everywhere + system),
        "users/roles.yaml": _file([_user_role(role) for role in USERS]),
        "chart/templates/rights.yaml": _chart_rights(),
        "chart/templates/users.yaml": _when(".Values.users", _joined([_user_role(role) for role in USERS])),
    }


def rights_page() -> str:
    """Return the reference page."""
    rows = [
        f"| {right.kind.group or 'core'} | `{right.resource}` | {', '.join(sorted(right.verbs))} | {right.place.value} "
        f"| {', '.join(f'`{name}`' for name in right.names) or 'all'} | {right.why} |"
        for right in DAEMON
    ]
    users = [
        f"| `{role.name}` | {', '.join(f'`{kind.plural}`' for kind in role.kinds)} | {', '.join(role.verbs)} |"
        for role in USERS
    ]
    return _PAGE + "\n".join(rows) + "\n" + _PAGE_USERS + "\n".join(users) + "\n"


def _chart_rights() -> str:
    wide = _documents(_NAME, Place.CLUSTERS, Place.KUBERNETES, is_wide=True, namespace=_RELEASE)
    return _file(wide + _documents(_NAME, Place.SYSTEM, namespace=_RELEASE))


def _when(condition: str, text: str) -> str:
    return f"# {_MADE}\n{{{{- if {condition} }}}}\n{text}{{{{- end }}}}\n"


def _file(documents: Iterable[str]) -> str:
    return f"# {_MADE}\n" + _joined(documents)


def _joined(documents: Iterable[str]) -> str:
    return "".join(f"---\n{document}" for document in documents)


def _documents(name: str, *places: Place, is_wide: bool = False, namespace: str = _NAME) -> list[str]:
    """Return a role with the rights of these places, and its binding to the daemon's account."""
    prefix, where = ("Cluster", "") if is_wide else ("", f"  namespace: {namespace}\n")
    rules = "".join(_rule(right) for right in DAEMON if right.place in places)
    metadata = f"metadata:\n  name: {name}\n{where}  labels: {{app.kubernetes.io/name: kubedirector}}\n"
    role = f"apiVersion: {_API}/v1\nkind: {prefix}Role\n{metadata}rules:\n{rules}"
    binding = (
        f"apiVersion: {_API}/v1\nkind: {prefix}RoleBinding\n{metadata}"
        f"roleRef: {{apiGroup: {_API}, kind: {prefix}Role, name: {name}}}\n"
        f"subjects:\n  - kind: ServiceAccount\n    name: kubedirector\n    namespace: {namespace}\n"
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
