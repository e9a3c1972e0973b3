"""Rules for an app that its schema cannot say (specification 2.2).

Each function is one rule; it yields a problem for each violation, with the path in the app object.

Layer: pure.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from kdlib.errors import Problem
from kdlib.model import AppRole, AppSpec
from kdlib.rules.probes import probe_problems
from kdlib.rules.quantities import amount

__all__ = ["MOST_ROLES", "app_problems", "one_of"]

MOST_ROLES = 1000
"""Most roles, and most services, of one app: far more than any has, few enough to check each against each."""

_LISTED = 20
_MOST_DIGITS = 18
_MOST_LABEL_BYTES = 64 * 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

_PORT_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def app_problems(app: AppSpec) -> Iterator[Problem]:
    """Yield everything wrong with an app; works before and after defaulting."""
    wrong = list(bounded_size(app))
    yield from wrong
    if wrong:
        return
    yield from unique_role_ids(app)
    yield from unique_service_ids(app)
    yield from unique_selected_roles(app)
    yield from unique_role_services(app)
    yield from known_role_services(app)
    yield from known_selected_roles(app)
    yield from dashboards_have_schemes(app)
    for index, role in enumerate(app.roles):
        path = f"spec.roles[{index}]"
        yield from quantities_parse(role, path)
        yield from terminals_have_input(role, path)
        yield from images_are_known(app, role, path)
        yield from images_have_no_blanks(role.image_repo_tag, f"{path}.imageRepoTag")
        yield from cardinalities_fit(role, path)
        yield from directories_are_sound(role.persist_dirs, f"{path}.persistDirs")
        yield from probe_problems(app, role, path)
    yield from images_have_no_blanks(app.default_image_repo_tag, "spec.defaultImageRepoTag")
    yield from directories_are_sound(app.default_persist_dirs, "spec.defaultPersistDirs")
    yield from packages_have_sound_urls(app)
    yield from start_order_names_roles(app)
    yield from ports_are_distinct(app)
    yield from port_names_are_valid(app)


def unique_role_ids(app: AppSpec) -> Iterator[Problem]:
    """APP-V-02: role ids are unique."""
    yield from _repeated((role.id for role in app.roles), "spec.roles[{}].id", "role id", "APP-V-02")


def unique_service_ids(app: AppSpec) -> Iterator[Problem]:
    """APP-V-03: service ids are unique."""
    yield from _repeated((service.id for service in app.services), "spec.services[{}].id", "service id", "APP-V-03")


def unique_selected_roles(app: AppSpec) -> Iterator[Problem]:
    """APP-V-04: the elements of `config.selectedRoles` are unique."""
    yield from _repeated(app.config.selected_roles, "spec.config.selectedRoles[{}]", "role", "APP-V-04")


def unique_role_services(app: AppSpec) -> Iterator[Problem]:
    """APP-V-05: a role occurs once in `config.roleServices`."""
    roles = (item.role_id for item in app.config.role_services)
    yield from _repeated(roles, "spec.config.roleServices[{}].roleID", "role", "APP-V-05")


def known_role_services(app: AppSpec) -> Iterator[Problem]:
    """APP-V-06: `config.roleServices` names roles and services of the app."""
    roles, services = [role.id for role in app.roles], [service.id for service in app.services]
    for index, item in enumerate(app.config.role_services):
        path = f"spec.config.roleServices[{index}]"
        if item.role_id not in roles:
            yield Problem(f"{path}.roleID", f"there is no role {item.role_id!r}", one_of(roles), "APP-V-06")
        for number, service in enumerate(item.service_ids):
            if service not in services:
                where = f"{path}.serviceIDs[{number}]"
                yield Problem(where, f"there is no service {service!r}", one_of(services), "APP-V-06")


def known_selected_roles(app: AppSpec) -> Iterator[Problem]:
    """APP-V-07: `config.selectedRoles` names roles of the app."""
    roles = [role.id for role in app.roles]
    for index, role in enumerate(app.config.selected_roles):
        if role not in roles:
            path = f"spec.config.selectedRoles[{index}]"
            yield Problem(path, f"there is no role {role!r}", one_of(roles), "APP-V-07")


def start_order_names_roles(app: AppSpec) -> Iterator[Problem]:
    """APP-X-42 (ours): the order of the first start names roles of the app, each once."""
    yield from _repeated(app.start_order or (), "spec.startOrder[{}]", "role", "APP-X-42")
    roles = dict.fromkeys(role.id for role in app.roles)
    for index, role in enumerate(app.start_order or ()):
        if role not in roles:
            yield Problem(f"spec.startOrder[{index}]", f"there is no role {role!r}", one_of(roles), "APP-X-42")


def dashboards_have_schemes(app: AppSpec) -> Iterator[Problem]:
    """APP-V-08: a dashboard has a URL scheme."""
    for index, service in enumerate(app.services):
        if service.endpoint and service.endpoint.is_dashboard and not service.endpoint.url_scheme:
            path = f"spec.services[{index}].endpoint.urlScheme"
            yield Problem(path, "is required for a dashboard", "add the scheme, such as http", "APP-V-08")


def quantities_parse(role: AppRole, path: str) -> Iterator[Problem]:
    """APP-V-09 (a): `minStorage.size` is a quantity; the same holds for each of `minResources`."""
    texts = {f"{path}.minStorage.size": role.min_storage.size} if role.min_storage else {}
    texts |= {f"{path}.minResources[{key}]": text for key, text in (role.min_resources or {}).items()}
    for where, text in texts.items():
        if amount(text) is None:
            yield Problem(
                where, f"{text!r} is not a quantity", 'write a number with a unit, such as "10Gi"', "APP-V-09"
            )


def terminals_have_input(role: AppRole, path: str) -> Iterator[Problem]:
    """APP-V-09 (b): a container with a terminal has an open standard input."""
    if role.container_spec and role.container_spec.tty and not role.container_spec.stdin:
        yield Problem(f"{path}.containerSpec.stdin", "must be true where tty is", "set stdin: true", "APP-V-09")


def images_are_known(app: AppSpec, role: AppRole, path: str) -> Iterator[Problem]:
    """APP-V-09 (c): each role has an image, its own or the app's default."""
    if not (role.image_repo_tag or app.default_image_repo_tag):
        remedy = "name an image here or in spec.defaultImageRepoTag"
        yield Problem(f"{path}.imageRepoTag", f"role {role.id!r} has no image", remedy, "APP-V-09")


