"""A small residual network with pooling that weighs time: the strong way to begin from few clips."""

import keras
from keras import ops

from mtl_tf.construct import Share, Size
from mtl_tf.kernels.batch_norm import BatchNormalization
from mtl_tf.models.compact_cnn import segment_means
from mtl_tf.models.steps import SteppedTrunk

# Small corpora give few steps per epoch; Keras's 0.99 would still be far from the true statistics after several epochs.
BATCH_STATISTICS_MOMENTUM = 0.9


@keras.saving.register_keras_serializable(package="mtl_tf")
class ResidualCNN(SteppedTrunk):
    """A stem that halves time and frequency, then residual blocks, each at half the resolution of the one before.

    The block is that of He et al. 2016 (two 3x3 convolutions with batch normalisation, and a 1x1 convolution beside
    them, here without), after 2x2 max pooling in place of strides, whose results would depend on how much padding
    follows a clip.

    Time is pooled by means over stretches of the clip and, with weights that the network learns, by the mean and
    deviation of each channel (attentive statistics pooling, Okabe, Koshinaka and Shinoda 2018, section 3).

    Padded frames are zeroed before every convolution and get no weight in the pooling, so a clip gives the same
    embedding alone and padded in a batch; statistics of batch normalisation in training count them, for the sake of
    the faster kernel.

    Input float (batch, frames, bins) and mask (batch, frames), output (batch, embedding_units).

    Args:
        stem_filters: of the first convolution.
        filters: of each block.
        time_segments: the clip is cut into so many stretches of equal length and each is averaged apart, which keeps
            the order of sounds in a word; 1 for sounds without order.
        attention_units: of the layer that finds the weights of the steps.
        embedding_units: width of the output.
        dropout: share of values dropped in training, before and after the embedding.
    """

    def __init__(
        self,
        stem_filters: Size = 24,
        filters: tuple[Size, ...] = (32, 64, 88),
        time_segments: Size = 1,
        attention_units: Size = 32,
        embedding_units: Size = 80,
        dropout: Share = 0.3,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.stem_filters, self.filters, self.time_segments = stem_filters, tuple(filters), time_segments
        self.attention_units, self.embedding_units, self.dropout = attention_units, embedding_units, dropout
        layers = keras.layers
        # A kernel of 4 at a step of 2 has one row of padding before the clip, whatever the clip's length.
        self.stem = layers.Conv2D(stem_filters, 4, strides=2, padding="same", use_bias=False, name="stem")
        self.stem_norm = BatchNormalization(momentum=BATCH_STATISTICS_MOMENTUM, name="stem_norm")
        self.blocks = [ResidualBlock(width, name=f"block_{index}") for index, width in enumerate(filters)]
        self.attention = layers.Dense(attention_units, activation="tanh", name="attention")
        self.score = layers.Dense(1, name="score")
        self.embedding = layers.Dense(embedding_units, activation="relu", name="embedding")
        self.dropouts = [layers.Dropout(dropout, name=f"dropout_{index}") for index in range(2)]

    def build(self, input_shape) -> None:
        """Builds all layers for (batch, frames, bins)."""
        shape = (input_shape[0], input_shape[1], input_shape[2], 1)
        self.stem.build(shape)
        shape = self.stem.compute_output_shape(shape)
        self.stem_norm.build(shape)
        for block in self.blocks:
            block.build(shape)
            shape = block.compute_output_shape(shape)
        channels = shape[2] * shape[3]
        self.attention.build((shape[0], shape[1], channels))
        self.score.build((shape[0], shape[1], self.attention_units))
        self.embedding.build((shape[0], (self.time_segments + 2) * channels))

    @property
    def step_frames(self) -> int:
        """Two to the number of blocks and the stem."""
        return 2 ** (len(self.filters) + 1)

    def hidden_steps(self, features, frame_mask, training):
        """Computes (batch, steps, bins / step_frames, filters) and which steps are no padding."""
        valid = ops.ones_like(features[:, :, 0]) if frame_mask is None else ops.cast(frame_mask, features.dtype)
        hidden = self.stem((features * valid[:, :, None])[..., None])
        hidden = ops.relu(self.stem_norm(hidden, training=training))  # (batch, frames / 2, bins / 2, stem_filters)
        valid = valid[:, ::2]
        for block in self.blocks:
            hidden, valid = block(hidden, valid, training=training)
        return hidden, valid

    def pool(self, hidden, valid, training):
        """Maps means over stretches and weighed statistics to (batch, embedding_units)."""
        means = segment_means(hidden, valid, self.time_segments)  # (batch, time_segments, bins, filters)
        means = ops.reshape(means, (-1, self.time_segments * means.shape[2] * means.shape[3]))
        steps = ops.reshape(hidden, (ops.shape(hidden)[0], -1, hidden.shape[2] * hidden.shape[3]))
        score = self.score(self.attention(steps))[:, :, 0]  # (batch, steps)
        weight = ops.softmax(ops.where(valid > 0, score, -1e4), axis=1)[:, :, None]
        mean = ops.sum(steps * weight, axis=1)
        variance = ops.sum(ops.square(steps - mean[:, None]) * weight, axis=1)
        pooled = ops.concatenate([means, mean, ops.sqrt(variance + 1e-5)], axis=1)
        return self.dropouts[1](self.embedding(self.dropouts[0](pooled, training=training)), training=training)

    def compute_output_shape(self, input_shape) -> tuple:
        """Returns (batch, embedding_units)."""
        return (input_shape[0], self.embedding_units)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("stem_filters", "filters", "time_segments", "attention_units", "embedding_units", "dropout")
        return super().get_config() | {name: getattr(self, name) for name in names}


@keras.saving.register_keras_serializable(package="mtl_tf")
class ResidualBlock(keras.layers.Layer):
    """Pools time and frequency by 2, then adds two convolutions to one of a single point.

    Input float (batch, frames, bins, channels) and valid, float (batch, frames), 0 on padding; output
    (batch, frames / 2, bins / 2, filters) and valid of its frames.

    Args:
        filters: of the convolutions.
    """

    def __init__(self, filters: Size, **kwargs) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        layers = keras.layers
        self.pooling = layers.MaxPooling2D(2, padding="same", name="pool")
        self.convolutions = [
            layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"conv_{index}") for index in range(2)
        ]
        self.norms = [BatchNormalization(momentum=BATCH_STATISTICS_MOMENTUM, name=f"norm_{index}") for index in (0, 1)]
        self.shortcut = layers.Conv2D(filters, 1, use_bias=False, name="shortcut")

    def build(self, input_shape, valid_shape=None) -> None:
        """Builds all layers."""
        shape = self.pooling.compute_output_shape(input_shape)
        self.shortcut.build(shape)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            convolution.build(shape)
            shape = convolution.compute_output_shape(shape)
            norm.build(shape)

    def call(self, hidden, valid, training=None):
        """Halves the resolution and adds what is learned."""
        hidden = self.pooling(hidden * valid[:, :, None, None])
        valid = valid[:, ::2]
        own = valid[:, :, None, None]
        hidden = hidden * own
        first = ops.relu(self.norms[0](self.convolutions[0](hidden), training=training))
        second = self.norms[1](self.convolutions[1](first * own), training=training)
        return ops.relu(second + self.shortcut(hidden)), valid

    def compute_output_shape(self, input_shape, valid_shape=None) -> tuple:
        """Returns the shape of the hidden values."""
        batch, frames, bins, _ = self.pooling.compute_output_shape(input_shape)
        return (batch, frames, bins, self.filters)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"filters": self.filters}
