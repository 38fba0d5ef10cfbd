"""What the clips of a speaker, or of any other group, have in common: mean and deviation of their features."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import tensorflow as tf

from mtl_tf.config import RunConfig
from mtl_tf.data.clip_source import ClipSource
from mtl_tf.data.mapping import map_batches
from mtl_tf.errors import UserError, nearest_hint
from mtl_tf.frontends.build import build_frontend
from mtl_tf.frontends.frame_sums import FrameSums
from mtl_tf.frontends.frontend import FrontEnd
from mtl_tf.models.build import STATISTICS


def fit_group_statistics(config: RunConfig, manifest: pd.DataFrame, source: ClipSource) -> list[str]:
    """Gives the source the statistics of each clip's group, where the front end takes them, from audio alone.

    A group is all clips of a corpus with one value in the column `frontend.normalize_over`, those that are tested
    among them. Clips without a value are groups of their own.

    Args:
        config: of the run.
        manifest: all clips, in the order of the source's.
        source: their samples; its `statistics` are set.

    Returns:
        What a reader of the scores has to know.

    Raises:
        UserError: there is no such column, or no clip has a value in it; or a clip cannot be read.
    """
    frontend = build_frontend(config.frontend.name, config.options("frontend"))
    column = frontend.normalize_over
    if not frontend.takes_statistics:
        source.statistics = {}
        return []
    if column not in manifest.columns:
        hint = nearest_hint(column, ["training", "clip", *manifest.columns])
        raise UserError(f"frontend.normalize_over={column}: the manifest has no such column.{hint}")
    known = manifest[column].notna() & (manifest[column].astype(str) != "")
    if not known.any():
        raise UserError(f"frontend.normalize_over={column}: no clip has one; give training or clip")
    name = manifest[column].astype(str).where(known, manifest["clip_id"].astype(str))
    groups = (manifest["corpus"].astype(str) + "/" + name).factorize()[0]
    key = ("statistics of groups", column, str(config.frontend))
    if key not in source.measured:
        source.measured[key] = _measure(frontend, source, groups, config)
    mean, deviation = source.measured[key]
    source.statistics = dict(zip(STATISTICS, (mean[groups], deviation[groups]), strict=True))
    return [
        f"features were normalised by the mean and deviation of all clips of the same {column}, those of the test "
        "among them, without their labels"
    ]


def frontend_raw(frontend: FrontEnd) -> Callable[[dict[str, tf.Tensor]], tuple[tf.Tensor, tf.Tensor]]:
    """Returns a function of a batch's inputs that computes features before they are normalised."""
    return lambda inputs: frontend.raw(inputs["waveform"], inputs["length"])


def _measure(
    frontend: FrontEnd, source: ClipSource, groups: np.ndarray, config: RunConfig
) -> tuple[np.ndarray, np.ndarray]:
    sums = [FrameSums() for _ in range(groups.max() + 1)]
    clips = iter(groups)
    source.statistics = {}
    for features, mask in map_batches(frontend_raw(frontend), source, np.arange(len(groups)), config.pipeline):
        for frames, own in zip(features, mask, strict=True):
            sums[next(clips)].add(frames[own])
    mean, deviation = (np.stack(values) for values in zip(*(each.statistics() for each in sums), strict=True))
    return tuple(np.asarray(values, np.float32) for values in frontend.spread(mean, deviation))
