"""What one request for several tasks costs, beside one for a single task and beside as many models of one task each."""

import logging
import time
from dataclasses import dataclass

import numpy as np

from mtl_tf.benchmarks.cases import FRONTENDS, check_names
from mtl_tf.tasks import Task

NUM_TASKS, NUM_CLASSES, CLIP_S = 4, 8, 3.0
SECONDS_PER_ROUND = 0.3


@dataclass(frozen=True)
class TaskCost:
    """Times of answering one clip of three seconds, front end included.

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
    check_names(models, FRONTENDS)
    return [_measure(name, rounds) for name in models]


def _measure(name: str, rounds: int) -> TaskCost:
    import keras
    import tensorflow as tf

    from mtl_tf.frontends.build import build_frontend
    from mtl_tf.models.build import build_model, build_trunk

    def answerer(number: int):
        frontend = build_frontend(*FRONTENDS[name])
        tasks = {f"task_{i}": Task(f"task_{i}", tuple(map(str, range(NUM_CLASSES)))) for i in range(number)}
        model = build_model(frontend, build_trunk(name, {}), tasks)
        samples = round(CLIP_S * frontend.sample_rate)
        waveform = tf.constant(0.1 * np.random.default_rng(0).standard_normal((1, samples)), tf.float32)
        compute = tf.function(lambda: model(waveform, training=False))
        return lambda: [values.numpy() for values in compute().values()]

    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it takes several models for one that is traced again
    keras.utils.set_random_seed(0)
    shared, singles = answerer(NUM_TASKS), [answerer(1) for _ in range(NUM_TASKS)]
    ways = (singles[0], shared, lambda: [single() for single in singles])
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


def _median_seconds(function) -> float:
    times, end = [], time.perf_counter() + SECONDS_PER_ROUND
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return float(np.median(times))
