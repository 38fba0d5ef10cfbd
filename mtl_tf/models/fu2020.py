"""Attention CNN-BLSTM of Fu, Liu, Ishi and Ishiguro (2020)."""

import keras
from keras import ops

from mtl_tf.construct import Share, Size
from mtl_tf.kernels.conv1d import Conv1D
from mtl_tf.models.pooling import LocalAttentionPooling
from mtl_tf.models.steps import SteppedTrunk


@keras.saving.register_keras_serializable(package="mtl_tf")
class AttentionCNNBLSTM(SteppedTrunk):
    """Trunk of "An End-to-End Multitask Learning Model to Improve Speech Emotion Recognition" (EUSIPCO 2020), fig. 1.

    Input float (batch, frames, bins) of at least 5 frames, in the paper (batch, 256, 128); output (batch, 256). One
    dense layer per task follows (`heads.py`). Layers, with the paper's lengths (section 3.3, table 1):

    | layer | output |
    |---|---|
    | Conv1D 512, 1024, 2048, kernels 3, 1, 3, no padding, ReLU | 254, 254, 252 x 2048 |
    | dense bottleneck | 252 x 512 |
    | bidirectional LSTM 128, twice | 252 x 256 |
    | self-attention, 16 heads of size 16 (eq. 1, 2) | 252 x 256 |
    | local attention pooling (eq. 3, 4) | 256 |

    9,379,072 parameters plus the heads of one dense layer each: 257 for each class, 9,381,899 in all with 7 emotions
    and 4 speakers.

    Where the text leaves a choice: W of eq. 2 is given a time axis of 252, which would tie the weights to absolute
    time and does not type-check; it is read as the output projection of a multi-head layer, the heads being 256 / 16
    wide. "2-layer self-attention based BLSTM" is read after eq. 1 as two LSTM layers and one attention
    (`attention_after_each` puts one after both). Not stated and chosen here: ReLU in the convolutions, a linear
    bottleneck, dropout after each convolution and each LSTM, no residual connection or layer normalisation. Padded
    frames hold -1 and are otherwise frames like any other, as the paper mentions no mask; `use_mask` leaves them out of
    LSTM and attention.

    Args:
        filters: of the three convolutions.
        kernel_sizes: of the three convolutions, in frames.
        bottleneck_units: width of the bottleneck.
        lstm_units: per direction.
        num_heads: of the self-attention.
        dropout: share of values dropped in training.
        attention_after_each: one self-attention after each LSTM in place of one after both.
        use_mask: ignore padded frames.
    """

    def __init__(
        self,
        filters: tuple[Size, Size, Size] = (512, 1024, 2048),
        kernel_sizes: tuple[Size, Size, Size] = (3, 1, 3),
        bottleneck_units: Size = 512,
        lstm_units: Size = 128,
        num_heads: Size = 16,
        dropout: Share = 0.35,
        attention_after_each: bool = False,
        use_mask: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.kernel_sizes = tuple(filters), tuple(kernel_sizes)
        self.bottleneck_units, self.lstm_units, self.num_heads = bottleneck_units, lstm_units, num_heads
        self.dropout, self.attention_after_each, self.use_mask = dropout, attention_after_each, use_mask
        layers = keras.layers
        self.convolutions = [
            Conv1D(width, kernel, padding="valid", activation="relu", name=f"conv_{index}")
            for index, (width, kernel) in enumerate(zip(filters, kernel_sizes, strict=True))
        ]
        self.bottleneck = layers.Dense(bottleneck_units, name="bottleneck")
        self.recurrent = [
            layers.Bidirectional(layers.LSTM(lstm_units, return_sequences=True), name=f"blstm_{index}")
            for index in range(2)
        ]
        self.attentions = [
            layers.MultiHeadAttention(num_heads, 2 * lstm_units // num_heads, name=f"self_attention_{index}")
            for index in range(2 if attention_after_each else 1)
        ]
        self.dropouts = [layers.Dropout(dropout, name=f"dropout_{index}") for index in range(5)]
        self.pooling = LocalAttentionPooling(name="local_attention")

    def build(self, input_shape) -> None:
        """Builds all layers for (batch, frames, bins)."""
        shape = input_shape
        for convolution in self.convolutions:
            convolution.build(shape)
            shape = convolution.compute_output_shape(shape)
        self.bottleneck.build(shape)
        shape = (*shape[:-1], self.bottleneck_units)
        for recurrent in self.recurrent:
            recurrent.build(shape)
            shape = (*shape[:-1], 2 * self.lstm_units)
        for attention in self.attentions:
            attention.build(shape, shape)
        self.pooling.build(shape)

    @property
    def step_frames(self) -> int:
        """1: time is not pooled."""
        return 1

    @property
    def lost_frames(self) -> int:
        """How many frames the convolutions take, which are not padded."""
        return sum(self.kernel_sizes) - len(self.kernel_sizes)

    @property
    def first_step_frame(self) -> float:
        """Half of what the convolutions take."""
        return self.lost_frames / 2

    def count_steps(self, frames: int) -> int:
        """Returns how many steps the convolutions leave."""
        return max(frames - self.lost_frames, 0)

    def hidden_steps(self, features, frame_mask, training):
        """Computes (batch, frames - lost_frames, 2 * lstm_units) and which steps are no padding."""
        hidden = features
        for convolution, dropout in zip(self.convolutions, self.dropouts, strict=False):
            hidden = dropout(convolution(hidden), training=training)  # (batch, frames - 4, filters[-1])
        whole = ops.ones_like(features[:, self.lost_frames :, 0])
        valid = whole if frame_mask is None else ops.cast(frame_mask[:, self.lost_frames :], features.dtype)
        frame_mask = frame_mask[:, self.lost_frames :] if self.use_mask and frame_mask is not None else None
        hidden = self.bottleneck(hidden)  # (batch, frames - 4, bottleneck_units)
        for index, recurrent in enumerate(self.recurrent):
            hidden = recurrent(hidden, mask=frame_mask, training=training)  # (batch, frames - 4, 2 * lstm_units)
            hidden = self.dropouts[3 + index](hidden, training=training)
            if self.attention_after_each or index == 1:
                attention = self.attentions[index if self.attention_after_each else 0]
                hidden = attention(
                    hidden, hidden, query_mask=frame_mask, value_mask=frame_mask, key_mask=frame_mask, training=training
                )
        return hidden, valid

    def pool(self, hidden, valid, training):
        """Pools by local attention to (batch, 2 * lstm_units)."""
        return self.pooling(hidden, frame_mask=valid > 0 if self.use_mask else None)

    def compute_output_shape(self, input_shape) -> tuple:
        """Returns (batch, 2 * lstm_units)."""
        return (input_shape[0], 2 * self.lstm_units)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("filters", "kernel_sizes", "bottleneck_units", "lstm_units", "num_heads", "dropout")
        options = {name: getattr(self, name) for name in (*names, "attention_after_each", "use_mask")}
        return super().get_config() | options
