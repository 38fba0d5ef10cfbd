"""Clips that begin at another place, and go on with their beginning behind their end."""

import keras
from keras import ops

from mtl_tf.augment.augmentation import over
from mtl_tf.augment.moves import Moving, moves_of
from mtl_tf.construct import Probability


@keras.saving.register_keras_serializable(package="mtl_tf")
class Roll(Moving):
    """Moves the features of a clip in time; what leaves it at one end comes back at the other.

    Networks for sound events are trained so, where it is called frame shift (Nam et al. 2022). Shapes: see
    `Augmentation`. A clip is moved by whole frames, and padding stays behind it.

    Args:
        most: longest move to either side, as a share of the clip; drawn evenly.
        **kwargs: see `Moving`.
    """

    needs_frames = True

    def __init__(self, most: Probability = 0.5, **kwargs) -> None:
        super().__init__(**kwargs)
        self.most = most

    def move(self, values, valid):
        """Turns each clip within its own frames."""
        frames = ops.maximum(ops.sum(ops.cast(valid, "float32"), axis=1, keepdims=True), 1.0)  # (batch, 1)
        drawn = self.draw(values, low=-self.most, high=self.most)
        shift = ops.where(self.draw(values) < self.prob, ops.round(drawn * frames), 0.0)
        frame = ops.cumsum(ops.ones_like(valid, dtype="float32"), axis=1) - 1.0
        place = ops.where(valid, ops.mod(frame - shift, frames), frame)
        moved = ops.take_along_axis(values, over(ops.cast(place, "int32"), values), axis=1)
        return moved, valid, moves_of(values, shift=shift, turn=frames)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"most": self.most}
