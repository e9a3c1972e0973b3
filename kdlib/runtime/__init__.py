"""Many roots, for ever, on one or many Kubernetes clusters: queue, workers, back-off, expectations, shutdown.

Layer: shell.
"""

from kdlib.reconcile import PassSettings, Related
from kdlib.runtime.containment import contained
from kdlib.runtime.controller import Controller, Settings
from kdlib.runtime.expectations import Expectations
from kdlib.runtime.fleet import Crew, Fleet, Service, Site, run_fleet
from kdlib.runtime.followed import CHILDREN, Followed
from kdlib.runtime.holder import Holder, Usage
from kdlib.runtime.observer import SILENT, Observer
from kdlib.runtime.queue import WorkQueue
from kdlib.runtime.reporter import Reporter, ReporterSettings, Tell
from kdlib.runtime.rounds import RoundSettings
from kdlib.runtime.supervisor import SupervisorSettings, TaskSupervisor

__all__ = [
    "CHILDREN",
    "SILENT",
    "Controller",
    "Crew",
    "Expectations",
    "Fleet",
    "Followed",
    "Holder",
    "Observer",
    "PassSettings",
    "Related",
    "Reporter",
    "ReporterSettings",
    "RoundSettings",
    "Service",
    "Settings",
    "Site",
    "SupervisorSettings",
    "TaskSupervisor",
    "Tell",
    "Usage",
    "WorkQueue",
    "contained",
    "run_fleet",
]
