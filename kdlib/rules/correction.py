"""What a corrected app changes in a cluster that has its own copy: image and setup package of roles never set up.

Layer: pure.
"""

from collections.abc import Collection

from kdlib.model import AppRole, AppSpec

__all__ = ["with_roles_of"]


def with_roles_of(app: AppSpec, other: AppSpec, roles: Collection[str]) -> AppSpec:
    """Return the app with image and setup package of these roles as another app has them; both with their defaults.

    Nothing else is taken over: it may concern members that run.
    """
    return app.changed(roles=tuple(_taken(role, other.role(role.id), roles) for role in app.roles))


def _taken(role: AppRole, other: AppRole | None, roles: Collection[str]) -> AppRole:
    if other is None or role.id not in roles:
        return role
    taken: AppRole = role.changed(image_repo_tag=other.image_repo_tag, config_package=other.config_package)
    return taken
