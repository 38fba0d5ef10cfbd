"""Processes that carry out cells, each on its own share of the cores."""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from mtl_tf.parent import child_environment
from mtl_tf.study import carry_cell

MOST_CELLS = 30  # of one process, which grows a little with each
MOST_MEMORY = 0.5  # of the machine's, of all processes together
Outcome = tuple[Path, str]  # folder of a cell, and the reason if it failed


class Workers:
    """Processes that load TensorFlow once and carry out one cell after the other.

    TensorFlow divides the operations of a process among as many threads as in a run that has the machine for itself,
    since sums of other parts round otherwise; that cells do not fight, each process keeps to its own cores.

    Args:
        count: of processes.
        logs: folder for what they print.
    """

    def __init__(self, count: int, logs: Path) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._processes = [_Process(number, count, logs / f"worker{number}.txt") for number in range(count)]

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.closed = True  # its thread would start it again
            process.kill()

    def carry_out(self, places: Iterable[Path]) -> Iterator[Outcome]:
        """Carries out cells, several at a time.

        Args:
            places: folders of the cells, with `cell.yaml`.

        Yields:
            Each cell as it ends: its folder, and why it failed, empty if it did not.
        """
        waiting: queue.SimpleQueue[Path | None] = queue.SimpleQueue()
        ended: queue.SimpleQueue[Outcome | BaseException] = queue.SimpleQueue()
        count = 0
        for place in places:
            waiting.put(place)
            count += 1
        threads = [
            threading.Thread(target=_serve, args=(process, waiting, ended), daemon=True) for process in self._processes
        ]
        for thread in threads:
            waiting.put(None)
            thread.start()
        for _ in range(count):
            outcome = ended.get()
            if isinstance(outcome, BaseException):
                raise outcome
            yield outcome


def _serve(process: "_Process", waiting: queue.SimpleQueue, ended: queue.SimpleQueue) -> None:
    try:
        while not process.closed and (place := waiting.get()) is not None:
            ended.put((place, process.carry_out(place)))
    except BaseException as error:  # goes on in the thread that waits
        ended.put(error)


def _memory_of_machine() -> int:
    """Returns bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


class _Process:
    """One process, started anew after it died or carried out many cells."""

    def __init__(self, number: int, count: int, log: Path) -> None:
        cores = sorted(os.sched_getaffinity(0))
        share = max(1, len(cores) // count)
        self._threads, self._most_bytes = len(cores), MOST_MEMORY * _memory_of_machine() / count
        self._cores = {cores[(number * share + place) % len(cores)] for place in range(share)}
        self._log, self.closed = log, False
        self._start()

    def carry_out(self, place: Path) -> str:
        """Carries out one cell and returns why it failed, or nothing."""
        if self._done >= MOST_CELLS or self._popen.poll() is not None or self._is_large():
            self.kill()
            if self.closed:
                return "the study was ended"
            self._start()
        self._done += 1
        answer = ""
        try:
            while not answer.startswith((carry_cell.DONE, carry_cell.FAILED)):
                answer = self._popen.stdout.readline()
                if not answer:
                    return self._last_words()
                if answer.startswith(carry_cell.READY):
                    self._popen.stdin.write(f"{place}\n")
                    self._popen.stdin.flush()
        except BrokenPipeError:
            return self._last_words()
        return answer.removeprefix(carry_cell.FAILED).strip() if answer.startswith(carry_cell.FAILED) else ""

    def kill(self) -> None:
        """Ends the process."""
        self._popen.kill()
        self._popen.wait()
        with suppress(OSError):  # what was not read any more
            self._popen.stdin.close()
        self._popen.stdout.close()

    def _start(self) -> None:
        self._done = 0
        names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
        with self._log.open("ab") as log:
            self._popen = subprocess.Popen(
                [sys.executable, "-m", carry_cell.__name__],
                env=child_environment(**dict.fromkeys(names, str(self._threads))),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        os.sched_setaffinity(self._popen.pid, self._cores)

    def _is_large(self) -> bool:
        """Says whether it holds more memory than its share; never where the system does not tell."""
        try:
            pages = int(Path(f"/proc/{self._popen.pid}/statm").read_text().split()[1])
        except (OSError, ValueError, IndexError):
            return False
        return pages * os.sysconf("SC_PAGE_SIZE") > self._most_bytes

    def _last_words(self) -> str:
        code = self._popen.wait()
        if code == -signal.SIGKILL:
            return "its process was killed, as the system does where memory runs out"
        if code < 0:
            return f"its process ended by signal {-code} ({signal.Signals(-code).name})"
        lines = [line for line in self._log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1][:300] if lines else f"its process ended with exit code {code}"
