"""Calls a NumPy function from within a layer."""

from collections.abc import Callable, Sequence

import keras
import numpy as np


def call_numpy(function: Callable[..., np.ndarray], inputs: Sequence, shape: tuple[int | None, ...]):
    """Calls a function on the values of tensors, on the processor, where no gradient passes.

    Args:
        function: of NumPy arrays; gives float32.
        inputs: tensors.
        shape: of the result; None: not known before.

    Returns:
        A tensor, float32. A graph that holds such a call runs only in the process that made it.

    Raises:
        NotImplementedError: Keras's backend is not TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise NotImplementedError("what is computed outside of the graph needs Keras's TensorFlow backend")
    import tensorflow as tf

    return tf.ensure_shape(tf.numpy_function(function, list(inputs), tf.float32), shape)