def ports_are_distinct(app: AppSpec) -> Iterator[Problem]:
    """APP-X-01 (ours): no two services of one role listen on the same port, which no Service could carry."""
    numbers = {service.id: index for index, service in enumerate(app.services)}
    for role in app.roles:
        seen: dict[int, str] = {}
        for service in app.services_of(role.id):
            if not service.endpoint:
                continue
            other = seen.setdefault(service.endpoint.port, service.id)
            if other != service.id:
                path = f"spec.services[{numbers[service.id]}].endpoint.port"
                what = f"services {other!r} and {service.id!r} of role {role.id!r} use the same port"
                yield Problem(path, what, "give each service of a role a port of its own", "APP-X-01")


def port_names_are_valid(app: AppSpec) -> Iterator[Problem]:
    """APP-X-02 (ours): the id of a service with a port, which a role runs, is a container port name: a pod needs one.

    See https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#ports.
    """
    used = {name for item in app.config.role_services for name in item.service_ids}
    for index, service in enumerate(app.services):
        valid = service.id not in used or (_PORT_NAME.fullmatch(service.id) and re.search("[a-z]", service.id))
        if service.endpoint and not valid:
            remedy = "use at least one letter, and no two hyphens in a row"
            yield Problem(f"spec.services[{index}].id", f"{service.id!r} cannot name a port", remedy, "APP-X-02")


def bounded_size(app: AppSpec) -> Iterator[Problem]:
    """APP-X-03 (ours): the app has not more roles, services and words than its clusters' objects can carry."""
    for field, items in (("roles", app.roles), ("services", app.services)):
        if len(items) > MOST_ROLES:
            yield Problem(f"spec.{field}", f"has {len(items)} items", f"use at most {MOST_ROLES}", "APP-X-03")
    size = len(app.label.name.encode())
    if size > _MOST_LABEL_BYTES:
        what = f"has {size} bytes, and is an annotation of every object"
        yield Problem("spec.label.name", what, f"use at most {_MOST_LABEL_BYTES} bytes", "APP-X-03")


def cardinalities_fit(role: AppRole, path: str) -> Iterator[Problem]:
    """APP-X-04 (ours): a cardinality is a number that computers count with."""
    if len(role.cardinality) > _MOST_DIGITS:
        yield Problem(f"{path}.cardinality", "has too many digits", "write a number such as 1, or 1+", "APP-X-04")


def images_have_no_blanks(image: str | None, path: str) -> Iterator[Problem]:
    """APP-X-05 (ours): the name of an image has no blanks, or its pods are refused."""
    if image and (any(letter.isspace() for letter in image) or _CONTROL.search(image)):
        yield Problem(path, f"{image[:200]!r} has blanks", "write it as registry.example.org/name:tag", "APP-X-05")


def directories_are_sound(directories: Iterable[str] | None, path: str) -> Iterator[Problem]:
    """APP-X-06 (ours): a directory to keep has no control characters, such as a line's end."""
    for index, text in enumerate(directories or ()):
        if _CONTROL.search(text):
            yield Problem(f"{path}[{index}]", f"{text[:200]!r} has control characters", "remove them", "APP-X-06")


def packages_have_sound_urls(app: AppSpec) -> Iterator[Problem]:
    """APP-X-07 (ours): the URL of a package has no control characters."""
    packages = {"spec.defaultConfigPackage": app.default_config_package}
    packages |= {f"spec.roles[{index}].configPackage": role.config_package for index, role in enumerate(app.roles)}
    for path, package in packages.items():
        if package and _CONTROL.search(package.package_url):
            what = f"{package.package_url[:200]!r} has control characters"
            yield Problem(f"{path}.packageURL", what, "remove them", "APP-X-07")


def _repeated(items: Iterable[str], path: str, noun: str, rule: str) -> Iterator[Problem]:
    """Yield a problem at each second and further occurrence of an item."""
    counts: Counter[str] = Counter()
    for index, item in enumerate(items):
        counts[item] += 1
        if counts[item] > 1:
            yield Problem(path.format(index), f"{noun} {item!r} occurs twice", "remove one of them", rule)


def one_of(names: Iterable[str]) -> str:
    """Say which names there are; of very many only the first."""
    known = [repr(name) for name in dict.fromkeys(names)]
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return f"use one of {', '.join(known[:_LISTED])}{more}" if known else "define it first"
