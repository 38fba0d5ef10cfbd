"""One training step and one inference of the papers' models, beside the same models in PyTorch."""

import json
import signal
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass

from mtl_tf.benchmarks.cases import COMPARED, check_names
from mtl_tf.benchmarks.stepper import MATRIX_SIZE
from mtl_tf.errors import UserError

LIBRARIES = ("keras", "pytorch")
SECONDS_PER_ROUND = 1.0
MATMULS = 8


@dataclass(frozen=True)
class StepTimes:
    """What was measured of one model in one mode.

    Attributes:
        model: its name.
        mode: `train` or `infer`.
        batch_size: clips of a step.
        keras_s: seconds of a step of ours, the median of the rounds.
        pytorch_s: of PyTorch's.
        ratio: PyTorch's time over ours, the median of the rounds' ratios; above 1 ours is faster.
        share_of_peak: matrix operations of the architecture per second of ours, relative to the fastest product of
            two large matrices seen in the same run. An algorithm with fewer operations may exceed 1.
    """

    model: str
    mode: str
    batch_size: int
    keras_s: float
    pytorch_s: float
    ratio: float
    share_of_peak: float


def compare_steps(models: list[str], rounds: int) -> list[StepTimes]:
    """Measures models one after the other, each library in a process of its own, in turn.

    Args:
        models: names from `COMPARED`.
        rounds: how often each library is timed; each time runs about a second.

    Raises:
        UserError: an unknown model, PyTorch is not installed, or the two models do not have the same weights.
    """
    check_names(models, COMPARED)
    results = []
    for model in models:
        children = {library: _Child(library, model) for library in LIBRARIES}
        try:
            results += _compare(model, children, rounds)
        finally:
            for child in children.values():
                child.close()
    return results


def _compare(model: str, children: dict[str, "_Child"], rounds: int) -> list[StepTimes]:
    ours, theirs = (children[library].facts["parameters"] for library in LIBRARIES)
    if ours != theirs:
        raise UserError(f"{model} has {ours:,} weights here and {theirs:,} in PyTorch: not the same architecture")
    products = [child.seconds("matmul", MATMULS) for child in children.values() for _ in range(3)]
    peak = MATMULS * 2 * MATRIX_SIZE**3 / min(products)
    results = []
    for mode in ("train", "infer"):
        counts = {library: child.calibrate(mode) for library, child in children.items()}
        times = [
            {library: child.seconds(mode, counts[library]) / counts[library] for library, child in children.items()}
            for _ in range(rounds)
        ]
        keras_s, pytorch_s = (statistics.median(row[library] for row in times) for library in LIBRARIES)
        results.append(
            StepTimes(
                model=model,
                mode=mode,
                batch_size=COMPARED[model].batch_size,
                keras_s=keras_s,
                pytorch_s=pytorch_s,
                ratio=statistics.median(row["pytorch"] / row["keras"] for row in times),
                share_of_peak=children["pytorch"].facts["flops"][mode] / keras_s / peak,
            )
        )
    return results


class _Child:
    """A process that steps one model in one library, and stands still while it is not asked to."""

    def __init__(self, library: str, model: str) -> None:
        command = [sys.executable, "-m", "mtl_tf.benchmarks.stepper", library, model]
        self.library, self.model = library, model
        self.errors = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115  closed with the process
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True
        )
        self.facts = self._answer()

    def seconds(self, what: str, count: int) -> float:
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(f"{what} {count}\n")
        self.process.stdin.flush()
        return self._answer()["seconds"]

    def calibrate(self, mode: str) -> int:
        """Warms up and returns how many steps fill a round."""
        count = COMPARED[self.model].steps_per_execution
        self.seconds(mode, count)
        per_step = self.seconds(mode, count) / count
        return max(1, round(SECONDS_PER_ROUND / per_step / count)) * count

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.errors.close()

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        if line:
            self.process.send_signal(signal.SIGSTOP)  # its idle threads may go on spinning
            return json.loads(line)
        self.errors.seek(0)
        last = (self.errors.read().strip().splitlines() or ["no message"])[-1]
        if "No module named 'torch'" in last:
            raise UserError("PyTorch is not installed: .venv/bin/pip install -c constraints.txt -e '.[bench]'")
        raise UserError(f"{self.library} {self.model} stopped: {last}")
