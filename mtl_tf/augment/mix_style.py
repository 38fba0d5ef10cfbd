"""The sound of one clip's recording, what was said in another."""

import keras
from keras import ops
from pydantic import PositiveFloat

from mtl_tf.augment.augmentation import Augmentation, over

LEAST = 1e-6  # added to a variance, as bins of silence do not vary


@keras.saving.register_keras_serializable(package="mtl_tf")
class MixStyle(Augmentation):
    """Gives each bin of a clip the mean and deviation between its own and those of another clip of the batch.

    Freq-MixStyle (Kim et al. 2022, after Zhou et al. 2021): mean and deviation of a frequency tell of the microphone,
    the room and the voice. Labels stay as they are. Shapes: see `Augmentation`. Departure: on the features alone, and
    not between the layers of a network.

    Args:
        concentration: of the Beta distribution of the share that a clip keeps of its own.
        **kwargs: see `Augmentation`.
    """

    on_features = True
    needs_frames = True
    needs_spectrogram = True

    def __init__(self, concentration: PositiveFloat = 0.3, **kwargs) -> None:
        super().__init__(**kwargs)
        self.concentration = concentration

    def change(self, values, valid):
        """Changes the mean and the deviation of each bin."""
        count = ops.shape(values)[0]
        order = ops.argsort(self.draw(values)[:, 0])
        rank = ops.argsort(order)
        partner = ops.take(order, ops.mod(rank + 1, count), axis=0)  # never the clip itself
        own = over(valid, values)
        frames = ops.maximum(ops.sum(own, axis=1, keepdims=True), 1.0)
        mean = ops.sum(values * own, axis=1, keepdims=True) / frames
        variance = ops.sum(ops.square(values - mean) * own, axis=1, keepdims=True) / frames
        deviation = ops.sqrt(variance + LEAST)
        share = keras.random.beta((count, 1), self.concentration, self.concentration, seed=self.seed)
        share = over(share, values)
        new_mean, new_deviation = (
            share * part + (1.0 - share) * ops.take(part, partner, axis=0) for part in (mean, deviation)
        )
        return (values - mean) / deviation * new_deviation + new_mean

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"concentration": self.concentration}
