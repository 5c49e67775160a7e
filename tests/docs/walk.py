"""A page walked by its fenced blocks: commands are typed, files are written, changes are made, and what it shows must come out.

console: typed, one after another. text: what the console block before it prints, where `…` is anything; a line that is only `…` is any lines.
python, yaml: a file, its name in a comment in the first line. diff: a change of the file that the sentence before it names in backticks.
A block with `extension-apiserver dev` goes on running in the first terminal; all that follows is typed in the second one, whose reader
has pasted the line with `export`, until a sentence says Ctrl-C.
"""

import os
import re
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pytest_apiservice.base.wait import NotYet, wait_for

LIMIT_SECONDS = 600  # of a block; usually 1 to 20
SEEN_SECONDS = 120
DEV = re.compile(r"extension-apiserver dev\b")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\w+\.\w+)\n")


def hear_ctrl_c():
    """Undo, in a new process, what a shell's background job begins with and hands down: SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, the words between it and the block before it, and the line that it begins at."""

    kind: str
    text: str
    before: str
    line: int


def steps(markdown):
    """Return the fenced blocks of a page in order."""
    found, end = [], 0
    for match in BLOCK.finditer(markdown):
        line = markdown.count("\n", 0, match.start()) + 1
        found.append(Block(match[1], match[2], markdown[end : match.start()], line))
        end = match.end()
    return found


def pattern(shown):
    """Return the regular expression for what a text block shows."""
    lines = [
        r"(?:.*\n)*?" if line.strip() == "…" else re.escape(line.rstrip()).replace("…", ".*") + r"\n"
        for line in shown.splitlines()
    ]
    return re.compile("".join(lines))


def plain(printed):
    """Return what was printed without what no eye sees: blanks at the end of lines, and whether the last line has an end."""
    return re.sub(r"[ \t]+$", "", printed, flags=re.MULTILINE).removesuffix("\n") + "\n"


class Walk:
    """A reader of a page, with a folder and two terminals.

    Args:
        folder: where the first terminal is opened.
        environment: of both; a shell's variables.
        typed: words of the page → what this reader has in their place, such as the name of a registry.
    """

    def __init__(self, folder: Path, environment, typed=()):
        self.folder, self.environment, self._typed = folder, dict(environment), dict(typed)
        self._log = folder / ".dev-log"
        self._dev, self._second, self._groups = None, None, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._dev is not None:
            self._end()
        for group in self._groups:  # what was left running in the background
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)

    def take(self, blocks):
        """Do what the blocks say."""
        for position, block in enumerate(blocks):
            if self._dev is not None and "Ctrl-C" in block.before:
                assert self._end() == 0, f"dev did not end well: {self._log.read_text()}"
            if (name := FILE.match(block.text)) and block.kind in ("python", "yaml"):
                (self.folder / name[1]).write_text(block.text)
            elif block.kind == "diff":
                self._change(block)
            elif block.kind == "console":
                following = blocks[position + 1] if position + 1 < len(blocks) else None
                shown = following.text if following and following.kind == "text" else ""
                self._console(block, pattern(self._words(shown)) if shown else None)
            else:
                after = blocks[position - 1].kind if position else "nothing"
                assert (block.kind, after) == ("text", "console"), (
                    f"line {block.line}: a {block.kind} block, and nobody knows what to do with it"
                )

    def _words(self, text):
        for words, instead in self._typed.items():
            text = text.replace(words, instead)
        return text

    def _console(self, block, shown):
        text = self._words(block.text)
        if DEV.search(text):
            *first, last = text.splitlines()
            for line in first:
                assert self.type(line)[0] == 0, f"line {block.line}: {line}"
            return self._begin(last, shown)
        where = f"line {block.line}: {text}"

        def seen():
            code, printed = self.type(text)
            if code != 0 or (shown and not shown.fullmatch(plain(printed))):
                raise NotYet(f"{where}printed, with exit code {code},\n{printed}")

        # A new API is served, and what has changed is, some moments after dev says that it is ready.
        if self._dev is not None and text.startswith("kubectl "):
            return wait_for(where, seen, timeout_seconds=SEEN_SECONDS)
        return seen()

    def type(self, text):
        """Return the exit code, and what was printed; the first terminal keeps its folder and its variables."""
        after = self.folder / ".after"
        script = f"trap 'pwd >{after}; env -0 >>{after}' EXIT; set -e\n{self._second or ''}\n{text}"
        with subprocess.Popen(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            self._groups.append(process.pid)
            printed, _ = process.communicate(timeout=LIMIT_SECONDS)
        if self._second is None:
            folder, _, variables = after.read_text().partition("\n")
            after.unlink()
            self.folder = Path(folder)
            self.environment = dict(one.split("=", 1) for one in variables.split("\0") if one)
        return process.returncode, printed

    def _begin(self, text, shown):
        with self._log.open("w") as output:
            self._dev = subprocess.Popen(
                ["bash", "-c", f"exec {text}"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=hear_ctrl_c,  # noqa: PLW1509 - it takes no lock
            )
        self._until(re.compile(r"(?:.*\n)*ready\n"))
        if shown:
            self._until(re.compile(rf"(?:.*\n)*?{shown.pattern}(?:.*\n)*"))
        self._second = re.search(r"^ *(export KUBECONFIG=.*)$", self._log.read_text(), re.MULTILINE)[1]

    def _until(self, wanted):
        def found():
            if not wanted.fullmatch(plain(self._log.read_text())):
                raise NotYet(self._log.read_text())

        dead = f"it has ended: {self._log}"
        wait_for(
            f"dev to print {wanted.pattern}",
            found,
            timeout_seconds=SEEN_SECONDS,
            died=lambda: None if self._dev.poll() is None else dead,
        )

    def _change(self, block):
        names = re.findall(r"`([\w.]+\.\w+)`", block.before)
        assert names, f"line {block.line}: which file is to be changed? No name stands before it"
        path = self.folder / names[-1]
        old, new = (
            "".join(line[1:] + "\n" for line in block.text.splitlines() if line[0] in keep) for keep in (" -", " +")
        )
        assert path.read_text().count(old) == 1, f"line {block.line}: {names[-1]} has not once\n{old}"
        path.write_text(path.read_text().replace(old, new))

    def _end(self):
        """Press Ctrl-C, and return the exit code."""
        self._dev.send_signal(signal.SIGINT)
        code = self._dev.wait(SEEN_SECONDS)
        self._dev = self._second = None
        return code
