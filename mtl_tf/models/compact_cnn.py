"""A small convolutional network that trains in minutes on two cores."""

import keras
from keras import ops
from pydantic import NonNegativeFloat, NonNegativeInt

from mtl_tf.construct import Share, Size
from mtl_tf.kernels.batch_norm import BatchNormalization
from mtl_tf.models.steps import SteppedTrunk

# Small corpora give few steps per epoch; Keras's 0.99 would still be far from the true statistics after several epochs.
BATCH_STATISTICS_MOMENTUM = 0.9


@keras.saving.register_keras_serializable(package="mtl_tf")
class CompactCNN(SteppedTrunk):
    """Convolution blocks over time and frequency, then means over stretches of the clip and its maximum.

    Not from a paper: the plain baseline to begin with. Each block is a 3x3 convolution, batch normalisation, ReLU and
    2x2 max pooling. Padded frames are zeroed before every convolution and left out of the pooling over time, so a clip
    gives the same embedding alone and padded in a batch; statistics of batch normalisation in training count them, for
    the sake of the faster kernel.

    Input float (batch, frames, bins) and mask (batch, frames), output (batch, embedding_units).

    Args:
        filters: of each block.
        time_segments: the clip is cut into so many stretches of equal length and each is averaged apart, which keeps
            the order of sounds in a word; 1 for sounds without order.
        embedding_units: width of the output.
        dropout: share of values dropped in training, before and after the embedding.
        feature_noise: standard deviation of Gaussian noise added to the features in training.
        time_mask_frames: longest stretch of frames set to 0 in training; 0: none.
        bin_mask_bins: widest band set to 0 in training; 0: none (both as in SpecAugment, Park et al. 2019).
    """

    def __init__(
        self,
        filters: tuple[Size, ...] = (16, 32, 64, 128),
        time_segments: Size = 1,
        embedding_units: Size = 128,
        dropout: Share = 0.3,
        feature_noise: NonNegativeFloat = 0.0,
        time_mask_frames: NonNegativeInt = 0,
        bin_mask_bins: NonNegativeInt = 0,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.time_segments = tuple(filters), time_segments
        self.embedding_units, self.dropout = embedding_units, dropout
        self.feature_noise = feature_noise
        self.time_mask_frames, self.bin_mask_bins = time_mask_frames, bin_mask_bins
        layers = keras.layers
        self.noise = layers.GaussianNoise(feature_noise, name="noise")
        self.seed = keras.random.SeedGenerator()
        self.convolutions = [
            layers.Conv2D(width, 3, padding="same", use_bias=False, name=f"conv_{index}")
            for index, width in enumerate(filters)
        ]
        self.normalizations = [
            BatchNormalization(momentum=BATCH_STATISTICS_MOMENTUM, name=f"norm_{index}")
            for index in range(len(filters))
        ]
        self.poolings = [layers.MaxPooling2D(2, padding="same", name=f"pool_{index}") for index in range(len(filters))]
        self.embedding = layers.Dense(embedding_units, activation="relu", name="embedding")
        self.dropouts = [layers.Dropout(dropout, name=f"dropout_{index}") for index in range(2)]

    def build(self, input_shape) -> None:
        """Builds all layers for (batch, frames, bins)."""
        shape = (input_shape[0], input_shape[1], input_shape[2], 1)
        for convolution, normalization, pooling in zip(
            self.convolutions, self.normalizations, self.poolings, strict=True
        ):
            convolution.build(shape)
            shape = convolution.compute_output_shape(shape)
            normalization.build(shape)
            shape = pooling.compute_output_shape(shape)
        self.embedding.build((input_shape[0], (self.time_segments + 1) * shape[2] * shape[3]))

    @property
    def step_frames(self) -> int:
        """Two to the number of blocks."""
        return 2 ** len(self.filters)

    def hidden_steps(self, features, frame_mask, training):
        """Computes (batch, steps, bins / 2**blocks, filters) and which steps are no padding."""
        hidden = self.noise(features, training=training)
        if training:
            hidden = self._mask_stretch(hidden, self.time_mask_frames, axis=1)
            hidden = self._mask_stretch(hidden, self.bin_mask_bins, axis=2)
        hidden = hidden[..., None]  # (batch, frames, bins, 1)
        valid = (
            ops.ones_like(features[:, :, 0]) if frame_mask is None else ops.cast(frame_mask, features.dtype)
        )  # (batch, frames)
        for convolution, normalization, pooling in zip(
            self.convolutions, self.normalizations, self.poolings, strict=True
        ):
            hidden = convolution(hidden * valid[:, :, None, None])
            hidden = ops.relu(normalization(hidden, training=training))
            hidden = pooling(hidden * valid[:, :, None, None])  # (batch, frames / 2, bins / 2, filters)
            valid = valid[:, ::2]
        return hidden, valid

    def pool(self, hidden, valid, training):
        """Maps means over stretches and the maximum to (batch, embedding_units)."""
        means = segment_means(hidden, valid, self.time_segments)  # (batch, time_segments, bins / 2**blocks, filters)
        peak = ops.max(hidden * valid[:, :, None, None], axis=1)  # ReLU leaves no value below the zero of padding
        pooled = ops.concatenate([means, peak[:, None]], axis=1)
        pooled = ops.reshape(pooled, (-1, pooled.shape[1] * pooled.shape[2] * pooled.shape[3]))
        return self.dropouts[1](self.embedding(self.dropouts[0](pooled, training=training)), training=training)

    def _mask_stretch(self, features, longest: int, axis: int):
        """Sets one stretch of random length and place to 0, drawn for each clip."""
        if not longest:
            return features
        size = ops.cast(ops.shape(features)[axis], "float32")
        draws = keras.random.uniform((2, ops.shape(features)[0], 1), seed=self.seed)
        length = draws[0] * longest
        start = draws[1] * ops.maximum(size - length, 0.0)
        position = ops.cumsum(ops.ones_like(features[:, :, 0] if axis == 1 else features[:, 0, :]), axis=1) - 1.0
        kept = ops.cast((position < start) | (position >= start + length), features.dtype)
        return features * (kept[:, :, None] if axis == 1 else kept[:, None, :])

    def compute_output_shape(self, input_shape) -> tuple:
        """Returns (batch, embedding_units)."""
        return (input_shape[0], self.embedding_units)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = (
            "filters",
            "time_segments",
            "embedding_units",
            "dropout",
            "feature_noise",
            "time_mask_frames",
            "bin_mask_bins",
        )
        return super().get_config() | {name: getattr(self, name) for name in names}


def segment_means(hidden, valid, time_segments: int):
    """Averages the steps of each of some stretches of equal length.

    Args:
        hidden: float (batch, steps, bins, channels).
        valid: float (batch, steps), 0 on padding, which no stretch holds.
        time_segments: how many.

    Returns:
        float (batch, time_segments, bins, channels).
    """
    count = ops.maximum(ops.sum(valid, axis=1, keepdims=True), 1.0)
    segment = ops.floor((ops.cumsum(valid, axis=1) - 1.0) / count * time_segments)  # (batch, steps)
    member = ops.one_hot(ops.cast(segment, "int32"), time_segments, dtype=hidden.dtype) * valid[:, :, None]
    weight = member / ops.maximum(ops.sum(member, axis=1, keepdims=True), 1.0)
    return ops.einsum("bts,btfc->bsfc", weight, hidden)
