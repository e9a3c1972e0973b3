"""Rules for the roles of a cluster and their members (specification 2.3.4).

Each function is one rule; paths are those of the cluster object. A role is given with its place in the spec.

Layer: pure.
"""

from collections import Counter
from collections.abc import Iterator

from kdlib.errors import Problem
from kdlib.model import AppRole, AppSpec, ClusterRole, ClusterSpec
from kdlib.rules.app import one_of
from kdlib.rules.defaults import least_members
from kdlib.rules.quantities import amount

__all__ = ["MOST_MEMBERS", "repeated_variables", "role_problems"]

MOST_MEMBERS = 1000
"""Most members of one cluster (CL-V-18)."""


def role_problems(spec: ClusterSpec, app: AppSpec | None) -> Iterator[Problem]:
    """Yield everything wrong with the cluster's roles as such; `app` is None where it is not known."""
    yield from unique_roles(spec)
    if app:
        yield from known_roles(spec, app)
        yield from required_roles(spec, app)
    yield from bounded_members(spec, app)
    for index, role in enumerate(spec.roles):
        app_role = app.role(role.id) if app else None
        path = f"spec.roles[{index}]"
        yield from resources_parse(role, path)
        yield from requests_within_limits(role, path)
        yield from whole_devices(role, path)
        yield from valid_variables(role, path)
        if app_role:
            yield from within_cardinality(role, app_role, path)
            yield from enough_resources(role, app_role, path)


def known_roles(spec: ClusterSpec, app: AppSpec) -> Iterator[Problem]:
    """CL-V-14: each role is one of the app's."""
    known = [role.id for role in app.roles]
    for index, role in enumerate(spec.roles):
        if role.id not in known:
            what = f"app {spec.app!r} has no role {role.id!r}"
            # A misspelt role leaves another one missing: what was written is told first.
            yield Problem(f"spec.roles[{index}].id", what, one_of(known), "CL-V-14", rank=-1)


def unique_roles(spec: ClusterSpec) -> Iterator[Problem]:
    """CL-V-15: a role occurs once."""
    counts: Counter[str] = Counter()
    for index, role in enumerate(spec.roles):
        counts[role.id] += 1
        if counts[role.id] > 1:
            yield Problem(f"spec.roles[{index}].id", f"role {role.id!r} occurs twice", "remove one of them", "CL-V-15")


def required_roles(spec: ClusterSpec, app: AppSpec) -> Iterator[Problem]:
    """CL-V-16: each selected role of the app that needs members is there."""
    given = {role.id for role in spec.roles}
    for name in app.config.selected_roles:
        role = app.role(name)
        if role and name not in given and least_members(role):
            what = f"role {name!r} of app {spec.app!r} is missing"
            yield Problem("spec.roles", what, f"add role {name!r} with {_cardinality(role)}", "CL-V-16")


def within_cardinality(role: ClusterRole, app_role: AppRole, path: str) -> Iterator[Problem]:
    """CL-V-17: the member count is within the app role's cardinality; absent means the least."""
    least = least_members(app_role)
    members = least if role.members is None else role.members
    most = None if app_role.cardinality.endswith("+") else least
    if members < least or (most is not None and members > most):
        what = f"{members} is outside the cardinality {app_role.cardinality!r} of role {role.id!r}"
        yield Problem(f"{path}.members", what, f"ask for {_cardinality(app_role)}", "CL-V-17")


def bounded_members(spec: ClusterSpec, app: AppSpec | None) -> Iterator[Problem]:
    """CL-V-18: all roles together have at most 1000 members.

    Unlike the original, the check does not keep later roles from being checked.
    """
    total = 0
    for role in spec.roles:
        app_role = app.role(role.id) if app else None
        total += role.members if role.members is not None else least_members(app_role) if app_role else 0
    if total > MOST_MEMBERS:
        what = f"{total} members in all are more than {MOST_MEMBERS}"
        yield Problem("spec.roles", what, f"ask for at most {MOST_MEMBERS} members", "CL-V-18")


