"""What a served model learns of a speaker, or of another group of clips, before it is asked about its clips."""

from collections.abc import Callable

import tensorflow as tf

from mtl_tf.frontends.frontend import FrontEnd
from mtl_tf.models.build import STATISTICS


def enrol(frontend: FrontEnd) -> Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]:
    """Returns a function that measures what features of a group are normalised by.

    Args:
        frontend: of the model.

    Returns:
        A function of `waveform`, float32 (batch, samples), and `length`, int32 (batch,), all clips of one group; it
        gives `mean` and `deviation`, float32 (1, bins) each, over all of their frames.
    """

    def measure(waveform: tf.Tensor, length: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(zip(STATISTICS, frontend.measure(*frontend.raw(waveform, length), axes=(0, 1)), strict=True))

    return measure


def checked_statistics(waveform: tf.Tensor, mean: tf.Tensor, deviation: tf.Tensor) -> list[tf.Tensor]:
    """Refuses statistics that are none of these clips; one row stands for all of them.

    Args:
        waveform: float32 (batch, samples).
        mean: float32 (batch, bins) or (1, bins).
        deviation: the same.

    Returns:
        Both, float32 (batch, bins).
    """
    clips = tf.shape(waveform)[0]
    checked = []
    for name, values in zip(STATISTICS, (mean, deviation), strict=True):
        rows = tf.shape(values)[0]
        message = [f"{name} must hold one row for each clip, or one for all; it holds", rows]
        fits = tf.debugging.Assert((rows == clips) | (rows == 1), message)
        with tf.control_dependencies([fits]):
            values = tf.debugging.check_numerics(values, f"{name} holds values that are not finite")
        checked.append(tf.broadcast_to(values, [clips, tf.shape(values)[1]]))
    positive = tf.debugging.Assert(
        tf.reduce_all(checked[1] > 0.0), ["deviation must be above 0; its least value is", tf.reduce_min(checked[1])]
    )
    with tf.control_dependencies([positive]):
        return [checked[0], tf.identity(checked[1])]
