"""Trains on features that are kept, where training changes no clip."""

import math

import keras
import numpy as np
import tensorflow as tf

from mtl_tf.config import PipelineConfig, RunConfig
from mtl_tf.data.assemble import RunData, used_duration_s
from mtl_tf.data.clip_source import ClipSource
from mtl_tf.data.kept_features import ClipFeatures, RawFeatures
from mtl_tf.frontends.frontend import FrontEnd
from mtl_tf.models.build import STATISTICS
from mtl_tf.progress import say
from mtl_tf.training.group_statistics import frontend_raw

_AT_ONCE = 256


def raw_features(
    config: RunConfig,
    data: RunData,
    positions: np.ndarray,
    source: ClipSource,
    frontend: FrontEnd,
    augmented: bool = False,
) -> RawFeatures | None:
    """Gives the features of a run's clips, which all runs of a process on the same clips share.

    Args:
        config: of the run.
        data: its clips.
        positions: those that train or validate.
        source: their samples.
        frontend: of the model.
        augmented: whether an augmentation changes the waveform, or mixes clips.

    Returns:
        None where `pipeline.keep_features` is not set or cannot be followed, which a line on standard error says.
        It cannot where training changes a clip, by an augmentation, by noise, or by cutting it; where the front end is
        trained; and where the features of all clips take more than `pipeline.kept_features_mb`.
    """
    if not config.pipeline.keep_features:
        return None
    num_samples = round(config.pipeline.clip_s * config.frontend.sample_rate)
    reason = "augment= changes waveforms or mixes clips" if augmented else None
    reason = reason or _why_not(config, data, positions, source, frontend)
    if reason:
        say(f"note: pipeline.keep_features=true is not followed: {reason}", config.quiet)
        return None
    key = ("features", str(config.frontend), num_samples)
    return source.measured.setdefault(key, RawFeatures(num_samples, frontend_raw(frontend)))


def _why_not(
    config: RunConfig, data: RunData, positions: np.ndarray, source: ClipSource, frontend: FrontEnd
) -> str | None:
    """Says why features of clips cannot be kept, as `raw_features` lists it; None where they can."""
    pipeline, rate = config.pipeline, config.frontend.sample_rate
    if pipeline.noise_db is not None or pipeline.audiomentations:
        return "pipeline.noise_db and pipeline.audiomentations change clips in training"
    if pipeline.batch_length == "shortest":
        return "pipeline.batch_length=shortest cuts clips in training"
    if frontend.trainable_variables:
        return "the front end is trained"
    seconds = used_duration_s(data.manifest.iloc[positions], config)
    num_samples = round(pipeline.clip_s * rate)
    if int(seconds.max() * rate) > num_samples:
        return f"clips are longer than pipeline.clip_s={pipeline.clip_s:g}, so training cuts them"
    longest = min(int(seconds.max() * rate) + 1, num_samples)  # resampling may add a sample
    raw = 4 * frontend.count_frames(longest) * frontend.num_bins * len(source.paths)
    finished = 4 * math.prod(frontend.compute_output_shape((len(positions), num_samples))[0])
    needed_mb = math.ceil(max(raw, finished) / 2**20)
    if needed_mb > pipeline.kept_features_mb:
        return f"the features take {needed_mb} MB; pipeline.kept_features_mb={needed_mb} allows that"
    return None


def finish_features(
    frontend: FrontEnd, raw: RawFeatures, positions: np.ndarray, source: ClipSource, config: PipelineConfig
) -> ClipFeatures:
    """Computes what a trunk takes of clips.

    Args:
        frontend: with its statistics.
        raw: what it computes before it normalises.
        positions: of the clips.
        source: their samples.
        config: for the length of batches.

    Raises:
        UserError: a clip cannot be decoded.
    """
    fixed = config.batch_length != "longest"
    found, mask, length = raw.of(
        positions, source, lambda longest: frontend.count_frames(raw.num_samples if fixed else longest)
    )
    columns = [found, mask, *(source.statistics[name][positions] for name in STATISTICS if name in source.statistics)]
    # Of clips of any number, since TensorFlow warns where it traces anew for the last ones, in every fold.
    kinds = [tf.TensorSpec([None, *column.shape[1:]], column.dtype) for column in columns]
    finish = tf.function(frontend.finish).get_concrete_function(*kinds)
    parts = [
        [
            np.asarray(values)
            for values in finish(*(tf.constant(column[begin : begin + _AT_ONCE]) for column in columns))
        ]
        for begin in range(0, len(found), _AT_ONCE)
    ]
    features, mask = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    cut = frontend.num_frames is None
    return ClipFeatures(
        positions=positions,
        features=features,
        mask=mask,
        length=length,
        num_samples=raw.num_samples,
        sample_rate=frontend.sample_rate,
        frames_of=(lambda samples: max(int(frontend.count_frames(samples)), 1)) if cut else None,
    )


def features_model(model: keras.Model) -> keras.Model:
    """Returns the part of a model of `mtl_tf.models.build` that follows the front end, with the same layers.

    Its inputs are features, float32 (batch, frames, ...), and their mask, bool (batch, frames).
    """
    return keras.Model(list(model.get_layer("frontend").output), model.output)
