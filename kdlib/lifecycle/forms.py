"""What a member is set up from: its image and its setup package, as a digest that tells one from another.

Layer: pure.
"""

from kdlib.frozen import short_digest
from kdlib.model import AppRole

__all__ = ["set_up_form"]


def set_up_form(image: str | None, role: AppRole) -> str:
    """Return the digest; a member whose digest differs is set up from scratch, with the package fetched anew."""
    package = role.config_package
    parts = (package.package_url, package.use_new_setup_layout) if package else (None, None)
    return short_digest(image, *parts, length=10)
