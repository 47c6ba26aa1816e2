"""Programs in any language as objectives: how parameters reach them, how their metrics are read, how they are ended."""

from tunesmith.program.program import Program
from tunesmith.program.stored import load_program, store_program

__all__ = ["Program", "load_program", "store_program"]
