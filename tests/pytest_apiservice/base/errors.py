"""The one exception a user of the harness sees."""


class HarnessError(Exception):
    """What is wrong and what to type, in one sentence; shown without a traceback."""
