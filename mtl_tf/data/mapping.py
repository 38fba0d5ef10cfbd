"""Applies a function to many clips, in batches."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from mtl_tf.config import PipelineConfig
from mtl_tf.data.clip_source import ClipSource
from mtl_tf.data.pipeline import evaluation_dataset

Inputs = dict[str, tf.Tensor]


def map_batches(
    function: Callable[[Inputs], Any], source: ClipSource, positions: np.ndarray, config: PipelineConfig
) -> Iterator[Any]:
    """Applies a function to whole clips, batch by batch, as a graph.

    Args:
        function: takes `waveform`, float32 (batch, samples), `length`, int32 (batch,), and the source's statistics,
            float32 (batch, values); gives tensors, in any nesting.
        source: samples of all clips.
        positions: which of them.
        config: batch size.

    Yields:
        What the function gives for each batch, as NumPy arrays.

    Raises:
        UserError: a clip cannot be decoded.
    """
    batches = evaluation_dataset(source, positions, {}, {}, config)
    # Asked for once: TensorFlow takes one function for each fold for a function that is traced again and again.
    compute = tf.function(function, input_signature=[batches.element_spec[0]]).get_concrete_function()
    try:
        for inputs, _, _ in batches:
            yield tf.nest.map_structure(np.asarray, compute(inputs))
    except tf.errors.OpError as error:
        raise source.explain(error) from error


def map_clips(
    function: Callable[[Inputs], Any],
    source: ClipSource,
    positions: np.ndarray,
    config: PipelineConfig,
    batches_per_call: int = 1,
    clock: list[float] | None = None,
) -> Any:
    """Applies a function to whole clips and puts what it gives for them together.

    Args:
        function: takes `waveform` and `length`, as in `map_batches`; gives tensors (batch, ...) in any nesting, whose
            other axes are as long for any batch.
        source: samples of all clips.
        positions: which of them.
        config: batch size.
        batches_per_call: between two returns to Python, each of which costs up to half a millisecond.
        clock: the seconds that it takes, decoding included and tracing not, are appended to it.

    Returns:
        What the function gives, as NumPy arrays (clips, ...), in the order of positions.

    Raises:
        UserError: a clip cannot be decoded.
    """
    batches = iter(evaluation_dataset(source, positions, {}, {}, config))
    compute, left, parts = several_batches(function, batches), -(-len(positions) // config.batch_size), []
    start = time.perf_counter()
    try:
        while left:
            count = min(left, batches_per_call)
            parts.append(tf.nest.map_structure(np.asarray, compute(batches, tf.constant(count))))
            left -= count
    except tf.errors.OpError as error:
        raise source.explain(error) from error
    if clock is not None:
        clock.append(time.perf_counter() - start)
    return tf.nest.map_structure(lambda *arrays: np.concatenate(arrays), *parts)


def several_batches(function: Callable[[Any], Any], batches: Iterator[Any]) -> Callable[..., Any]:
    """Makes a graph that applies a function to the next batches of a dataset.

    Args:
        function: see `map_clips`.
        batches: iterator of the dataset; batches are tuples that begin with what the function takes.

    Returns:
        A function of the iterator and of how many batches, an int32 scalar; it gives tensors (clips, ...).
    """
    one = tf.function(function, input_signature=[batches.element_spec[0]]).get_concrete_function()

    def several(batches, count):
        arrays = tf.nest.map_structure(
            lambda spec: tf.TensorArray(spec.dtype, count, infer_shape=False, element_shape=spec.shape),
            one.structured_outputs,
        )
        for place in tf.range(count):
            arrays = tf.nest.map_structure(partial(_put, place), arrays, one(next(batches)[0]))
        return tf.nest.map_structure(lambda array: array.concat(), arrays)

    return tf.function(several).get_concrete_function(batches, tf.TensorSpec([], tf.int32))


def _put(place: tf.Tensor, array: tf.TensorArray, value: tf.Tensor) -> tf.TensorArray:
    return array.write(place, value)
