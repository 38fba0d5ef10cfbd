"""What a task has to itself in a network that is shared in part."""

from collections.abc import Sequence

import keras
from keras import ops

from mtl_tf.kernels.batch_norm import BatchNormalization
from mtl_tf.models.compact_cnn import BATCH_STATISTICS_MOMENTUM, segment_means


@keras.saving.register_keras_serializable(package="mtl_tf")
class ConvolutionBlock(keras.layers.Layer):
    """A 3x3 convolution, batch normalisation, ReLU and 2x2 max pooling, with padded frames set to zero before.

    Args:
        filters: of the convolution.
    """

    def __init__(self, filters: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.convolution = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, name="conv")
        self.normalization = BatchNormalization(momentum=BATCH_STATISTICS_MOMENTUM, name="norm")
        self.pooling = keras.layers.MaxPooling2D(2, padding="same", name="pool")

    def build(self, input_shape) -> None:
        """Builds the layers for (batch, steps, bins, channels)."""
        self.convolution.build(input_shape)
        self.normalization.build(self.convolution.compute_output_shape(input_shape))

    def call(self, hidden, valid, training=None):
        """Maps (batch, steps, bins, channels) and float (batch, steps) to half as many steps and bins."""
        hidden = self.convolution(hidden * valid[:, :, None, None])
        hidden = ops.relu(self.normalization(hidden, training=training))
        return self.pooling(hidden * valid[:, :, None, None]), valid[:, ::2]

    def compute_output_shape(self, input_shape) -> tuple:
        """Returns (batch, steps / 2, bins / 2, filters)."""
        return self.pooling.compute_output_shape(self.convolution.compute_output_shape(input_shape))

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"filters": self.filters}


@keras.saving.register_keras_serializable(package="mtl_tf")
class Branch(keras.layers.Layer):
    """The adapters, the last blocks and the embedding of one task of `BranchedCNN`.

    Input what the trunk gives, `[features, hidden, ..., valid]`; output float (batch, embedding_units).

    Args:
        filters: of the private blocks.
        adapter_filters: of the path beside the shared blocks; 0: none.
        time_segments: see `CompactCNN`.
        embedding_units: width of the output.
        dropout: share of values dropped in training, before and after the embedding.
    """

    def __init__(
        self,
        filters: Sequence[int],
        adapter_filters: int,
        time_segments: int,
        embedding_units: int,
        dropout: float,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.adapter_filters, self.time_segments = tuple(filters), adapter_filters, time_segments
        self.embedding_units, self.dropout = embedding_units, dropout
        self.blocks = [ConvolutionBlock(width, name=f"block_{index}") for index, width in enumerate(filters)]
        self.embedding = keras.layers.Dense(embedding_units, activation="relu", name="embedding")
        self.drops = [keras.layers.Dropout(dropout, name=f"dropout_{index}") for index in range(2)]

    def build(self, input_shape) -> None:
        """Builds all layers for the shapes of the features, of each shared block, and of the mask."""
        shapes = [tuple(shape) for shape in input_shape[:-1]]
        count = len(shapes) - 1 if self.adapter_filters else 0
        self.adapters = [ConvolutionBlock(self.adapter_filters, name=f"adapter_{index}") for index in range(count)]
        own = 0  # channels of the path beside
        for adapter, shape in zip(self.adapters, shapes, strict=False):
            adapter.build((*shape[:3], shape[3] + own))
            own = self.adapter_filters
        shape = (*shapes[-1][:3], shapes[-1][3] + own)
        for block in self.blocks:
            block.build(shape)
            shape = block.compute_output_shape(shape)
        self.embedding.build((shape[0], (self.time_segments + 1) * shape[2] * shape[3]))

    def call(self, levels, training=None):
        """Maps the output of the trunk to (batch, embedding_units)."""
        *shared, valid = levels
        own, left = None, valid
        for adapter, level in zip(self.adapters, shared, strict=False):
            own, left = adapter(
                level if own is None else ops.concatenate([level, own], axis=-1), left, training=training
            )
        for _ in shared[1 + len(self.adapters) :]:
            left = left[:, ::2]
        hidden = shared[-1] if own is None else ops.concatenate([shared[-1], own], axis=-1)
        for block in self.blocks:
            hidden, left = block(hidden, left, training=training)
        means = segment_means(hidden, left, self.time_segments)
        peak = ops.max(hidden * left[:, :, None, None], axis=1)  # ReLU leaves no value below the zero of padding
        pooled = ops.concatenate([means, peak[:, None]], axis=1)
        pooled = ops.reshape(pooled, (-1, pooled.shape[1] * pooled.shape[2] * pooled.shape[3]))
        return self.drops[1](self.embedding(self.drops[0](pooled, training=training)), training=training)

    def compute_output_shape(self, input_shape) -> tuple:
        """Returns (batch, embedding_units)."""
        return (input_shape[0][0], self.embedding_units)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("filters", "adapter_filters", "time_segments", "embedding_units", "dropout")
        return super().get_config() | {name: getattr(self, name) for name in names}
