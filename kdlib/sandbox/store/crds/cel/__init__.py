"""CEL: expressions checked against the types of a schema, as the reference server checks them, and evaluated.

See https://kubernetes.io/docs/reference/using-api/cel/.

Layer: shell.
"""

from kdlib.sandbox.store.crds.cel.programs import CompileError, EvaluationError, Program, compile_program, given
from kdlib.sandbox.store.crds.cel.typesystem import Type, optional_of, type_of_schema
from kdlib.sandbox.store.crds.cel.values import aligner, reader

__all__ = [
    "CompileError",
    "EvaluationError",
    "Program",
    "Type",
    "aligner",
    "compile_program",
    "given",
    "optional_of",
    "reader",
    "type_of_schema",
]
