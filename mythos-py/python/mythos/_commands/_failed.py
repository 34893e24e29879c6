"""Why a command could not do what it was asked for."""

from __future__ import annotations


class Failed(Exception):
    """The message is for the one who called the command."""
