"""What kubectl prints: the columns of each kind, and tables made of them.

Layer: pure.
"""

from kdlib.sandbox.http.printers.ages import age, human_duration
from kdlib.sandbox.http.printers.column import Column
from kdlib.sandbox.http.printers.custom import custom_columns
from kdlib.sandbox.http.printers.paths import JsonPath
from kdlib.sandbox.http.printers.tables import BUILTIN_COLUMNS, partial_object, partial_object_list, table

__all__ = [
    "BUILTIN_COLUMNS",
    "Column",
    "JsonPath",
    "age",
    "custom_columns",
    "human_duration",
    "partial_object",
    "partial_object_list",
    "table",
]
