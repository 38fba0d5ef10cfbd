"""Two clips as one, whose answer is right in the shares of both."""

import keras
from keras import ops
from pydantic import PositiveFloat

from mtl_tf.augment.augmentation import over
from mtl_tf.construct import Probability

WINDOW_S = 0.1  # of the loudest stretch of a clip
SILENT = 2e-5  # root mean square below which a clip has no loudness to compare with


class Mixing(keras.layers.Layer):
    """Base of the layers that mix each clip of a training batch with another one of it.

    Which one, and in which shares, is an input of the model beside the batch: the batches of a run draw it from the
    seed, and hold the labels of both. A model that gets no partners mixes nothing.

    Args:
        prob: share of the clips that are mixed.
        concentration: of the Beta distribution of the shares; 1 is even, small values leave one of both clearer.
    """

    on_features = False
    needs_frames = False
    needs_spectrogram = False
    moves_time = False
    one_answer = False  # whether the shares are true of a clip as a whole only, and not of each of its steps

    def __init__(self, prob: Probability = 0.5, concentration: PositiveFloat = 1.0, **kwargs) -> None:
        super().__init__(**(kwargs | {"dtype": "float32"}))
        self.prob, self.concentration = prob, concentration

    def compute_output_shape(self, values_shape, valid_shape=None, partner_shape=None, share_shape=None) -> tuple:
        """Returns the shapes of values and of what is valid."""
        return values_shape, valid_shape

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"prob": self.prob, "concentration": self.concentration}


@keras.saving.register_keras_serializable(package="mtl_tf")
class MixWaveforms(Mixing):
    """Between-class learning (Tokozume et al. 2018, equation 2): sounds are added as they are heard, by their loudness.

    With share r and loudness G in decibels the clip weighs p = 1 / (1 + 10**((G1 - G2) / 20) * (1 - r) / r), and the
    sum is divided by sqrt(p**2 + (1 - p)**2). Departures: the loudness is that of the loudest tenth of a second without
    A-weighting, a partner may be of the same class, and beside silence the share itself is the weight.

    Args:
        sample_rate: of the waveform, in Hz.
        **kwargs: see `Mixing`.
    """

    def __init__(self, sample_rate: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.sample_rate = sample_rate

    def call(self, values, valid=None, partner=None, share=None):
        """Mixes waveforms.

        Args:
            values: float32 (batch, samples).
            valid: int (batch,), samples of each clip that count; None: all.
            partner: int (batch,), place of the other clip in the batch; None: nothing is mixed.
            share: float32 (batch,) in (0, 1], of the clip itself.

        Returns:
            float32 (batch, samples), and int32 (batch,): as long as the longer of both.
        """
        if partner is None:
            return values, valid
        samples = ops.shape(values)[1]
        if valid is None:
            valid = ops.zeros_like(values[:, 0], dtype="int32") + samples
        valid = ops.cast(valid, "int32")
        own = ops.where(ops.arange(samples, dtype="int32")[None] < valid[:, None], values, 0.0)
        loudness = self._amplitude(own)
        other = ops.take(loudness, partner)
        ratio = ops.where(ops.minimum(loudness, other) < SILENT, 1.0, loudness / other)
        weight = (share / (share + ratio * (1.0 - share)))[:, None]
        mixed = weight * own + (1.0 - weight) * ops.take(own, partner, axis=0)
        mixed /= ops.sqrt(ops.square(weight) + ops.square(1.0 - weight))
        alone = share >= 1.0
        longer = ops.maximum(valid, ops.take(valid, partner))
        return ops.where(alone[:, None], values, mixed), ops.where(alone, valid, longer)

    def _amplitude(self, values):
        """Returns the root mean square of the loudest window, float32 (batch,)."""
        window = max(round(WINDOW_S * self.sample_rate), 1)
        power = ops.average_pool(ops.square(values)[..., None], window, strides=window, padding="same")
        return ops.sqrt(ops.maximum(ops.max(power, axis=(1, 2)), 1e-10))

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"sample_rate": self.sample_rate}


