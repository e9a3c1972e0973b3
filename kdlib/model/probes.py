"""Probes by which the kubelet asks how a member is, in the words of core/v1.

See https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/.

Layer: pure.
"""

from typing import Literal

from pydantic import ConfigDict, Field

from kdlib.model.celrule import CelRule, held
from kdlib.model.part import SpecPart, told
from kdlib.model.scalars import IntOrText, NonEmpty, Port, SmallCount, SmallPositive, Text

__all__ = ["ExecAction", "GrpcAction", "HttpGetAction", "HttpHeader", "Probe", "TcpSocketAction"]


class ExecAction(SpecPart):
    """A command that is run in the container; exit status 0 means well."""

    command: tuple[Text, ...] = Field(
        min_length=1, description="The command and its arguments; no shell.", examples=[["/opt/app/healthy", "--fast"]]
    )


class HttpHeader(SpecPart):
    """A header of a request."""

    name: NonEmpty = Field(description="Name of the header.", examples=["X-Probe"], json_schema_extra=told("APP-X-31"))
    value: Text = Field(description="Value of the header.", examples=["kubelet"])


class HttpGetAction(SpecPart):
    """A request to the member; a code from 200 to 399 means well."""

    port: IntOrText = Field(
        description="Number of the port, or id of a service with an endpoint that the role runs.",
        examples=["dashboard"],
        json_schema_extra=told("APP-X-31"),
    )
    path: Text | None = Field(
        None, description="Path of the request.", examples=["/healthy"], json_schema_extra=told(default="/")
    )
    host: Text | None = Field(
        None, description="Host that is asked.", examples=["localhost"], json_schema_extra=told(default="the pod's IP")
    )
    scheme: Literal["HTTP", "HTTPS"] | None = Field(
        None, description="Scheme of the request.", examples=["HTTP"], json_schema_extra=told(default="HTTP")
    )
    http_headers: tuple[HttpHeader, ...] = Field((), description="Headers of the request.")


class TcpSocketAction(SpecPart):
    """A connection to the member; one that is accepted means well."""

    port: IntOrText = Field(
        description="Number of the port, or id of a service with an endpoint that the role runs.",
        examples=[7077],
        json_schema_extra=told("APP-X-31"),
    )
    host: Text | None = Field(
        None, description="Host that is asked.", examples=["localhost"], json_schema_extra=told(default="the pod's IP")
    )


class GrpcAction(SpecPart):
    """A call of the gRPC health protocol."""

    port: Port = Field(description="Number of the port.", examples=[9090])
    service: Text | None = Field(
        None, description="Service that is asked for.", examples=["ready"], json_schema_extra=told(default="the server")
    )


class Probe(SpecPart):
    """How, how often and how patiently the kubelet asks; exactly one of exec, httpGet, tcpSocket and grpc."""

    model_config = ConfigDict(
        json_schema_extra=held(
            CelRule(
                "APP-X-30",
                "(has(self.exec) ? 1 : 0) + (has(self.httpGet) ? 1 : 0) + (has(self.tcpSocket) ? 1 : 0)"
                " + (has(self.grpc) ? 1 : 0) == 1",
                "a probe asks in exactly one way",
                "give one of exec, httpGet, tcpSocket and grpc",
            )
        )
    )

    exec_action: ExecAction | None = Field(None, alias="exec", description="Ask by a command in the container.")
    http_get: HttpGetAction | None = Field(None, description="Ask by a request.")
    tcp_socket: TcpSocketAction | None = Field(None, description="Ask by a connection.")
    grpc: GrpcAction | None = Field(None, description="Ask by a gRPC health call.")
    initial_delay_seconds: SmallCount | None = Field(
        None,
        description="Seconds from the container's start to the first time.",
        examples=[5],
        json_schema_extra=told(default="0"),
    )
    period_seconds: SmallPositive | None = Field(
        None, description="Seconds between two times.", examples=[5], json_schema_extra=told(default="10")
    )
    timeout_seconds: SmallPositive | None = Field(
        None, description="Seconds until no answer is a bad answer.", examples=[3], json_schema_extra=told(default="1")
    )
    success_threshold: SmallPositive | None = Field(
        None,
        description="Good answers in a row that make it well again; for a readinessProbe alone other than 1.",
        examples=[1],
        json_schema_extra=told("APP-X-31", default="1"),
    )
    failure_threshold: SmallPositive | None = Field(
        None, description="Bad answers in a row that count.", examples=[30], json_schema_extra=told(default="3")
    )
    termination_grace_period_seconds: SmallPositive | None = Field(
        None,
        description="Seconds that the container has to end when the probe fails; not for a readinessProbe.",
        examples=[60],
        json_schema_extra=told("APP-X-31", default="the pod's, 30"),
    )
