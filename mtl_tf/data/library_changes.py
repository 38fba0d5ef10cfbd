"""Changes waveforms by audiomentations, on the processor, beside the layers of `mtl_tf.augment`."""

import importlib.util
import inspect
import random
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from mtl_tf.config import RunConfig
from mtl_tf.errors import UserError, nearest_hint

LIBRARY = "audiomentations"
FATAL_METHOD, SOUND_METHOD = "signalsmith_stretch", "librosa_phase_vocoder"  # of PitchShift and TimeStretch


class LibraryChanges:
    """Transforms of audiomentations, one after the other, each with its probability `p`.

    What is drawn follows from the numbers that each batch is given. audiomentations draws from the generators that all
    of a process share; they are set for a batch, and are as before it afterwards.

    Args:
        options: of each transform its `name` and arguments, as the library has them. Departure: `PitchShift` and
            `TimeStretch` use librosa's phase vocoder, as python-stretch ends a process that has loaded TensorFlow.
        sample_rate: of the waveforms, in Hz.

    Raises:
        UserError: the library is not installed, has no such transform, or refuses the arguments.
    """

    def __init__(self, options: Sequence[Mapping[str, Any]], sample_rate: int) -> None:
        if importlib.util.find_spec(LIBRARY) is None:
            raise UserError(f"pipeline.{LIBRARY} needs {LIBRARY}: pip install -c constraints.txt -e '.[{LIBRARY}]'")
        self.transforms = [_transform(dict(each)) for each in options]
        self.sample_rate = sample_rate

    def add(self, inputs: dict[str, tf.Tensor], seed: Sequence[int | tf.Tensor]) -> dict[str, tf.Tensor]:
        """Changes the clips of a batch.

        Args:
            inputs: `waveform`, float32 (batch, samples), and `length`, int32 (batch,).
            seed: three numbers, the same for the same changes.

        Returns:
            The same, changed. A clip stays as long as it was: what a transform adds is cut, what it takes is silence.
        """
        waveform = inputs["waveform"]
        given = [waveform, inputs["length"], tf.stack([tf.cast(number, tf.int64) for number in seed])]
        changed = tf.numpy_function(self.change, given, tf.float32, stateful=False)
        return inputs | {"waveform": tf.ensure_shape(changed, waveform.shape)}

    def change(self, waveform: np.ndarray, length: np.ndarray, seed: np.ndarray) -> np.ndarray:
        """Does the same with arrays.

        Args:
            waveform: float32 (batch, samples).
            length: int (batch,).
            seed: int (3,).
        """
        before = random.getstate(), np.random.get_state()
        try:
            mixed = np.random.SeedSequence([int(number) for number in seed]).generate_state(1)[0]
            random.seed(int(mixed))
            np.random.seed(mixed)
            changed = waveform.copy()
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="n_fft=")  # short clips are told of at every step else
                for row, count in zip(changed, length, strict=True):
                    clip = row[:count].copy()
                    for transform in self.transforms:
                        clip = transform(samples=clip, sample_rate=self.sample_rate)
                    row[: min(count, len(clip))] = clip[:count]
                    row[len(clip) : count] = 0.0
            return changed
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])


def check_library_changes(config: RunConfig) -> None:
    """Refuses transforms of a run that cannot be had, or do not go with its tasks.

    Raises:
        UserError: see `LibraryChanges`; or events would stay where their sounds no longer are.
    """
    if not config.pipeline.audiomentations:
        return
    of_frames = [name for name, task in config.trained_tasks.items() if task.of_frames]
    if of_frames:
        raise UserError(
            f"task {of_frames[0]} asks every step, and {LIBRARY} does not say where it moves sounds to; choose from "
            "augment= instead"
        )
    if config.model.name == "svm":
        raise UserError(f"pipeline.{LIBRARY} is for networks, and model=svm hears each clip once; leave it away")
    rate = config.frontend.sample_rate
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, max(round(config.pipeline.clip_s * rate), 1)).astype(np.float32)
    for options in config.pipeline.audiomentations:
        always = LibraryChanges([{**options, "p": 1.0}], rate)
        LibraryChanges([options], rate)
        try:  # some need a package that is asked for when they are used
            always.change(noise[None], np.array([len(noise)]), np.zeros(3, int))
        except Exception as error:
            raise UserError(f"pipeline.{LIBRARY}: {options['name']} fails: {_reason(error)}") from error


def _transform(options: dict[str, Any]):
    import audiomentations
    from audiomentations.core.transforms_interface import BaseWaveformTransform

    known = {
        name: kind
        for name, kind in inspect.getmembers(audiomentations, inspect.isclass)
        if issubclass(kind, BaseWaveformTransform)
    }
    name = options.pop("name", None)
    if name not in known:
        if name is None:
            given = ", ".join(map(str, options)) or "nothing"
            raise UserError(f"pipeline.{LIBRARY}: an entry has {given} and no name; write {{name: Gain, p: 0.5}}")
        raise UserError(f"pipeline.{LIBRARY}: {LIBRARY} has no transform {name}.{nearest_hint(str(name), known)}")
    try:
        if "method" in inspect.signature(known[name]).parameters:
            options = {"method": SOUND_METHOD} | options
            if options["method"] == FATAL_METHOD:
                raise ValueError(f"method={FATAL_METHOD} ends a process with TensorFlow; give {SOUND_METHOD}")
        return known[name](**options)
    except (TypeError, ValueError, AssertionError, OSError) as error:
        raise UserError(f"pipeline.{LIBRARY}: {name} cannot be had so: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or f"it refuses its values ({type(error).__name__})"
