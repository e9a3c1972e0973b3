"""check(): manifests and setup packages judged without a cluster; forecast(): what applying a manifest would do.

Layer: pure.
"""

from kdlib.offline.applying import LAST_APPLIED, applied
from kdlib.offline.checking import MOST_FINDINGS, MOST_TOTAL_BYTES, MOST_WORK, check
from kdlib.offline.finding import LEVELS, Checked, Finding, Level
from kdlib.offline.forecast import Forecast, forecast, request_for
from kdlib.offline.formats import as_github, as_json, as_sarif, as_text
from kdlib.offline.sources import MOST_FILES
from kdlib.offline.table import OWN_RULES, OwnRule
from kdlib.packages import MOST_BYTES as MOST_MANIFEST_BYTES

__all__ = [
    "LAST_APPLIED",
    "LEVELS",
    "MOST_FILES",
    "MOST_FINDINGS",
    "MOST_MANIFEST_BYTES",
    "MOST_TOTAL_BYTES",
    "MOST_WORK",
    "OWN_RULES",
    "Checked",
    "Finding",
    "Forecast",
    "Level",
    "OwnRule",
    "applied",
    "as_github",
    "as_json",
    "as_sarif",
    "as_text",
    "check",
    "forecast",
    "request_for",
]
