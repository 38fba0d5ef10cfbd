"""What one request for several tasks costs, beside one for a single task and beside as many models of one task each."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mtl_tf.benchmarks.cases import COMPARED, MODELS, check_names
from mtl_tf.benchmarks.serve import load_as_served
from mtl_tf.tasks.task import Task

NUM_TASKS, NUM_CLASSES, CLIP_S = 4, 8, 3.0
SECONDS_PER_ROUND = 0.3


@dataclass(frozen=True)
class TaskCost:
    """Times of a request with the waveform of one clip of three seconds, in TensorFlow's C loader as it serves.

    Attributes:
        model: its name.
        single_ms: a model of one task, median.
        shared_ms: a model of four tasks, median.
        ratio: median over rounds of shared / single.
        share: median over rounds of shared / (four models of one task, one after the other).
    """

    model: str
    single_ms: float
    shared_ms: float
    ratio: float
    share: float


def measure_tasks(models: list[str], rounds: int) -> list[TaskCost]:
    """Measures each model in the size of its paper, untrained, the three ways in turn.

    Raises:
        UserError: an unknown model.
    """
    check_names(models, MODELS)
    return [_measure(name, rounds) for name in models]


def _measure(name: str, rounds: int) -> TaskCost:
    with tempfile.TemporaryDirectory() as folder:
        one, four = Path(folder) / "one", Path(folder) / "four"
        _save(name, 1, one)
        _save(name, NUM_TASKS, four)
        shared, *singles = (load_as_served(version) for version in (four, *[one] * NUM_TASKS))
    samples = round(CLIP_S * COMPARED[name].frontend_options["sample_rate"])
    clips = (0.1 * np.random.default_rng(0).standard_normal((1, samples))).astype(np.float32)
    ways = (
        lambda: singles[0](clips),
        lambda: shared(clips),
        lambda: [single(clips) for single in singles],
    )
    for way in ways:
        way()
    times = np.array([[_median_seconds(way) for way in ways] for _ in range(rounds)])
    single, together, apart = times.T
    return TaskCost(
        name,
        1000.0 * float(np.median(single)),
        1000.0 * float(np.median(together)),
        float(np.median(together / single)),
        float(np.median(together / apart)),
    )


def _save(name: str, num_tasks: int, folder: Path) -> None:
    import keras
    import tensorflow as tf

    from mtl_tf.frontends.build import build_frontend
    from mtl_tf.models.build import build_model, build_trunk
    from mtl_tf.serving.signatures import ServedModel

    keras.utils.set_random_seed(0)
    classes = tuple(map(str, range(NUM_CLASSES)))
    tasks = {f"task_{number}": Task(f"task_{number}", classes) for number in range(num_tasks)}
    model = build_model(
        build_frontend(COMPARED[name].frontend, COMPARED[name].frontend_options), build_trunk(name, {}), tasks
    )
    served = ServedModel(model, {task: list(classes) for task in tasks})
    tf.saved_model.save(served, str(folder), signatures={"serving_default": served.signatures()["serving_default"]})


def _median_seconds(function: Callable[[], object]) -> float:
    times, end = [], time.perf_counter() + SECONDS_PER_ROUND
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return float(np.median(times))
