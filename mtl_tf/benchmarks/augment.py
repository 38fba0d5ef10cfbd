"""What changing clips adds to a training step."""

import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import soundfile

from mtl_tf.augment.build import AUGMENTATIONS, build_augmentations
from mtl_tf.augment.mixing import Mixing
from mtl_tf.frontends.build import build_frontend
from mtl_tf.models.build import build_model, build_trunk
from mtl_tf.tasks.task import Task
from mtl_tf.training.losses import TaskLoss

_FRONT_END = {"sample_rate": 16000, "n_fft": 512, "hop_length": 160, "num_mel_bins": 64}
_CLIPS, _SAMPLES, _CLASSES = 16, 48_000, 10


@dataclass(frozen=True)
class AugmentTime:
    """Median time of a training step.

    Attributes:
        augment: what changes clips, each with its default values but for `prob`, which is 1.
        step_s: median seconds of a step.
        ratio: beside a step that changes nothing.
    """

    augment: str
    step_s: float
    ratio: float


def measure_augmentations(model: str, together: list[str], rounds: int, steps: int = 5) -> list[AugmentTime]:
    """Times every augmentation, and some together, in turn with none.

    Args:
        model: name of the trunk.
        together: names of those that are also timed together.
        rounds: how often each is timed.
        steps: of each time, on 16 clips of 3 s.
    """
    sets = {"none": []} | {name: [name] for name in AUGMENTATIONS}
    if together:
        sets[" + ".join(together)] = together
    with tempfile.TemporaryDirectory() as folder:
        _write_recordings(Path(folder))
        models = {name: _model(model, chosen, folder) for name, chosen in sets.items()}
    batches = {name: _batch(model) for name, model in models.items()}
    times: dict[str, list[float]] = {name: [] for name in sets}
    for number in range(rounds + 1):
        for name, built in models.items():
            start = time.perf_counter()
            for _ in range(steps):
                built.train_on_batch(*batches[name])
            if number:
                times[name].append((time.perf_counter() - start) / steps)
    medians = {name: statistics.median(values) for name, values in times.items()}
    return [AugmentTime(name, medians[name], medians[name] / medians["none"]) for name in sets]


def _write_recordings(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(4):
        fading = np.exp(-np.arange(16_000) / 2000.0)
        soundfile.write(folder / f"{number}.wav", 0.1 * fading * rng.standard_normal(16_000), 16_000)


def _model(trunk: str, names: list[str], recordings: str) -> keras.Model:
    keras.utils.set_random_seed(0)
    frontend = build_frontend("log_mel", _FRONT_END)
    layers = build_augmentations(
        {name: {"prob": 1.0} | ({"folder": recordings} if name.startswith("recorded") else {}) for name in names},
        **frontend.traits,
    )
    tasks = {"task": Task("task", tuple(map(str, range(_CLASSES))))}
    model = build_model(frontend, build_trunk(trunk, {}), tasks, layers)
    model.compile("adam", loss={"task": TaskLoss("per_label")})
    return model


def _batch(model: keras.Model) -> tuple[dict, dict]:
    rng = np.random.default_rng(0)
    inputs = {"waveform": rng.uniform(-0.1, 0.1, (_CLIPS, _SAMPLES)).astype(np.float32)}
    inputs["length"] = np.full(_CLIPS, _SAMPLES, np.int32)
    mixed = any(isinstance(layer, Mixing) for layer in model.layers)
    if mixed:
        inputs["partner"] = rng.permutation(_CLIPS).astype(np.int32)
        inputs["share"] = np.full(_CLIPS, 0.7, np.float32)
    return inputs, {"task": rng.integers(0, _CLASSES, _CLIPS * (2 if mixed else 1))}
