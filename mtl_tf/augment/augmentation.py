"""What all augmentations share: who is changed, and that nothing happens outside of training."""

import keras
from keras import ops

from mtl_tf.construct import Probability


class Augmentation(keras.layers.Layer):
    """Base of the layers that change some of the clips of a training batch.

    A clip is changed with the probability `prob`, whatever the others are. Outside of training the input is returned as
    it is. What is drawn follows from the run's seed and from the number of the step: the state of the random generator
    is a variable of the layer, which checkpoints hold. Padding stays what it was.

    Attributes:
        on_features: whether the layer stands behind the front end, and changes features, or before it, and changes the
            waveform.
        needs_frames: whether one frame for a whole clip is too few.
        needs_spectrogram: whether all bins have to be of the frame alone, and none of the whole clip.
        moves_time: whether sounds are at another time afterwards; such a layer returns what is valid, too.

    Args:
        prob: share of the clips that are changed.
    """

    on_features = False
    needs_frames = False
    needs_spectrogram = False
    moves_time = False

    def __init__(self, prob: Probability = 0.5, **kwargs) -> None:
        super().__init__(**(kwargs | {"dtype": "float32"}))
        self.prob = prob
        self.seed = keras.random.SeedGenerator()

    def change(self, values, valid):
        """Changes every clip.

        Args:
            values: float32 (batch, samples), zero where padded; or (batch, frames, bins), of pictures with one axis
                more.
            valid: float32 (batch, samples) or (batch, frames), 0 where padded.

        Returns:
            float32, shaped like values.
        """
        raise NotImplementedError

    def call(self, values, valid=None, training=None):
        """Changes some clips in training.

        Args:
            values: float (batch, samples), (batch, frames, bins) or (batch, frames, bins, channels).
            valid: of a waveform int (batch,), how many samples of each clip count, None for all; of features bool
                (batch, frames), False where padded.
            training: False or None returns the values as they are.

        Returns:
            float32, shaped like values.
        """
        if not training or not self.prob:
            return values
        own = own_values(values, valid)
        wide = over(own, values)
        chosen = over(self.draw(values) < self.prob, values)
        return ops.where(chosen & (wide > 0), self.change(values * wide, own), values)

    def idle_options(self, frontend) -> dict[str, str]:
        """Says which options change nothing on the features of a front end.

        Args:
            frontend: for its properties.

        Returns:
            Name of an option that is set to the reason.
        """
        return {}

    def draw(self, values, count: int = 1, low: float = 0.0, high: float = 1.0):
        """Draws numbers for each clip, even between two limits.

        Args:
            values: the clips, float (batch, ...).
            count: how many numbers.
            low: lowest.
            high: highest.

        Returns:
            float32 (batch, count).
        """
        return keras.random.uniform((ops.shape(values)[0], count), low, high, seed=self.seed)

    def compute_output_shape(self, values_shape, valid_shape=None) -> tuple:
        """Returns the shape of the values."""
        return values_shape

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"prob": self.prob}


def over(values, whole):
    """Gives (batch, frames) or (batch, 1) as many axes as what it is to be multiplied with."""
    return ops.reshape(values, (*ops.shape(values), *[1] * (len(whole.shape) - len(values.shape))))


def own_values(values, valid):
    """Returns float32, 1 where a sample or frame is no padding: (batch, samples) or (batch, frames)."""
    if valid is None:
        return ops.ones(ops.shape(values)[:2])
    if len(valid.shape) == 2:
        return ops.cast(valid, "float32")
    place = ops.arange(ops.shape(values)[1], dtype="int32")
    return ops.cast(place[None, :] < ops.cast(valid, "int32")[:, None], "float32")