def enough_resources(role: ClusterRole, app_role: AppRole, path: str) -> Iterator[Problem]:
    """CL-V-20: requests reach the app role's `minResources`.

    A request that is absent is the limit, as Kubernetes has it (the original counted it as 0).
    """
    requests = {**role.resources.limits, **(role.resources.requests or {})}
    for key, text in sorted((app_role.min_resources or {}).items()):
        least, given = amount(text), amount(requests.get(key, "0"))
        if least and given is not None and given < least:
            what = f"{requests.get(key, 'no request')!r} is less than role {role.id!r} needs"
            yield Problem(f"{path}.resources.requests[{key}]", what, f"request at least {text!r}", "CL-V-20")


def resources_parse(role: ClusterRole, path: str) -> Iterator[Problem]:
    """CL-X-01 (ours): every amount in `resources` is a quantity that is not negative."""
    for where, _, text in _amounts(role, path):
        value = amount(text)
        if value is None or value < 0:
            yield Problem(where, f"{text!r} is not a quantity", 'write it as "500m", "2" or "4Gi"', "CL-X-01")


def requests_within_limits(role: ClusterRole, path: str) -> Iterator[Problem]:
    """CL-X-02 (ours): no request is above its limit, which no pod could have."""
    for key, text in sorted((role.resources.requests or {}).items()):
        limit = role.resources.limits.get(key)
        request, most = amount(text), amount(limit) if limit is not None else None
        if request is not None and most is not None and request > most:
            where = f"{path}.resources.requests[{key}]"
            yield Problem(where, f"{text!r} is more than the limit {limit!r}", "raise the limit", "CL-X-02")


def whole_devices(role: ClusterRole, path: str) -> Iterator[Problem]:
    """CL-X-07 (ours): what cannot be shared (extended resources, huge pages) is requested as it is limited.

    See https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#extended-resources.
    """
    for where, key, text in _amounts(role, path):
        value = amount(text)
        is_device = "/" in key and "kubernetes.io/" not in key
        if is_device and value is not None and value.denominator != 1:
            yield Problem(where, f"{text!r} is not whole", "ask for whole devices", "CL-X-07")
        if (is_device or key.startswith("hugepages-")) and amount(role.resources.limits.get(key, "")) != value:
            yield Problem(where, "has another limit, or none", "set limit and request alike", "CL-X-07")


def _amounts(role: ClusterRole, path: str) -> Iterator[tuple[str, str, str]]:
    """Yield path, resource and text of every amount."""
    for part, amounts in (("limits", role.resources.limits), ("requests", role.resources.requests or {})):
        yield from ((f"{path}.resources.{part}[{key}]", key, text) for key, text in sorted(amounts.items()))


def repeated_variables(role: ClusterRole, path: str) -> Iterator[str]:
    """CL-X-03 (ours): say which environment variable is set more than once; the last one counts, as in a pod."""
    counts = Counter(variable.name for variable in role.env)
    for name, count in sorted(counts.items()):
        if count > 1:
            yield f"{path}.env: variable {name!r} is set {count} times, and the last one counts"


def valid_variables(role: ClusterRole, path: str) -> Iterator[Problem]:
    """CL-X-06 (ours): a variable's name is printable ASCII without an equals sign, and its value has no NUL.

    Any other one is refused in the pod, or by the kernel.
    """
    for index, variable in enumerate(role.env):
        if "\0" in variable.value:
            yield Problem(f"{path}.env[{index}].value", "holds a NUL character", "remove it", "CL-X-06")
        if "=" in variable.name or not (variable.name.isascii() and variable.name.isprintable()):
            what = f"{variable.name!r} is no name of a variable"
            yield Problem(f"{path}.env[{index}].name", what, "use letters, digits and '_'", "CL-X-06")


def _cardinality(role: AppRole) -> str:
    least = least_members(role)
    noun = "member" if least == 1 else "members"
    return f"at least {least} {noun}" if role.cardinality.endswith("+") else f"exactly {least} {noun}"
