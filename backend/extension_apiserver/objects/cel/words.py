"""Errors of evaluation, and unsigned integers."""

from __future__ import annotations


class CelError(Exception):
    """A rule cannot be evaluated with these values, in the words of cel-go."""


class UInt(int):
    """An unsigned integer of CEL, which is no int."""

    __slots__ = ()
