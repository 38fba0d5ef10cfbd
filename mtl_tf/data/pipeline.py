"""tf.data: from manifest rows to batches of waveforms with the labels each clip has."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from mtl_tf.config import PipelineConfig
from mtl_tf.data.decode import load_clip, resample
from mtl_tf.data.sampling import EpochSampler
from mtl_tf.data.shards import ShardCache
from mtl_tf.data.wav import read_layout
from mtl_tf.errors import UserError
from mtl_tf.progress import progress_bar

SOUNDFILE, TENSORFLOW_IO, SHARDS = "soundfile", "tensorflow_io", "shards"


def decoder_of(manifest: pd.DataFrame, config: PipelineConfig) -> pd.Series:
    """Says which path decodes each clip: `tensorflow_io` for whole-file plain PCM WAVs, `soundfile` for the rest.

    Shards are filled by soundfile.
    """
    vetted = (manifest["plain_pcm_bits"] > 0) & manifest["duration_s"].isna() & manifest["start_s"].eq(0)
    if config.decoder == "soundfile" or config.shards or not tensorflow_io_works():
        vetted &= False
    return vetted.map({True: TENSORFLOW_IO, False: SOUNDFILE})


def tensorflow_io_works() -> bool:
    """Calls an operation: with an unfit TensorFlow the import only warns and each operation fails."""
    try:
        import tensorflow_io as tfio

        header = b"RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x04\0\0\0"
        return tfio.audio.decode_wav(header + b"\x01\0\x02\0", dtype=tf.int16).shape == (2, 1)
    except Exception:
        return False


@dataclass
class ClipSource:
    """Gives the samples of clip i, by the fastest path that is safe for it.

    Attributes:
        paths: absolute path of each clip.
        start_s: where it begins in its file, in seconds.
        duration_s: its length in seconds, NaN for the whole file.
        rates: sample rate of its file in Hz.
        plain_pcm_bits: 16 or 24 where tensorflow-io decodes it, else 0.
        crop_s: longest use of each clip in seconds, NaN for no limit.
        sample_rate: of the result, in Hz.
        shards: decoded audio to read in place of the files, or None.
    """

    paths: np.ndarray
    start_s: np.ndarray
    duration_s: np.ndarray
    rates: np.ndarray
    plain_pcm_bits: np.ndarray
    crop_s: np.ndarray
    sample_rate: int
    shards: ShardCache | None = field(default=None)

    def __post_init__(self) -> None:
        """Makes the tables the graph looks clips up in; constants made inside a graph are copied with each function."""
        as_they_are = (self.rates == self.sample_rate) & np.isnan(self.crop_s)
        self._path_table = tf.constant(self.paths)
        self._as_they_are = tf.constant(as_they_are)
        self._branches = tf.constant(np.searchsorted((0, 16, 24), self.plain_pcm_bits), tf.int32)

    @classmethod
    def from_manifest(
        cls, manifest: pd.DataFrame, roots: dict[str, Path], crop_s: dict[str, float | None], sample_rate: int
    ) -> "ClipSource":
        """Builds a source for the rows of a manifest with a `decoder` column, in their order."""
        prefix = manifest["corpus"].map({name: str(root.resolve()) for name, root in roots.items()})
        vetted = manifest["decoder"] == TENSORFLOW_IO
        return cls(
            paths=np.array((prefix.astype(str) + "/" + manifest["path"].astype(str)).tolist(), dtype=np.bytes_),
            start_s=manifest["start_s"].to_numpy(np.float32),
            duration_s=manifest["duration_s"].to_numpy(np.float32),
            rates=manifest["sample_rate"].to_numpy(np.int64),
            plain_pcm_bits=np.where(vetted, manifest["plain_pcm_bits"], 0).astype(np.int32),
            crop_s=manifest["corpus"].map({name: limit or np.nan for name, limit in crop_s.items()}).to_numpy(float),
            sample_rate=sample_rate,
        )

    def load(self, position: int) -> np.ndarray:
        """Decodes one clip with soundfile, resampled and cropped to its limit: float32 (samples,)."""
        path = Path(self.paths[position].decode())
        samples = load_clip(path, self.sample_rate, self.start_s[position], self.duration_s[position])
        return self._limited(samples, position)

    def use_shards(self, folder: Path, identities: list[str], num_threads: int, quiet: bool) -> None:
        """Decodes every clip once into `folder`, and reads from there from now on."""
        keys = [
            f"{identity}@{self.sample_rate}/{limit:g}" for identity, limit in zip(identities, self.crop_s, strict=True)
        ]
        shards = ShardCache(folder, keys)
        with progress_bar("decoding into shards", shards.num_shards, quiet) as advance:
            shards.fill(self.load, num_threads, advance)
        self.shards = shards

    def tensor(self, position: tf.Tensor) -> tf.Tensor:
        """Gives the float32 (samples,) tensor of one clip inside a tf.data graph."""
        if self.shards is not None:
            return _numpy_samples(self.shards.read, position)
        if not self.plain_pcm_bits.any():
            return _numpy_samples(self.load, position)
        import tensorflow_io as tfio

        path = tf.gather(self._path_table, position)

        def in_graph(bits: int) -> Callable[[], tf.Tensor]:
            dtype = tf.int16 if bits == 16 else tf.int32

            def decode() -> tf.Tensor:
                samples = tfio.audio.decode_wav(tf.io.read_file(path), dtype=dtype)
                mono = tf.reduce_mean(tf.cast(samples, tf.float32) / float(-dtype.min), axis=1)
                return tf.cond(
                    tf.gather(self._as_they_are, position),
                    lambda: mono,
                    lambda: _numpy_samples(self._finish, position, mono),
                )

            return decode

        return tf.switch_case(
            tf.gather(self._branches, position),
            [lambda: _numpy_samples(self.load, position), in_graph(16), in_graph(24)],
        )

    def changed_file(self) -> Path | None:
        """Returns the first of the files tensorflow-io decodes that is gone, or no longer what the audit saw."""
        for position in np.flatnonzero(self.plain_pcm_bits):
            path = Path(self.paths[position].decode())
            layout = read_layout(path) if path.is_file() else None
            if layout is None or layout.plain_pcm_bits != self.plain_pcm_bits[position]:
                return path
        return None

    def _finish(self, position: int, mono: np.ndarray) -> np.ndarray:
        return self._limited(resample(mono, int(self.rates[position]), self.sample_rate), position)

    def _limited(self, samples: np.ndarray, position: int) -> np.ndarray:
        limit = self.crop_s[position]
        return samples if np.isnan(limit) else samples[: round(limit * self.sample_rate)]


def training_dataset(
    source: ClipSource,
    positions: np.ndarray,
    labels: dict[str, np.ndarray],
    weights: dict[str, np.ndarray],
    sampler: EpochSampler,
    config: PipelineConfig,
    epochs: range,
) -> tf.data.Dataset:
    """Streams the batches of all given epochs, one epoch after the other.

    Args:
        source: gives samples; its positions are those of the whole manifest.
        positions: int (clips,), which of them are training clips; the sampler's positions index into this array.
        labels: task to int32 (all clips,), a valid class everywhere.
        weights: task to float32 (all clips,), 0 where the label is missing.
        sampler: plans each epoch.
        config: batch size, clip length, cropping.
        epochs: which to stream; `range(3, 10)` carries on after three.

    Returns:
        Batches `(waveform float32 (batch, samples), {task: int32 (batch,)}, {task: float32 (batch,)})`; the last batch
        of an epoch may be smaller.
    """
    num_samples = round(config.clip_s * source.sample_rate)
    labels, weights = _tensors(labels), _tensors(weights)

    def plan(epoch: tf.Tensor) -> tf.data.Dataset:
        def drawn(number: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            order, crops = sampler.epoch(int(number))
            return positions[order].astype(np.int64), crops

        order, crops = tf.numpy_function(drawn, [epoch], [tf.int64, tf.float32], stateful=False)
        order, crops = tf.ensure_shape(order, [None]), tf.ensure_shape(crops, [None])
        clips = tf.data.Dataset.from_tensor_slices((order, crops))
        return clips.map(example, num_parallel_calls=config.num_parallel_calls).batch(config.batch_size)

    def example(position: tf.Tensor, crop: tf.Tensor) -> tuple:
        samples = fit_length(source.tensor(position), num_samples, crop if config.random_crop else 0.0)
        return samples, _gather(labels, position), _gather(weights, position)

    return tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(plan).prefetch(2)


def evaluation_dataset(
    source: ClipSource,
    positions: np.ndarray,
    labels: dict[str, np.ndarray],
    weights: dict[str, np.ndarray],
    config: PipelineConfig,
) -> tf.data.Dataset:
    """Streams given clips once, in order, whole, padded with zeros to the longest of their batch.

    Front ends take the zeros for padding, so a clip's scores are those it has alone. Args and batches are those of
    `training_dataset`, the number of samples differing from batch to batch.
    """
    labels, weights = _tensors(labels), _tensors(weights)

    def example(position: tf.Tensor) -> tuple:
        return source.tensor(position), _gather(labels, position), _gather(weights, position)

    clips = tf.data.Dataset.from_tensor_slices(positions.astype(np.int64))
    clips = clips.map(example, num_parallel_calls=config.num_parallel_calls)
    return clips.padded_batch(config.batch_size).prefetch(2)


def fit_length(samples: tf.Tensor, num_samples: int, crop: tf.Tensor | float) -> tf.Tensor:
    """Crops or pads with zeros at the end, which front ends take for padding.

    Args:
        samples: float32 (n,).
        num_samples: length of the result.
        crop: where to cut a longer clip, from 0 (its start) to 1 (its end).

    Returns:
        float32 (num_samples,).
    """
    length = tf.shape(samples)[0]
    spare = tf.maximum(length - num_samples, 0)
    start = tf.minimum(tf.cast(crop * tf.cast(spare + 1, tf.float32), tf.int32), spare)
    part = samples[start : start + num_samples]
    return tf.ensure_shape(tf.pad(part, [[0, num_samples - tf.shape(part)[0]]]), [num_samples])


def _tensors(columns: dict[str, np.ndarray]) -> dict[str, tf.Tensor]:
    return {name: tf.constant(values) for name, values in columns.items()}


def _gather(columns: dict[str, tf.Tensor], position: tf.Tensor) -> dict[str, tf.Tensor]:
    return {name: tf.gather(values, position) for name, values in columns.items()}


def _numpy_samples(function: Callable, position: tf.Tensor, *inputs: tf.Tensor) -> tf.Tensor:
    def call(position: np.ndarray, *values: np.ndarray) -> np.ndarray:
        return function(int(position), *values)

    return tf.ensure_shape(tf.numpy_function(call, [position, *inputs], tf.float32, stateful=False), [None])


def decoding_error(error: tf.errors.OpError, source: ClipSource) -> Exception:
    """Turns an error from inside a tf.data graph into the user's error that caused it, where it was one.

    tensorflow-io does not say which file it failed on, so the files it decodes are looked at again.
    """
    _, found, message = str(error).partition("DecodeError: ")
    if found:
        return UserError(message.splitlines()[0])
    changed = source.changed_file()
    if changed is not None:
        return UserError(f"cannot decode {changed}: it was changed after the audit; give the same command again")
    return error