@keras.saving.register_keras_serializable(package="mtl_tf")
class MixFeatures(Mixing):
    """Mixup on features (Zhang et al. 2018): the mean of two clips, weighed by their shares.

    Args:
        **kwargs: see `Mixing`.
    """

    on_features = True

    def call(self, values, valid, partner=None, share=None):
        """Mixes features.

        Args:
            values: float32 (batch, frames, bins), of pictures with one axis more.
            valid: bool (batch, frames), False where padded.
            partner: int (batch,), place of the other clip in the batch; None: nothing is mixed.
            share: float32 (batch,) in (0, 1], of the clip itself.

        Returns:
            float32 (batch, frames, bins), and bool (batch, frames), True where either has a frame.
        """
        if partner is None:
            return values, valid
        alone = share >= 1.0
        weight = over(share, values)
        mixed = weight * values + (1.0 - weight) * ops.take(values, partner, axis=0)
        either = valid | (ops.take(valid, partner, axis=0) & ~alone[:, None])
        return ops.where(over(alone, values), values, mixed), either


@keras.saving.register_keras_serializable(package="mtl_tf")
class CutFeatures(Mixing):
    """CutMix on features (Yun et al. 2019): a stretch of time of a clip is another clip's.

    The stretch is as long as the share of the other clip, and lies anywhere in the clip. Departures: the stretch has
    all bins, as a sound has; and where the other clip is over, it is read from its start again.

    Args:
        **kwargs: see `Mixing`.
    """

    on_features = True
    needs_frames = True
    needs_spectrogram = True
    one_answer = True

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.seed = keras.random.SeedGenerator()

    def call(self, values, valid, partner=None, share=None):
        """Mixes features.

        Args:
            values: float32 (batch, frames, bins), of pictures with one axis more.
            valid: bool (batch, frames), False where padded.
            partner: int (batch,), place of the other clip in the batch; None: nothing is mixed.
            share: float32 (batch,) in (0, 1], of the clip itself.

        Returns:
            float32 (batch, frames, bins), and valid.
        """
        if partner is None:
            return values, valid
        frames = ops.sum(ops.cast(valid, "float32"), axis=1, keepdims=True)  # (batch, 1)
        length = (1.0 - share[:, None]) * frames
        start = keras.random.uniform(ops.shape(frames), seed=self.seed) * (frames - length)
        frame = ops.cumsum(ops.ones_like(valid, dtype="float32"), axis=1) - 1.0
        theirs = ops.maximum(ops.take(frames, partner, axis=0), 1.0)
        other = ops.take(values, partner, axis=0)
        other = ops.take_along_axis(other, over(ops.cast(ops.mod(frame, theirs), "int32"), values), axis=1)
        cut = (frame + 0.5 >= start) & (frame + 0.5 < start + length)
        return ops.where(over(cut, values), other, values), valid


@keras.saving.register_keras_serializable(package="mtl_tf")
class Doubled(keras.layers.Layer):
    """Repeats the answers of a batch, once for the labels of the clips and once for those of their partners."""

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True  # a mask that comes along is not needed: losses know what is padding

    def compute_mask(self, inputs, previous_mask=None) -> None:
        """Ends a mask that comes along, which would be of half of the rows."""
        return None

    def call(self, answers, partner=None, others=None):
        """Repeats along the batch where there are partners.

        Args:
            answers: float (batch, ...).
            partner: int (batch,), or None.
            others: float (batch, ...), the answers at the times of the partner; None: the same answers.

        Returns:
            float (2 * batch, ...), or the answers as they are.
        """
        if partner is None:
            return answers
        return ops.concatenate([answers, answers if others is None else others], axis=0)

    def compute_output_shape(self, answers_shape, partner_shape=None, others_shape=None) -> tuple:
        """Returns the shape of the answers."""
        return answers_shape
