"""Attention-augmented CNN, a comparison model of Lu, Zhang and Nayak (2020)."""

import keras
from keras import ops

from mtl_tf.construct import Share, Size
from mtl_tf.kernels.batch_norm import BatchNormalization
from mtl_tf.models.pooling import LocalAttentionPooling


@keras.saving.register_keras_serializable(package="mtl_tf")
class AttentionCNN(keras.layers.Layer):
    """Convolutions over a grey spectrogram, then attention over time and attention over frequency.

    Input float (batch, 256, 256, 1), time first; output (batch, 2 * filters[-1]). After Wu, Mao and Yi, "Audio
    classification using attention-augmented convolutional neural network" (Knowledge-Based Systems 2018), of which
    neither the layers nor their sizes are in the papers at hand; it is said to cut the spectrogram into bands of
    frequency with convolutions of their own, which this network does not. Chosen here: four blocks of a 3x3
    convolution, batch normalisation, ReLU and 2x2 max pooling, to 16 x 16 x 256; then the mean over frequency, weighed
    and added up over time by a learned vector, and the mean over time, weighed and added up over frequency by another;
    both side by side. 389,792 parameters, and 513 for each class.

    Args:
        filters: of each block.
        dropout: share of the output dropped in training.
    """

    def __init__(self, filters: tuple[Size, ...] = (32, 64, 128, 256), dropout: Share = 0.5, **kwargs) -> None:
        super().__init__(**kwargs)
        self.filters, self.dropout = tuple(filters), dropout
        layers = keras.layers
        self.convolutions, self.norms = [], []
        for index, width in enumerate(filters):
            self.convolutions.append(layers.Conv2D(width, 3, padding="same", use_bias=False, name=f"conv_{index}"))
            self.norms.append(BatchNormalization(name=f"norm_{index}"))
        self.pool = layers.MaxPooling2D(2, padding="same", name="pool")
        self.over_time = LocalAttentionPooling(name="over_time")
        self.over_frequency = LocalAttentionPooling(name="over_frequency")
        self.drop = layers.Dropout(dropout, name="dropout")

    def build(self, input_shape) -> None:
        """Builds all layers.

        Raises:
            ValueError: the input is no picture.
        """
        if len(input_shape) != 4:
            raise ValueError("it takes pictures; choose frontend=picture")
        shape = tuple(input_shape)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            convolution.build(shape)
            shape = convolution.compute_output_shape(shape)
            norm.build(shape)
            shape = self.pool.compute_output_shape(shape)
        self.over_time.build((shape[0], shape[1], shape[3]))
        self.over_frequency.build((shape[0], shape[2], shape[3]))

    def call(self, features, frame_mask=None, training=None):
        """Maps (batch, time, frequency, channels) to (batch, 2 * filters[-1]); the mask is not used."""
        hidden = features
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            hidden = self.pool(ops.relu(norm(convolution(hidden), training=training)))
        pooled = [self.over_time(ops.mean(hidden, axis=2)), self.over_frequency(ops.mean(hidden, axis=1))]
        return self.drop(ops.concatenate(pooled, axis=-1), training=training)

    def compute_output_shape(self, input_shape) -> tuple:
        """Returns (batch, 2 * filters[-1])."""
        return (input_shape[0], 2 * self.filters[-1])

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"filters": self.filters, "dropout": self.dropout}
