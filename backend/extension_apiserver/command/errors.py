"""The one exception of these commands that a user sees."""


class CommandError(Exception):
    """What is wrong and what to type, in one sentence."""
