"""Puts a front end, a trunk and one head per task together."""

import keras

from mtl_tf.errors import UserError, nearest_hint
from mtl_tf.frontends.frontend import FrontEnd
from mtl_tf.models.compact_cnn import CompactCNN
from mtl_tf.models.fu2020 import AttentionCNNBLSTM
from mtl_tf.models.heads import classification_head
from mtl_tf.tasks import Task

TRUNKS = {"compact_cnn": CompactCNN, "fu2020": AttentionCNNBLSTM}


def build_trunk(name: str, options: dict) -> keras.layers.Layer:
    """Builds the trunk of a configuration.

    Args:
        name: the module's name.
        options: constructor arguments, as in `configs/model/NAME.yaml`.

    Raises:
        UserError: an unknown name or values that do not go together.
    """
    if name not in TRUNKS:
        raise UserError(f"no model is called {name}.{nearest_hint(name, TRUNKS)}")
    try:
        return TRUNKS[name](**options, name="trunk")
    except (ValueError, TypeError) as error:
        raise UserError(f"model={name}: {error}") from error


def build_model(frontend: FrontEnd, trunk: keras.layers.Layer, tasks: dict[str, Task]) -> keras.Model:
    """Builds the functional model.

    Args:
        frontend: float (batch, samples) to (batch, frames, bins) and a mask (batch, frames).
        trunk: (batch, frames, bins) and mask to (batch, channels).
        tasks: one named output each.

    Returns:
        `keras.Model(waveform, {task name: probabilities})`: float32 (batch, samples) of any length to float32
        (batch, classes) for every task.
    """
    waveform = keras.Input((None,), name="waveform", dtype="float32")
    features, mask = frontend(waveform)
    embedding = trunk(features, frame_mask=mask)
    return keras.Model(waveform, {name: classification_head(task)(embedding) for name, task in tasks.items()})


def count_parameters(model: keras.Model) -> int:
    """Counts the weights of trunk and heads; the statistics of the front end are none of the network's."""
    return sum(layer.count_params() for layer in model.layers if not isinstance(layer, FrontEnd))
