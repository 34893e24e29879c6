"""The commands of `python -m mythos`: each a module with `add_to`, which adds its parser.

A parser's default `run` takes the options and answers the exit status.
"""

from __future__ import annotations

from . import guard
from ._failed import Failed

__all__ = ["COMMANDS", "Failed"]

COMMANDS = (guard,)
