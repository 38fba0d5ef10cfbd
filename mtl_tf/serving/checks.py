"""What an export must pass before it appears: operations every server has, and the answers of the Keras model."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

from mtl_tf.models.build import answer

_PYTHON_OPS = {"PyFunc", "EagerPyFunc", "PyFuncStateless"}


def foreign_operations(folder: Path) -> set[str]:
    """Returns the operations of a SavedModel that a plain TF Serving does not have: Python functions and custom ops."""
    saved_model = saved_model_pb2.SavedModel()
    saved_model.ParseFromString((folder / "saved_model.pb").read_bytes())
    names = set()
    for meta_graph in saved_model.meta_graphs:
        graph = meta_graph.graph_def
        names |= {node.op for node in graph.node}
        names |= {node.op for function in graph.library.function for node in function.node_def}
        functions = {function.signature.name for function in graph.library.function}
        names -= functions
    return {name for name in names if ">" in name or name in _PYTHON_OPS or op_def_registry.get(name) is None}


def parity(model: keras.Model, folder: Path, sample_rate: int, longest: int | None = None) -> float:
    """Compares an exported model with its original on noise of two lengths, alone and padded beside a loud neighbour.

    Args:
        model: the original.
        folder: of the SavedModel.
        sample_rate: in Hz.
        longest: how many samples the exported model uses; None: all.

    Returns:
        The largest difference of any probability.
    """
    rng = np.random.default_rng(0)
    lengths, loudness = (sample_rate, sample_rate // 2 + 13), (0.3, 0.03)
    batch = rng.uniform(-1, 1, (len(lengths), lengths[0])).astype(np.float32)  # what is not counted may be anything
    for row, length in enumerate(lengths):
        batch[row, :length] = loudness[row] * rng.uniform(-1, 1, length)
    signatures = tf.saved_model.load(str(folder)).signatures
    differences = []
    counted = np.array(lengths, np.int32)
    used = batch[:, :longest]
    expected = answer(model, used, np.minimum(counted, used.shape[1]))
    expected = {task: np.asarray(values) for task, values in expected.items()}
    together = signatures["with_length"](waveform=tf.constant(batch), length=tf.constant(counted))
    for row, length in enumerate(lengths):
        alone = signatures["serving_default"](waveform=tf.constant(batch[row : row + 1, :length]))
        for task, values in expected.items():
            found = [together[task].numpy()[row], alone[task].numpy()[0]]
            own = slice(None) if values.ndim == 2 else slice(min(map(len, found)))  # what is padding means nothing
            differences += [np.abs(answers[own] - values[row][own]).max() for answers in found]
    return float(np.max(differences))
