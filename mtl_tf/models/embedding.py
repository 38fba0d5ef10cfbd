"""What stands for a clip in a model."""

import keras

from mtl_tf.models.ensemble import networks_of
from mtl_tf.models.windows import MeanOfWindows, SplitWindows


def embedding_of(model: keras.Model):
    """Finds what stands for a clip in a model: what its heads see, or the mean of it over time.

    Args:
        model: of `build_model`.

    Returns:
        Symbolic float (batch, channels). A trunk whose heads see something of their own gives it by `clip_embedding`.
        Of several networks together, the embeddings of all, one after the other.
    """
    own, *others = networks_of(model)
    if others:
        embeddings = [keras.Model(network.input, embedding_of(network))(model.input) for network in others]
        return keras.layers.Concatenate(name="embeddings")([_of_one(own), *embeddings])
    return _of_one(model)


def _of_one(model: keras.Model):
    found = _of_windows(model)
    windows = next((layer for layer in model.layers if isinstance(layer, SplitWindows)), None)
    return found if windows is None else MeanOfWindows(name="clip_embedding")(found, windows.output[2])


def _of_windows(model: keras.Model):
    trunk = model.get_layer("trunk")
    if hasattr(trunk, "clip_embedding"):
        return trunk.clip_embedding(model)
    output = trunk.output
    if not isinstance(output, list | tuple):
        return output
    if getattr(trunk, "return_steps", False):
        output = output[:-2]
    if len(output) == 1:
        return output[0]
    steps, valid = output  # (batch, steps, channels), (batch, steps)
    return keras.layers.GlobalAveragePooling1D(name="mean_step")(steps, mask=valid)
