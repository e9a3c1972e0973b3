"""What the roles of an app are made of: setup package, least storage, flags of the container (specification 1.1).

Layer: pure.
"""

from pydantic import ConfigDict, Field

from kdlib.model.celrule import CelRule, held
from kdlib.model.part import SpecPart, told
from kdlib.model.scalars import Flag, PackageUrl, QuantityText

__all__ = ["ConfigPackage", "ContainerSpec", "MinStorage"]


class ConfigPackage(SpecPart):
    """The setup package of a role: an archive with a start script, unpacked inside each member."""

    package_url: PackageUrl = Field(
        alias="packageURL",
        description="URL of the package: file:// inside the image, or http(s):// as seen from the pod. Ends in .tgz.",
        examples=["file:///opt/configscripts/appconfig.tgz"],
    )
    use_new_setup_layout: Flag = Field(
        default=False,
        description="Install the helper programs below /usr/local instead of /usr, so that less must be persisted.",
        examples=[True],
    )


class MinStorage(SpecPart):
    """Least persistent storage that a role can live with."""

    size: QuantityText = Field(
        description="Least size of a member's persistent volume.",
        examples=["10Gi"],
        json_schema_extra=told("APP-V-09", "CL-V-21"),
    )
    ephemeral_mode_supported: Flag = Field(
        default=False,
        description="True if the role also runs without a persistent volume.",
        examples=[True],
        json_schema_extra=told("CL-V-21"),
    )


class ContainerSpec(SpecPart):
    """Flags of the member's container."""

    model_config = ConfigDict(
        json_schema_extra=held(
            CelRule(
                "APP-V-09",
                "!has(self.tty) || !self.tty || (has(self.stdin) && self.stdin)",
                "stdin must be true where tty is",
                "set stdin: true",
                field_path=".stdin",
            )
        )
    )

    stdin: Flag = Field(default=False, description="Keep the container's standard input open.", examples=[True])
    tty: Flag = Field(
        default=False,
        description="Give the container a terminal; needs stdin.",
        examples=[True],
        json_schema_extra=told("APP-V-09"),
    )
