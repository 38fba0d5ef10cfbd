"""Features of clips that are computed once and kept in memory, and batches of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf

from mtl_tf.config import PipelineConfig
from mtl_tf.data.clip_source import ClipSource
from mtl_tf.data.pipeline import frame_targets, pad_batch, untuned
from mtl_tf.data.sampling import EpochSampler
from mtl_tf.tasks.frame_labels import FrameLabels
from mtl_tf.tasks.steps import Steps

_AT_ONCE, _READ = 64, 512
_MOST_SAMPLES = 2**22  # of a batch: the spectrogram of 64 clips of 30 s would take gigabytes
Inputs = dict[str, tf.Tensor]
Function = Callable[[Inputs], tuple[tf.Tensor, tf.Tensor]]


class RawFeatures:
    """What a front end computes before it normalises, for any clip, each computed when it is first asked for.

    Args:
        num_samples: no clip is longer.
        function: of `waveform`, float32 (batch, samples), and `length`, int32 (batch,); gives features and mask.
    """

    def __init__(self, num_samples: int, function: Function) -> None:
        self.num_samples = num_samples
        signature = {
            "waveform": tf.TensorSpec([None, None], tf.float32),
            "length": tf.TensorSpec([None], tf.int32),
        }
        self._compute = tf.function(function, input_signature=[signature])
        self._known: dict[int, tuple[np.ndarray, int]] = {}

    def of(
        self, positions: np.ndarray, source: ClipSource, frames_of: Callable[[int], int] | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Gives features, mask and length of clips.

        Args:
            positions: of the clips.
            source: their samples.
            frames_of: how many frames there are by the length of the longest of these clips, in samples; None: as many
                as it has of its own.

        Returns:
            float32 (clips, frames, bins), bool (clips, frames), and int32 (clips,), how many samples each clip has.

        Raises:
            UserError: a clip cannot be decoded.
        """
        missing = [int(position) for position in positions if int(position) not in self._known]
        for begin in range(0, len(missing), _READ):
            self._measure(missing[begin : begin + _READ], source)
        rows = [self._known[int(position)] for position in positions]
        counts, length = (
            np.array(values, np.int32) for values in ([len(own) for own, _ in rows], [n for _, n in rows])
        )
        width = counts.max() if frames_of is None else max(frames_of(int(length.max())), counts.max())
        features = np.zeros((len(rows), width, *rows[0][0].shape[1:]), np.float32)
        for row, (own, _) in zip(features, rows, strict=True):
            row[: len(own)] = own
        return features, np.arange(width) < counts[:, None], length

    def _measure(self, positions: list[int], source: ClipSource) -> None:
        clips = [source.samples(position)[: self.num_samples] for position in positions]
        # Clips of about one length together, so that little is padded.
        order = sorted(range(len(clips)), key=lambda place: len(clips[place]), reverse=True)
        while order:
            number = min(_AT_ONCE, max(_MOST_SAMPLES // max(len(clips[order[0]]), 1), 1))
            batch, order = order[:number], order[number:]
            waveform, length, _ = pad_batch([clips[place] for place in batch], np.zeros(len(batch)), None)
            features, mask = (values.numpy() for values in self._compute({"waveform": waveform, "length": length}))
            for row, place in enumerate(batch):
                self._known[positions[place]] = features[row][mask[row]], int(length[row])


@dataclass
class ClipFeatures:
    """Features that a trunk takes, of some clips of a run.

    Attributes:
        positions: int (clips,), which clips.
        features: float32 (clips, frames, ...).
        mask: bool (clips, frames).
        length: int32 (clips,), how many samples each clip has.
        num_samples: to which clips were padded.
        sample_rate: in Hz.
        frames_of: how many frames a batch has whose longest clip has so many samples; None: always as many.
    """

    positions: np.ndarray
    features: np.ndarray
    mask: np.ndarray
    length: np.ndarray
    num_samples: int
    sample_rate: int
    frames_of: Callable[[int], int] | None

    def training(
        self,
        trained: np.ndarray,
        labels: dict[str, np.ndarray],
        weights: dict[str, np.ndarray],
        sampler: EpochSampler,
        config: PipelineConfig,
        epochs: range,
        steps: Steps | None = None,
    ) -> tf.data.Dataset:
        """Streams the same clips in the same order as `mtl_tf.data.pipeline.training_dataset`.

        Args:
            trained: the training clips, which the sampler plans.
            labels: see there.
            weights: see there.
            sampler: plans each epoch.
            config: batch size and length.
            epochs: which to stream.
            steps: see there.

        Returns:
            Batches as there, with features and their mask in place of waveforms.
        """
        load = self._loader(labels, weights, steps, trim=config.batch_length == "longest")

        def plan(epoch: tf.Tensor) -> tf.data.Dataset:
            order = tf.numpy_function(
                lambda number: trained[sampler.epoch(int(number))[0]].astype(np.int64), [epoch], tf.int64, False
            )
            order = tf.ensure_shape(order, [None])
            return tf.data.Dataset.from_tensor_slices(order).batch(config.batch_size).map(load)

        return untuned(tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(plan).prefetch(2))

    def evaluation(
        self,
        scored: np.ndarray,
        labels: dict[str, np.ndarray],
        weights: dict[str, np.ndarray],
        batch_size: int,
        steps: Steps | None = None,
    ) -> tf.data.Dataset:
        """Streams given clips once, in order, as `mtl_tf.data.pipeline.evaluation_dataset` does."""
        load = self._loader(labels, weights, steps, trim=True)
        order = tf.data.Dataset.from_tensor_slices(scored.astype(np.int64))
        return untuned(order.batch(batch_size).map(load).prefetch(2))

    @cached_property
    def _tables(self) -> list[tf.Tensor]:
        """Row of each clip, features, mask and length, outside of the graphs, which would hold a copy of each."""
        row_of = np.zeros(int(self.positions.max()) + 1, np.int64)
        row_of[self.positions] = np.arange(len(self.positions))
        return [tf.constant(values) for values in (row_of, self.features, self.mask, self.length)]

    def _loader(
        self, labels: dict[str, np.ndarray], weights: dict[str, np.ndarray], steps: Steps | None, trim: bool
    ) -> Callable[[tf.Tensor], tuple]:
        asked = {name: values for name, values in labels.items() if isinstance(values, FrameLabels)}
        known = {name: tf.constant(values) for name, values in labels.items() if name not in asked}
        weighed = {name: tf.constant(values) for name, values in weights.items()}
        tables = self._tables

        def load(positions: tf.Tensor) -> tuple:
            rows = tf.gather(tables[0], positions)
            features, mask, length = (tf.gather(table, rows) for table in tables[1:])
            samples = tf.constant(self.num_samples)
            if trim and self.frames_of is not None:
                samples = tf.reduce_max(length)
                frames = tf.numpy_function(lambda count: np.int64(self.frames_of(int(count))), [samples], tf.int64)
                features, mask = features[:, :frames], mask[:, :frames]
            targets = {name: tf.gather(values, positions) for name, values in known.items()}
            if asked:
                starts = tf.zeros_like(length)
                targets |= frame_targets(asked, steps, self.sample_rate, positions, starts, length, samples)
            return (
                (features, mask),
                targets,
                {name: tf.gather(values, positions) for name, values in weighed.items()},
            )

        return load
