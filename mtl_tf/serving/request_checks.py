"""What every signature of a served model refuses, and with which words."""

from collections.abc import Callable

import tensorflow as tf

MOST_SECONDS = 3600  # of the clips of a request, each counted as the longest

Answers = dict[str, tf.Tensor]


def few_enough(seconds: tf.Tensor) -> tf.Operation:
    """Refuses requests of more than an hour.

    Args:
        seconds: int64 scalar, of all clips, each counted as the longest.
    """
    message = f"clips as long as the longest come to more than {MOST_SECONDS} s, ask for fewer at once, or in windows;"
    return tf.debugging.Assert(seconds <= MOST_SECONDS, [message, seconds])


def make_signature(
    function: Callable[..., Answers], *inputs: tf.TensorSpec
) -> tf.types.experimental.PolymorphicFunction:
    """Makes a signature that refuses an input with another number of axes by its name, which loaders do not.

    Args:
        function: of tensors, in the order of the inputs.
        *inputs: their names, shapes and dtypes.
    """

    def checked(*values: tf.Tensor) -> Answers:
        return function(*(_with_axes(value, spec) for value, spec in zip(values, inputs, strict=True)))

    return tf.function(checked, input_signature=inputs)


def _with_axes(value: tf.Tensor, spec: tf.TensorSpec) -> tf.Tensor:
    """Checks the shape; the placeholder, whose name is in the error, keeps it from being taken for granted."""
    return tf.ensure_shape(tf.compat.v1.placeholder_with_default(value, None, name=f"input_{spec.name}"), spec.shape)


def checked_length(waveform: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Refuses lengths that are none of the waveform.

    Args:
        waveform: float32 (batch, samples).
        length: int32 (batch,).

    Returns:
        The length.
    """
    clips, samples = tf.unstack(tf.shape(waveform))
    fits = tf.reduce_all((length >= 1) & (length <= samples))
    message = ["length must be from 1 to the samples of the waveform,", samples, "; it is", length]
    one_each = tf.size(length) == clips
    checks = [
        tf.debugging.Assert(fits, message),
        tf.debugging.Assert(one_each, ["length must hold one number per clip; it holds", tf.size(length)]),
    ]
    with tf.control_dependencies(checks):
        return tf.identity(length)
