"""Jobs of a Slurm cluster that carry out cells."""

import os
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from mtl_tf.errors import UserError
from mtl_tf.files import write_whole
from mtl_tf.study import names as files
from mtl_tf.study.results import load_result
from mtl_tf.study.workers import MOST_CELLS, Outcome

POLL_S, GRACE_S = 1.0, 15.0


def carry_chunk(places: list[str], working_dir: str) -> None:
    """Carries out cells, one after the other, in a job; of one that fails the reason is left in its folder.

    Args:
        places: folders of the cells.
        working_dir: that paths are relative to.
    """
    from mtl_tf.study.carry_cell import carry_cell, quieten

    quieten()
    os.chdir(working_dir)
    for place in map(Path, places):
        try:
            carry_cell(place)
        except (UserError, OSError) as error:
            write_whole(place / files.FAILURE, " ".join(str(error).split()).encode())


class SlurmWorkers:
    """Carries out cells in jobs of Slurm, each of up to 30 cells, by submitit.

    The folder of the study and the audio must be seen under the same names from the nodes. Where the study is ended,
    its jobs are cancelled; those that a killed study left are cancelled by the next start.

    Args:
        count: of jobs at a time.
        folder: of the study.
        parameters: of submitit's executor, such as `slurm_partition`, `timeout_min`, `cpus_per_task`.

    Raises:
        UserError: submitit is not installed, there is no Slurm, or a parameter is none of submitit's.
    """

    def __init__(self, count: int, folder: Path, parameters: dict[str, Any]) -> None:
        try:
            import submitit
        except ImportError as error:
            raise UserError('executor=slurm needs submitit: pip install "mtl-tf[cluster]"') from error
        self._count, self._list = count, folder / files.JOBS
        try:
            self._executor = submitit.AutoExecutor(folder / files.LOGS, cluster="slurm")
            self._executor.update_parameters(**{"name": "mtl_tf study", "timeout_min": 240} | parameters)
        except (RuntimeError, FileNotFoundError) as error:
            raise UserError(
                "executor=slurm: there is no sbatch on this machine; start the study where jobs are"
            ) from error
        except (NameError, AssertionError, TypeError) as error:
            raise UserError(f"study.slurm: {' '.join(str(error).split())}") from error
        self._jobs: list[str] = []

    def __enter__(self) -> "SlurmWorkers":
        return self

    def __exit__(self, *_: object) -> None:
        _cancel(self._jobs)
        self._list.unlink(missing_ok=True)

    def carry_out(self, places: Iterable[Path]) -> Iterator[Outcome]:
        """Carries out cells in jobs.

        Args:
            places: folders of the cells, with `cell.yaml`.

        Yields:
            Each cell as it ends: its folder, and why it failed, empty if it did not.

        Raises:
            UserError: Slurm refuses a job.
        """
        places = list(places)
        for place in places:
            (place / files.FAILURE).unlink(missing_ok=True)
        size = max(1, min(MOST_CELLS, -(-len(places) // self._count)))
        chunks = [places[begin : begin + size] for begin in range(0, len(places), size)]
        active: dict[Any, list[Path]] = {}
        while chunks or active:
            while chunks and len(active) < self._count:
                chunk = chunks.pop(0)
                active[self._submit(chunk)] = chunk
            running = _running([job.job_id for job in active])
            for job in list(active):
                ended = job.job_id not in running and _has_ended(job)
                yield from self._outcomes(active[job], job if ended else None)
                if ended:
                    if active[job]:  # the cell that ended the job is told of; those behind it were not begun
                        chunks.append(active[job])
                    del active[job]
                    self._jobs.remove(job.job_id)
            if active:
                time.sleep(POLL_S)

    def _submit(self, chunk: list[Path]) -> Any:
        try:
            job = self._executor.submit(carry_chunk, [str(place) for place in chunk], str(Path.cwd()))
        except Exception as error:  # submitit passes on whatever sbatch says, in an exception of its own
            raise UserError(f"Slurm refuses the job: {' '.join(str(error).split())[-300:]}") from error
        self._jobs.append(job.job_id)
        write_whole(self._list, "\n".join(self._jobs).encode())
        return job

    def _outcomes(self, left: list[Path], ended: Any) -> Iterator[Outcome]:
        """Takes the cells that are done from those of a job, and, where the job has ended, the one that it ended in."""
        for place in list(left):
            result = load_result(place)
            if result is not None and result["status"] == "completed":
                reason = ""
            elif (place / files.FAILURE).is_file():
                reason = (place / files.FAILURE).read_text(encoding="utf-8")
            elif ended is not None:
                reason, ended = _last_words(ended), None
            else:
                continue
            left.remove(place)
            yield place, reason


def cancel_left(folder: Path) -> None:
    """Cancels the jobs that a killed study left, which would train the same cells.

    Args:
        folder: of the study.
    """
    path = folder / files.JOBS
    if path.is_file():
        _cancel(path.read_text(encoding="utf-8").split())
        path.unlink()


def _running(jobs: list[str]) -> set[str]:
    """Returns those of some jobs that wait or run; all where Slurm does not answer."""
    command = ["squeue", "--noheader", "--format=%A", "--jobs", ",".join(jobs)]
    answer = subprocess.run(command, capture_output=True, text=True)
    # Of a single job that is over, squeue says that it is invalid.
    if answer.returncode and "Invalid job id" not in answer.stderr:
        return set(jobs)
    return set(answer.stdout.split())


def _has_ended(job: Any) -> bool:
    """Says whether a job that Slurm does not know any more has had time to write what it leaves."""
    if job.paths.result_pickle.exists():
        return True
    gone = getattr(job, "gone_since", None)
    if gone is None:
        job.gone_since = time.monotonic()
        return False
    return time.monotonic() - gone > GRACE_S


def _last_words(job: Any) -> str:
    with suppress(OSError, TypeError):
        words = str(job.exception()) if job.paths.result_pickle.exists() else job.stderr() or ""
        lines = [line for line in words.splitlines() if line.strip(" -")]
        if lines:
            return f"job {job.job_id}: {lines[-1][:300]}"
    return f"job {job.job_id} ended without a word, as where it is cancelled or its time is over"


def _cancel(jobs: list[str]) -> None:
    if jobs:
        with suppress(OSError):
            subprocess.run(["scancel", *jobs], capture_output=True)
