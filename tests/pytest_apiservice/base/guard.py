"""Clean up even after SIGKILL: a small process that waits for ours to die, then runs what we told it to.

It holds the reading end of a pipe. Disarmed, it just ends; at end of file without that word, its owner died.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

DISARMED = b"disarmed"


class Guard:
    """Runs ``commands`` and removes ``directories`` if this process ends without ``disarm``."""

    def __init__(self, commands: Sequence[Sequence[str | Path]], directories: Sequence[Path] = ()) -> None:
        """Start the guard: in its own session, so that neither Ctrl-C nor a closed terminal ends it."""
        plan = {"commands": [[str(w) for w in argv] for argv in commands], "directories": [str(d) for d in directories]}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), json.dumps(plan)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def disarm(self) -> None:
        """End the guard without running anything; after the first call, nothing."""
        if self._process.poll() is None:
            self._process.communicate(DISARMED, timeout=30)


def main() -> None:
    """Wait for the owner's end or its word; then act on the plan given as the only argument."""
    plan = json.loads(sys.argv[1])
    if sys.stdin.buffer.read() == DISARMED:
        return
    for argv in plan["commands"]:
        subprocess.run(argv, timeout=300, check=False, stdin=subprocess.DEVNULL)
    for directory in plan["directories"]:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
