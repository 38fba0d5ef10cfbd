"""A small network that hears a spectrogram and is told the statistics of the voice."""

import keras
from keras import ops

from mtl_tf.construct import Share, Size
from mtl_tf.models.residual_cnn import ResidualCNN

MOST_DEVIATIONS = 5.0  # of a value of the summary from its mean: unknown speakers have values far from all of training


@keras.saving.register_keras_serializable(package="mtl_tf")
class VoiceCNN(ResidualCNN):
    """`ResidualCNN` on the first bins of every frame, and a dense layer on the others, which all frames share.

    Statistics of a clip serve a corpus of a few hundred clips best, convolutions a larger one. Both learn together.
    Output (batch, embedding_units + summary_units).

    Input float (batch, frames, num_mel_bins + values) of the front end `mel_and_voice`, normalised, and mask (batch,
    frames).

    Args:
        num_mel_bins: how many of the bins are a spectrogram; set by `mtl_tf.models.build`.
        summary_units: width of the dense layer on the summary.
        summary_dropout: share of its inputs, and of its outputs, dropped in training.
        filters: of each block of the convolutions.
        embedding_units: width of the embedding of the spectrogram.
        dropout: share of values dropped in training, before and after that embedding.
        **kwargs: further arguments of `ResidualCNN`.
    """

    fixed_options = ResidualCNN.fixed_options | {"num_mel_bins"}
    needs_summary = True

    def __init__(
        self,
        num_mel_bins: Size = 64,
        summary_units: Size = 64,
        summary_dropout: Share = 0.3,
        filters: tuple[Size, ...] = (32, 48, 64),
        embedding_units: Size = 76,
        dropout: Share = 0.0,
        **kwargs,
    ) -> None:
        super().__init__(filters=filters, embedding_units=embedding_units, dropout=dropout, **kwargs)
        self.num_mel_bins, self.summary_units, self.summary_dropout = num_mel_bins, summary_units, summary_dropout
        self.summary = keras.layers.Dense(summary_units, activation="relu", name="summary")
        self.summary_drops = [keras.layers.Dropout(summary_dropout, name=f"summary_dropout_{i}") for i in range(2)]

    def build(self, input_shape) -> None:
        """Builds all layers for (batch, frames, bins)."""
        super().build((*input_shape[:2], self.num_mel_bins))
        self.summary.build((input_shape[0], input_shape[2] - self.num_mel_bins))

    def call(self, features, frame_mask=None, training=None):
        """Maps features to embeddings; and to steps, where these are asked for."""
        found = super().call(features[:, :, : self.num_mel_bins], frame_mask=frame_mask, training=training)
        summary = ops.clip(features[:, 0, self.num_mel_bins :], -MOST_DEVIATIONS, MOST_DEVIATIONS)
        summary = self.summary_drops[0](summary, training=training)
        summary = self.summary_drops[1](self.summary(summary), training=training)
        if not self.return_steps:
            return ops.concatenate([found, summary], axis=-1)
        embedding, *steps = found
        return (ops.concatenate([embedding, summary], axis=-1), *steps)

    def compute_output_shape(self, input_shape) -> tuple:
        """Returns (batch, embedding_units + summary_units)."""
        return (input_shape[0], self.embedding_units + self.summary_units)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("num_mel_bins", "summary_units", "summary_dropout")
        return super().get_config() | {name: getattr(self, name) for name in names}
