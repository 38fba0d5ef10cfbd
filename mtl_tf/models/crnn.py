"""Convolutional recurrent network, as systems that detect sound events have it."""

import math

import keras
from keras import ops

from mtl_tf.construct import Share, Size
from mtl_tf.kernels.batch_norm import BatchNormalization
from mtl_tf.models.steps import SteppedTrunk

# Small corpora give few steps per epoch; Keras's 0.99 would still be far from the true statistics after several epochs.
BATCH_STATISTICS_MOMENTUM = 0.9


@keras.saving.register_keras_serializable(package="mtl_tf")
class CRNN(SteppedTrunk):
    """Convolutions that keep the order in time, then recurrent layers in both directions, then the mean over time.

    After Çakır, Parascandolo, Heittola, Huttunen and Virtanen, "Convolutional recurrent neural networks for polyphonic
    sound event detection" (IEEE/ACM TASLP 25(6), 2017, section III): blocks of convolution, batch normalisation, ReLU,
    max pooling over frequency and dropout, gated recurrent units, and one dense layer of sigmoids (`heads.py`). Here
    sizes are smaller, the recurrent layers read both directions, and time is pooled too, which the paper does not do:
    by 4, so that steps are 40 ms where frames are 10 ms. The dense layer answers every step, as in the paper, and
    questions of the whole clip from the mean of its steps.

    Input float (batch, frames, bins) and mask (batch, frames); output (batch, 2 * recurrent_units). Frames of padding
    are zeroed before every convolution, and skipped by the recurrent layers and the mean. Statistics of batch
    normalisation in training count them, for the sake of the faster kernel.

    Args:
        filters: of each block.
        kernel_size: side of the convolutions.
        bin_pools: how many bins become one after each block.
        time_pools: how many frames become one after each block.
        recurrent_units: per direction, of each recurrent layer.
        recurrent_layers: how many.
        dropout: share of values dropped in training, after each block and each recurrent layer.
    """

    def __init__(
        self,
        filters: tuple[Size, ...] = (32, 64, 64),
        kernel_size: Size = 3,
        bin_pools: tuple[Size, ...] = (4, 4, 2),
        time_pools: tuple[Size, ...] = (2, 2, 1),
        recurrent_units: Size = 64,
        recurrent_layers: Size = 1,
        dropout: Share = 0.25,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if not len(filters) == len(bin_pools) == len(time_pools):
            raise ValueError(f"filters={filters}, bin_pools={bin_pools}, time_pools={time_pools}: give one per block")
        self.filters, self.kernel_size = tuple(filters), kernel_size
        self.bin_pools, self.time_pools = tuple(bin_pools), tuple(time_pools)
        self.recurrent_units, self.recurrent_layers, self.dropout = recurrent_units, recurrent_layers, dropout
        layers = keras.layers
        self.convolutions, self.normalizations, self.poolings = [], [], []
        for index, (width, bins, frames) in enumerate(zip(filters, bin_pools, time_pools, strict=True)):
            convolution = layers.Conv2D(width, kernel_size, padding="same", use_bias=False, name=f"conv_{index}")
            self.convolutions.append(convolution)
            norm = BatchNormalization(momentum=BATCH_STATISTICS_MOMENTUM, name=f"norm_{index}")
            self.normalizations.append(norm)
            self.poolings.append(layers.MaxPooling2D((frames, bins), padding="same", name=f"pool_{index}"))
        self.recurrent = [
            layers.Bidirectional(layers.GRU(recurrent_units, return_sequences=True), name=f"bgru_{index}")
            for index in range(recurrent_layers)
        ]
        count = len(self.filters) + recurrent_layers
        self.dropouts = [layers.Dropout(dropout, name=f"dropout_{index}") for index in range(count)]

    def build(self, input_shape) -> None:
        """Builds all layers for (batch, frames, bins)."""
        shape = (*input_shape, 1)
        for convolution, norm, pool in zip(self.convolutions, self.normalizations, self.poolings, strict=True):
            convolution.build(shape)
            shape = convolution.compute_output_shape(shape)
            norm.build(shape)
            shape = pool.compute_output_shape(shape)
        shape = (shape[0], shape[1], shape[2] * shape[3])
        for recurrent in self.recurrent:
            recurrent.build(shape)
            shape = (*shape[:-1], 2 * self.recurrent_units)

    @property
    def step_frames(self) -> int:
        """The product of `time_pools`."""
        return math.prod(self.time_pools)

    def hidden_steps(self, features, frame_mask, training):
        """Computes (batch, steps, 2 * recurrent_units) and which steps are no padding."""
        hidden = features[..., None]
        valid = ops.ones_like(features[:, :, 0]) if frame_mask is None else ops.cast(frame_mask, features.dtype)
        blocks = zip(self.convolutions, self.normalizations, self.poolings, self.time_pools, strict=True)
        for index, (convolution, norm, pool, frames) in enumerate(blocks):
            hidden = ops.relu(norm(convolution(hidden * valid[:, :, None, None]), training=training))
            hidden = pool(hidden * valid[:, :, None, None])  # (batch, frames / time_pool, bins / bin_pool, filters)
            hidden = self.dropouts[index](hidden, training=training)
            valid = valid[:, ::frames]
        hidden = ops.reshape(hidden, (ops.shape(hidden)[0], -1, hidden.shape[2] * hidden.shape[3]))
        mask = None if frame_mask is None else valid > 0
        for index, recurrent in enumerate(self.recurrent):
            hidden = recurrent(hidden, mask=mask, training=training)  # (batch, steps, 2 * recurrent_units)
            hidden = self.dropouts[len(self.filters) + index](hidden, training=training)
        return hidden, valid

    def pool(self, hidden, valid, training):
        """Takes the mean over the steps of each clip."""
        weight = ops.cast(valid, hidden.dtype)[:, :, None]
        return ops.sum(hidden * weight, axis=1) / ops.maximum(ops.sum(weight, axis=1), 1.0)

    def compute_output_shape(self, input_shape) -> tuple:
        """Returns (batch, 2 * recurrent_units)."""
        return (input_shape[0], 2 * self.recurrent_units)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("filters", "kernel_size", "bin_pools", "time_pools", "recurrent_units", "recurrent_layers", "dropout")
        return super().get_config() | {name: getattr(self, name) for name in names}
