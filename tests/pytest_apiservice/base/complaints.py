"""Which line of a log says what is wrong."""

import json
import re

COMPLAINT = re.compile(r"^\[-\]|error|warn|fatal|panic|critical|exception", re.IGNORECASE)


def complaint(text: str) -> str:
    """Return the last line that complains, else the last line; of a JSON line its message."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    complaints = [line for line in lines if COMPLAINT.search(line)]
    return _message((complaints or lines or [""])[-1])


def _message(line: str) -> str:
    try:
        record = json.loads(line)
    except ValueError:
        return line
    return (
        next((str(record[key]) for key in ("message", "msg") if key in record), line)
        if isinstance(record, dict)
        else line
    )
