"""Progress on the terminal, with rich."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def say(text: str, quiet: bool = False) -> None:
    """Says on standard error what takes the next seconds."""
    if not quiet:
        print(text, file=sys.stderr, flush=True)


class Stages:
    """Names the stages of something that takes long: a line each, with how many are left and how long they may take.

    Args:
        title: what is being done.
        shares: how long each stage takes, beside the others.
        quiet: say nothing.
    """

    def __init__(self, title: str, shares: Sequence[float], quiet: bool = False) -> None:
        self.title, self.shares, self.quiet = title, shares, quiet
        self.done, self.start = 0, time.monotonic()

    def next(self, what: str) -> None:
        """Begins the next stage."""
        self.done += 1
        passed = time.monotonic() - self.start
        before, behind = sum(self.shares[: self.done - 1]), sum(self.shares[self.done - 1 :])
        left = f", about {passed / before * behind:.0f} s left" if before else ""
        say(f"{self.title}: {what} ({self.done} of {len(self.shares)}{left})", self.quiet)


@contextmanager
def progress_bar(title: str, total: int, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Shows a bar while the block runs.

    Args:
        title: what is being done.
        total: number of steps.
        quiet: show nothing.

    Yields:
        A function to call with the number of steps done.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal, transient=True) as progress:
        bar = progress.add_task(title, total=total)
        yield lambda done: progress.update(bar, completed=done)
