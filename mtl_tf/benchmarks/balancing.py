"""What balancing the tasks, or measuring their affinity, adds to a training step."""

import statistics
import time
from dataclasses import dataclass

import keras
import numpy as np

from mtl_tf.frontends.build import build_frontend
from mtl_tf.models.build import build_model, build_trunk
from mtl_tf.tasks.task import Task
from mtl_tf.training.affinity import AffinityMeter
from mtl_tf.training.balanced_model import BalancedModel
from mtl_tf.training.balancing.build import build_balancing
from mtl_tf.training.losses import TaskLoss

METHODS = ("equal", "random", "uncertainty", "famo", "pcgrad", "affinity")
_FRONT_END = {"sample_rate": 16000, "n_fft": 512, "hop_length": 160, "num_mel_bins": 64}


@dataclass(frozen=True)
class BalancingTime:
    """Median time of a training step of `compact_cnn`.

    Attributes:
        method: of balancing; `affinity` measures in every twentieth step.
        tasks: how many.
        step_s: median seconds of a step.
        ratio: beside adding the losses as Keras does.
    """

    method: str
    tasks: int
    step_s: float
    ratio: float


def measure_balancing(num_tasks: int, rounds: int, steps: int = 20) -> list[BalancingTime]:
    """Times all methods in turn.

    Args:
        num_tasks: of the network, ten classes each.
        rounds: how often each is timed.
        steps: of each time, on 16 clips of 2 s.
    """
    rng = np.random.default_rng(0)
    inputs = {"waveform": rng.uniform(-0.1, 0.1, (16 * steps, 32_000)).astype(np.float32)}
    inputs["length"] = np.full(16 * steps, 32_000, np.int32)
    labels = {f"task_{number}": rng.integers(0, 10, 16 * steps) for number in range(num_tasks)}
    weights = {name: np.ones(16 * steps, np.float32) for name in labels}
    models = {method: _model(method, list(labels)) for method in ("plain", *METHODS)}
    times: dict[str, list[float]] = {method: [] for method in models}
    for number in range(rounds + 1):
        for method, model in models.items():
            start = time.perf_counter()
            model.fit(inputs, labels, sample_weight=weights, batch_size=16, verbose=0, shuffle=False)
            if number:
                times[method].append((time.perf_counter() - start) / steps)
    medians = {method: statistics.median(values) for method, values in times.items()}
    return [BalancingTime(method, num_tasks, medians[method], medians[method] / medians["plain"]) for method in METHODS]


def _model(method: str, names: list[str]) -> keras.Model:
    keras.utils.set_random_seed(0)
    tasks = {name: Task(name, tuple("abcdefghij")) for name in names}
    model = build_model(build_frontend("log_mel", _FRONT_END), build_trunk("compact_cnn", {}), tasks)
    losses = {name: TaskLoss("per_label") for name in names}
    balancing = None
    if method != "plain":
        balancing = build_balancing("equal" if method == "affinity" else method, len(names), 0, 2.0)
        model = BalancedModel(model.input, model.output)
        affinity = AffinityMeter(names, 20) if method == "affinity" else None
        model.balance(balancing, losses, dict.fromkeys(names, 1.0), affinity)
    model.compile("adam", loss=losses)
    if balancing is not None:
        model.optimizer.build([*model.trainable_variables, *balancing.learned])
    return model
