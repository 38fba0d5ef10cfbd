"""Workers on this machine: processes that are started early and wait for a search."""

import json
import os
import subprocess
import sys
from pathlib import Path

from mtl_tf.parent import child_environment
from mtl_tf.tuning import names as files
from mtl_tf.tuning.worker import ID


class Workers:
    """Processes that carry out trials at the same time, each on its share of the cores.

    The processes load TensorFlow while the chief checks the search and decodes audio.

    TensorFlow divides a worker's operations among as many threads as in a run that has the machine for itself, since
    sums of other parts round otherwise, and the winner could not be repeated.

    Args:
        count: of processes.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._processes = {f"worker{number}": self._spawn(number) for number in range(count)}

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()

    @property
    def at_work(self) -> bool:
        """Whether a process has not ended."""
        return bool(self._processes)

    def begin(self, folder: Path, port: int) -> None:
        """Says where to work.

        Args:
            folder: of the session.
            port: where the chief answers.
        """
        self._folder, self._order = folder, json.dumps({"folder": str(folder), "port": port}) + "\n"
        for process in self._processes.values():
            self._send(process)

    def died(self) -> list[tuple[str, int]]:
        """Returns name and exit code of those that ended otherwise than at the end of the search."""
        codes = {name: code for name, process in self._processes.items() if (code := process.poll()) is not None}
        for name in codes:
            del self._processes[name]
        return [(name, code) for name, code in codes.items() if code]

    def restart(self, name: str) -> None:
        """Starts a worker again."""
        self._processes[name] = self._spawn(int(name.removeprefix("worker")))
        self._send(self._processes[name])

    def last_words(self, name: str) -> str:
        """Returns the last line that a worker printed, or the file where it would be."""
        log = self._folder / files.WORKERS / f"{name}.txt"
        lines = log.read_text(errors="replace").strip().splitlines() if log.is_file() else []
        return lines[-1] if lines else str(log)

    def _spawn(self, number: int) -> subprocess.Popen:
        cores = sorted(os.sched_getaffinity(0))
        threads = dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), str(len(cores)))
        process = subprocess.Popen(
            [sys.executable, "-m", "mtl_tf.tuning.worker"],
            env=child_environment(**threads, **{ID: f"worker{number}"}),
            stdin=subprocess.PIPE,
            stdout=2,  # the error stream, since standard output is the folder's alone
            text=True,
            start_new_session=True,
        )
        share = max(1, len(cores) // self.count)
        os.sched_setaffinity(process.pid, {cores[(number * share + place) % len(cores)] for place in range(share)})
        return process

    def _send(self, process: subprocess.Popen) -> None:
        try:
            process.stdin.write(self._order)
            process.stdin.close()
        except BrokenPipeError:  # it has died, as `died` will say
            pass
