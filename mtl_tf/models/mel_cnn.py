"""The convolutional network on mel spectrograms of Callebaut's thesis."""

import keras
from keras import ops

from mtl_tf.construct import Size
from mtl_tf.kernels.batch_norm import BatchNormalization
from mtl_tf.models.steps import SteppedTrunk


@keras.saving.register_keras_serializable(package="mtl_tf")
class MelCNN(SteppedTrunk):
    """Trunk that Callebaut's thesis (2021, public code) moved to from the shared dense network.

    Input float (batch, frames, bins) and mask (batch, frames); output (batch, filters[-1]). Four blocks of a 5x5
    convolution of 64 filters, batch normalisation, ReLU and 2x2 max pooling; then the maximum over all places. 310,080
    parameters with one input channel (309,568 of them trainable), and 65 for each class.

    Chosen here: zero padding at the edges; frames of padding are zeroed before every convolution and left out of the
    maximum and of the statistics of batch normalisation, so a clip's answer does not depend on its batch.

    Args:
        filters: of each block.
        kernel_size: side of the convolutions.
    """

    def __init__(self, filters: tuple[Size, ...] = (64, 64, 64, 64), kernel_size: Size = 5, **kwargs) -> None:
        super().__init__(**kwargs)
        self.filters, self.kernel_size = tuple(filters), kernel_size
        layers = keras.layers
        self.convolutions, self.norms, self.pools = [], [], []
        for index, width in enumerate(filters):
            self.convolutions.append(layers.Conv2D(width, kernel_size, padding="same", name=f"conv_{index}"))
            self.norms.append(BatchNormalization(name=f"norm_{index}"))
            self.pools.append(layers.MaxPooling2D(2, padding="same", name=f"pool_{index}"))

    def build(self, input_shape) -> None:
        """Builds all layers for (batch, frames, bins)."""
        shape = (*input_shape, 1)
        for convolution, norm, pool in zip(self.convolutions, self.norms, self.pools, strict=True):
            convolution.build(shape)
            shape = convolution.compute_output_shape(shape)
            norm.build(shape)
            shape = pool.compute_output_shape(shape)

    @property
    def step_frames(self) -> int:
        """Two to the number of blocks."""
        return 2 ** len(self.filters)

    def hidden_steps(self, features, frame_mask, training):
        """Computes (batch, steps, bins / 2**blocks, filters[-1]) and which steps are no padding."""
        hidden = features[..., None]
        valid = ops.ones_like(features[:, :, 0]) if frame_mask is None else ops.cast(frame_mask, features.dtype)
        for convolution, norm, pool in zip(self.convolutions, self.norms, self.pools, strict=True):
            counted = None if frame_mask is None else valid[:, :, None] > 0
            hidden = ops.relu(norm(convolution(hidden * valid[:, :, None, None]), training=training, counted=counted))
            hidden = pool(hidden * valid[:, :, None, None])  # (batch, frames / 2, bins / 2, filters)
            valid = valid[:, ::2]
        return hidden, valid

    def pool(self, hidden, valid, training):
        """Takes the maximum over all places."""
        return ops.max(hidden * valid[:, :, None, None], axis=(1, 2))  # ReLU leaves nothing below the padding's zero

    def compute_output_shape(self, input_shape) -> tuple:
        """Returns (batch, filters[-1])."""
        return (input_shape[0], self.filters[-1])

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"filters": self.filters, "kernel_size": self.kernel_size}
