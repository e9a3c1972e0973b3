"""Every default in one place: of an app's roles, of a cluster, and the values reserved from the global config.

Layer: pure.
"""

from kdlib.model import AppRole, AppSpec, ClusterRole, ClusterSpec, Config, ConfigSpec, Reserved

__all__ = ["app_defaults", "cluster_defaults", "least_members", "reserved_values", "time_limit"]

_LOG_CHARACTERS = 256
_SCRIPT_SECONDS = 7200


def least_members(role: AppRole) -> int:
    """Return the least member count that the role's cardinality allows."""
    return int(role.cardinality.rstrip("+"))


def app_defaults(app: AppSpec) -> AppSpec:
    """Make every role self-contained and drop the app's five defaults.

    APP-M-01 to APP-M-06. A role's explicit null package is kept; an inherited package has its layout written out.
    """
    return app.changed(roles=tuple(_role_defaults(app, role) for role in app.roles)).without(
        "default_image_repo_tag",
        "default_config_package",
        "default_persist_dirs",
        "default_event_list",
        "default_max_log_size_dump",
    )


def _role_defaults(app: AppSpec, role: AppRole) -> AppRole:
    values: dict[str, object] = {}
    if "config_package" not in role.model_fields_set:
        package = app.default_config_package
        values["config_package"] = package and package.changed(use_new_setup_layout=package.use_new_setup_layout)
    inherited = {
        "image_repo_tag": app.default_image_repo_tag,
        "persist_dirs": app.default_persist_dirs,
        "event_list": app.default_event_list,
        "max_log_size_dump": _LOG_CHARACTERS
        if app.default_max_log_size_dump is None
        else app.default_max_log_size_dump,
    }
    values |= {name: value for name, value in inherited.items() if getattr(role, name) is None and value is not None}
    return role.changed(**values)


def reserved_values(config: Config | None) -> Reserved:
    """Return what a new cluster takes from the global config, with built-in values where it says nothing (1.4).

    CFG-M-01 and CFG-M-03 to CFG-M-06: they are not written into the config. W-44: the domain may lack its first dot.
    CFG-X-40: so a limit that is set later is for clusters that are made later.
    """
    spec = (config and config.spec) or ConfigSpec()
    base = spec.cluster_svc_domain_base or ".svc.cluster.local"
    return Reserved(
        service_type=spec.default_service_type or "LoadBalancer",
        naming_scheme=spec.default_naming_scheme or "UID",
        domain_base=base if base.startswith(".") else f".{base}",
        default_storage_class_name=spec.default_storage_class_name,
        native_systemd_support=bool(spec.native_systemd_support),
        pod_labels=spec.pod_labels,
        pod_annotations=spec.pod_annotations,
        service_labels=spec.service_labels,
        service_annotations=spec.service_annotations,
        default_time_limits=spec.default_time_limits,
    )


def time_limit(role: AppRole, reserved: Reserved, event: str) -> tuple[int, str]:
    """Return the seconds that a run of the start script for an event may take, and who says so.

    APP-X-40: the app's role first. CFG-X-40: then the global config as it was when the cluster was made. Last comes
    what is built in.
    """
    fields = (
        (role.time_limits, f"spec.roles[{role.id}].timeLimits.{event} of the app"),
        (
            reserved.default_time_limits,
            f"spec.defaultTimeLimits.{event} of the global config, when the cluster was made",
        ),
    )
    for limits, field in fields:
        seconds = limits.seconds(event) if limits else None
        if seconds is not None:
            return seconds, field
    return _SCRIPT_SECONDS, f"the limit where spec.roles[{role.id}].timeLimits.{event} of the app sets none"


def cluster_defaults(spec: ClusterSpec, app: AppSpec | None, reserved: Reserved) -> ClusterSpec:
    """Fill in what the user left open.

    CL-M-02 catalog, CL-M-04 members, CL-M-05 storage class (none means the platform's default class), CL-M-06
    service type, CL-M-07 naming scheme, CL-M-08 secret.
    """
    return spec.changed(
        app_catalog=spec.app_catalog or reserved.app_catalog,
        service_type=spec.service_type or reserved.service_type,
        naming_scheme=spec.naming_scheme or reserved.naming_scheme,
        roles=tuple(_cluster_role(spec, role, app.role(role.id) if app else None, reserved) for role in spec.roles),
    )


def _cluster_role(spec: ClusterSpec, role: ClusterRole, app_role: AppRole | None, reserved: Reserved) -> ClusterRole:
    values: dict[str, object] = {}
    if role.members is None and app_role:
        values["members"] = least_members(app_role)
    if role.secret is None and spec.default_secret:
        values["secret"] = spec.default_secret
    if role.storage and not role.storage.storage_class_name and reserved.default_storage_class_name:
        values["storage"] = role.storage.changed(storage_class_name=reserved.default_storage_class_name)
    return role.changed(**values)
