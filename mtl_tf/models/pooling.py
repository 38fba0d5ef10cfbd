"""Local attention pooling over time."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="mtl_tf")
class LocalAttentionPooling(keras.layers.Layer):
    """Weighs every frame by its likeness to a learned vector and adds them up.

    Input float (batch, frames, channels), output (batch, channels). With U of `channels` values, the weights are
    softmax over frames of U . h_t, as in Fu et al. 2020, section 3.3, eq. 3 and 4, after Mirsamadi et al. 2017. Frames
    outside the mask get weight 0. The softmax is computed in float32.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True  # a mask that comes along is the one that is given

    def build(self, input_shape) -> None:
        """Creates U."""
        self.attention_vector = self.add_weight(
            shape=(input_shape[-1],), initializer="random_normal", name="attention_vector"
        )

    def call(self, hidden, frame_mask=None):
        """Pools (batch, frames, channels) to (batch, channels)."""
        score = ops.cast(ops.sum(hidden * self.attention_vector, axis=-1), "float32")  # (batch, frames)
        if frame_mask is not None:
            score = ops.where(frame_mask, score, -1e9)
        weight = ops.cast(ops.softmax(score, axis=1), hidden.dtype)
        return ops.sum(hidden * weight[:, :, None], axis=1)  # (batch, channels)

    def compute_mask(self, inputs, previous_mask=None) -> None:
        """Ends a mask that comes along: what is pooled has no frames, and Keras would weigh the loss by it."""
        return None

    def compute_output_shape(self, input_shape) -> tuple:
        """Returns (batch, channels)."""
        return (input_shape[0], input_shape[2])
