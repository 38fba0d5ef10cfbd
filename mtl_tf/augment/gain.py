"""Louder and softer clips."""

import keras
from keras import ops

from mtl_tf.augment.augmentation import Augmentation
from mtl_tf.construct import Decibels


@keras.saving.register_keras_serializable(package="mtl_tf")
class Gain(Augmentation):
    """Multiplies a clip by a factor drawn evenly in decibels; half of the changed clips have their sign turned, too.

    Schlüter and Grill (2015) change loudness so. Shapes: see `Augmentation`. A factor above 1 may lead beyond full
    scale, and nothing is clipped.

    Args:
        low_db: lowest gain.
        high_db: highest gain.
        turn: whether to turn signs.
        **kwargs: see `Augmentation`.

    Raises:
        ValueError: low_db is above high_db.
    """

    def __init__(self, low_db: Decibels = -12.0, high_db: Decibels = 6.0, turn: bool = True, **kwargs) -> None:
        super().__init__(**kwargs)
        if low_db > high_db:
            raise ValueError(f"low_db={low_db} is above high_db={high_db}")
        self.low_db, self.high_db, self.turn = low_db, high_db, turn

    def change(self, values, valid):
        """Multiplies each clip."""
        factor = 10.0 ** (self.draw(values, low=self.low_db, high=self.high_db) / 20.0)
        if self.turn:
            factor *= ops.where(self.draw(values) < 0.5, -1.0, 1.0)
        return values * factor

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"low_db": self.low_db, "high_db": self.high_db, "turn": self.turn}
