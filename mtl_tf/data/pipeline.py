"""tf.data: from manifest rows to batches of waveforms with the labels each clip has."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from mtl_tf.config import PipelineConfig
from mtl_tf.data.clip_source import ClipSource
from mtl_tf.data.library_changes import LibraryChanges
from mtl_tf.data.partners import Partners, seeds_of
from mtl_tf.data.sampling import EpochSampler
from mtl_tf.tasks.frame_labels import FrameLabels
from mtl_tf.tasks.steps import Steps


def training_dataset(
    source: ClipSource,
    positions: np.ndarray,
    labels: dict[str, np.ndarray],
    weights: dict[str, np.ndarray],
    sampler: EpochSampler,
    config: PipelineConfig,
    epochs: range,
    steps: Steps | None = None,
    partners: Partners | None = None,
) -> tf.data.Dataset:
    """Streams the batches of all given epochs, one epoch after the other.

    Args:
        source: gives samples; its positions are those of the whole manifest.
        positions: int (clips,), which of them are training clips; the sampler's positions index into this array.
        labels: task to int32 (all clips,), a valid class everywhere; of tags float32 (all clips, classes); of questions
            of steps `FrameLabels`, which become int8 (batch, steps, classes) of the part of the clip that is used, -1
            where padded.
        weights: task to float32 (all clips,), 0 where the label is missing.
        sampler: plans each epoch.
        config: batch size, clip length, cropping.
        epochs: which to stream; `range(3, 10)` carries on after three.
        steps: when the steps of the model are, for the labels of steps.
        partners: draws what each clip is mixed with; None: no clips are mixed.

    Returns:
        Batches `({waveform: float32 (batch, samples), length: int32 (batch,)}, {task: int32 (batch,)}, {task: float32
        (batch,)})`; `length` is how many samples of each clip are not padding. The last batch of an epoch may be
        smaller. With partners see `mtl_tf.data.partners`. The source's statistics are inputs, too.
    """
    num_samples = round(config.clip_s * source.sample_rate)
    frames = {name: values for name, values in labels.items() if isinstance(values, FrameLabels)}
    labels = _tensors({name: values for name, values in labels.items() if name not in frames})
    weights = _tensors(weights)
    changes = LibraryChanges(config.audiomentations, source.sample_rate) if config.audiomentations else None

    def drawn(number: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        order, crops = sampler.epoch(int(number))
        return positions[order].astype(np.int64), crops if config.random_crop else np.zeros_like(crops)

    def plan(epoch: tf.Tensor) -> tf.data.Dataset:
        order, crops = tf.numpy_function(drawn, [epoch], [tf.int64, tf.float32], stateful=False)
        order, crops = tf.ensure_shape(order, [None]), tf.ensure_shape(crops, [None])
        batches = _batches(source, order, crops, labels, weights, config, num_samples, frames, steps)
        if config.noise_db is None and partners is None and changes is None:
            return batches

        def draw(number: tf.Tensor, batch: tuple) -> tuple:
            seed = [sampler.seed, number, epoch]
            if changes is not None:
                batch = (changes.add(batch[0], seed), *batch[1:])
            if config.noise_db is not None:
                batch = (add_noise(batch[0], config.noise_db, seed), *batch[1:])
            return batch if partners is None else partners.add(*batch, seed)

        return batches.enumerate().map(draw)

    return untuned(tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(plan).prefetch(2))


def evaluation_dataset(
    source: ClipSource,
    positions: np.ndarray,
    labels: dict[str, np.ndarray],
    weights: dict[str, np.ndarray],
    config: PipelineConfig,
    steps: Steps | None = None,
) -> tf.data.Dataset:
    """Streams given clips once, in order, whole, padded with zeros to the longest of their batch.

    A clip's scores are those it has alone. Args and batches are those of `training_dataset`, the number of samples
    differing from batch to batch.
    """
    crops = np.zeros(len(positions), np.float32)
    frames = {name: values for name, values in labels.items() if isinstance(values, FrameLabels)}
    labels = _tensors({name: values for name, values in labels.items() if name not in frames})
    order = positions.astype(np.int64)
    batches = _batches(source, order, crops, labels, _tensors(weights), config, None, frames, steps)
    return untuned(batches.prefetch(2))


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Takes tf.data's tuner from a dataset: its thread sleeps up to a minute, and the dataset's end waits for it."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def _batches(
    source: ClipSource,
    order: tf.Tensor,
    crops: tf.Tensor,
    labels: dict[str, tf.Tensor],
    weights: dict[str, tf.Tensor],
    config: PipelineConfig,
    num_samples: int | None,
    frames: dict[str, FrameLabels],
    steps: Steps | None,
) -> tf.data.Dataset:
    kind = "fixed" if num_samples is None else config.batch_length
    shortest = kind == "shortest"
    width = None if kind != "fixed" else num_samples
    statistics = _tensors(source.statistics)

    def load(positions: np.ndarray, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return pad_batch([source.samples(position) for position in positions], crops, num_samples, kind)

    def decode(position: tf.Tensor, crop: tf.Tensor) -> tuple:
        samples, start = source.tensor(position), tf.constant(0)
        if num_samples is not None and not shortest:
            samples, start = _crop(samples, crop, num_samples)
        return samples, tf.size(samples), start, position, crop

    def cut(padded: tf.Tensor, lengths: tf.Tensor, crops: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        length = tf.minimum(num_samples, tf.reduce_min(lengths))
        clips, starts = tf.map_fn(
            lambda clip: _crop(clip[0][: clip[1]], clip[2], length),
            (padded, lengths, crops),
            fn_output_signature=(tf.TensorSpec([None], tf.float32), tf.TensorSpec([], tf.int32)),
        )
        return clips, tf.fill(tf.shape(lengths), length), starts

    def labelled(waveform: tf.Tensor, length: tf.Tensor, starts: tf.Tensor, positions: tf.Tensor) -> tuple:
        waveform = tf.ensure_shape(waveform, [None, width])
        inputs = {"waveform": waveform, "length": tf.ensure_shape(length, [None])} | _gather(statistics, positions)
        targets = _gather(labels, positions)
        if frames:
            samples = tf.shape(waveform)[1]
            targets |= frame_targets(frames, steps, source.sample_rate, positions, starts, length, samples)
        return inputs, targets, _gather(weights, positions)

    clips = tf.data.Dataset.from_tensor_slices((order, crops))
    if source.decodes_in_graph:
        # Padded rather than ragged batches: to make a ragged one takes longer than to decode its clips.
        padded_shapes = ([width], [], [], [], [])
        decoded = clips.map(decode, num_parallel_calls=config.num_parallel_calls)
        return decoded.padded_batch(config.batch_size, padded_shapes).map(
            lambda samples, lengths, starts, positions, crops: labelled(
                *(cut(samples, lengths, crops) if shortest else (samples, lengths, starts)), positions
            )
        )
    # One call of Python per batch: threads that pass the interpreter's lock around for every clip lose half their time.
    kinds = [tf.float32, tf.int32, tf.int32]
    return clips.batch(config.batch_size).map(
        lambda positions, crops: labelled(
            *tf.numpy_function(load, [positions, crops], kinds, stateful=False), positions
        ),
        num_parallel_calls=config.num_parallel_calls,
    )


def frame_targets(
    frames: dict[str, FrameLabels],
    steps: Steps,
    sample_rate: int,
    positions: tf.Tensor,
    starts: tf.Tensor,
    lengths: tf.Tensor,
    samples: tf.Tensor,
) -> dict[str, tf.Tensor]:
    """Cuts the labels of steps as the audio of a batch was cut; what is padded is not known.

    Args:
        frames: of the tasks that ask every step.
        steps: when the steps of the model are.
        sample_rate: of the audio, in Hz.
        positions: int (batch,), of the clips.
        starts: int (batch,), first sample of each clip that is used.
        lengths: int (batch,), how many samples of each are used.
        samples: int scalar, length of the padded batch.

    Returns:
        Task to int8 (batch, steps, classes), -1 where padded.
    """

    def cut(positions: np.ndarray, starts: np.ndarray, lengths: np.ndarray, samples: int) -> list[np.ndarray]:
        number = steps.count(int(samples))
        batches = []
        for labels in frames.values():
            batch = np.full((len(positions), number, labels.task.num_classes), -1, np.int8)
            for row, position, start, length in zip(batch, positions, starts, lengths, strict=True):
                times = steps.of(int(length))
                own = min(times.number, number)
                part = start / sample_rate, length / sample_rate
                row[:own] = labels.targets(position, *part, times.start_s, times.period_s, own)
            batches.append(batch)
        return batches

    inputs = [positions, starts, lengths, samples]
    found = tf.numpy_function(cut, inputs, [tf.int8] * len(frames), stateful=False)
    return {
        name: tf.ensure_shape(batch, [None, None, labels.task.num_classes])
        for (name, labels), batch in zip(frames.items(), found, strict=True)
    }


def add_noise(
    inputs: dict[str, tf.Tensor], noise_db: tuple[float, float], seed: Sequence[int | tf.Tensor]
) -> dict[str, tf.Tensor]:
    """Adds white noise to about half of the clips of a batch, and to the zeros that pad them, which end to be padding.

    Args:
        inputs: `waveform`, float32 (batch, samples), and `length`, int32 (batch,).
        noise_db: lowest and highest level, in dB of full scale; each clip's is drawn evenly between them.
        seed: numbers, the same for the same noise.

    Returns:
        The same, with noise.
    """
    waveform, length = inputs["waveform"], inputs["length"]
    count, samples = tf.unstack(tf.shape(waveform))
    seeds = seeds_of(seed, 3)
    level_db = tf.random.stateless_uniform([count, 1], seeds[0], *noise_db)
    chosen = tf.random.stateless_uniform([count, 1], seeds[1]) < 0.5
    noise = tf.random.stateless_normal(tf.shape(waveform), seeds[2]) * 10.0 ** (level_db / 20.0)
    return inputs | {
        "waveform": waveform + tf.where(chosen, noise, 0.0),
        "length": tf.where(chosen[:, 0], samples, length),
    }


def pad_batch(
    clips: Sequence[np.ndarray], crops: np.ndarray, num_samples: int | None, batch_length: str = "fixed"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Crops clips or pads them with zeros at the end.

    Args:
        clips: float32 (samples,) each.
        crops: float (clips,), where to cut a longer clip, from 0 (its start) to 1 (its end).
        num_samples: length of the result; None: of the longest clip.
        batch_length: `shortest` or `longest`: length of the result is that of this clip where it is shorter than
            num_samples.

    Returns:
        float32 (clips, num_samples), and int32 (clips,) each, how many samples of each clip are not padding and the
        first of them in the whole clip.
    """
    length = max(map(len, clips)) if num_samples is None else num_samples
    if batch_length == "shortest":
        length = min(length, *map(len, clips))
    elif batch_length == "longest":
        length = min(length, max(map(len, clips)))
    batch, starts = np.zeros((len(clips), length), np.float32), np.zeros(len(clips), np.int32)
    for index, (clip, crop) in enumerate(zip(clips, crops, strict=True)):
        spare = max(len(clip) - length, 0)
        starts[index] = min(int(crop * (spare + 1)), spare)
        part = clip[starts[index] : starts[index] + length]
        batch[index, : len(part)] = part
    return batch, np.minimum([len(clip) for clip in clips], length).astype(np.int32), starts


def _crop(samples: tf.Tensor, crop: tf.Tensor, length: int | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Cuts one clip in the graph where `pad_batch` would, and says where."""
    spare = tf.maximum(tf.size(samples) - length, 0)
    start = tf.minimum(tf.cast(crop * tf.cast(spare + 1, tf.float32), tf.int32), spare)
    return samples[start : start + length], start


def _tensors(columns: dict[str, np.ndarray]) -> dict[str, tf.Tensor]:
    return {name: tf.constant(values) for name, values in columns.items()}


def _gather(columns: dict[str, tf.Tensor], positions: tf.Tensor) -> dict[str, tf.Tensor]:
    return {name: tf.gather(values, positions) for name, values in columns.items()}
