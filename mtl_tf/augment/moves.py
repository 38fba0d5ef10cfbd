"""Where the sounds of a clip are once augmentations moved them, and answers for steps brought back from there."""

import keras
from keras import ops

from mtl_tf.augment.augmentation import Augmentation, over, own_values


class Moving(Augmentation):
    """Base of the augmentations behind which sounds are at another time.

    Args:
        padding_value: of the frames that are padding, before and afterwards.
        **kwargs: see `Augmentation`.
    """

    on_features = True
    moves_time = True
    fixed_options = frozenset({"padding_value"})

    def __init__(self, padding_value: float = 0.0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.padding_value = padding_value

    def move(self, values, valid):
        """Moves sounds in some clips.

        Args:
            values: float (batch, frames, bins), of pictures with one axis more; 0 where padded.
            valid: bool (batch, frames), False where padded.

        Returns:
            As `call`, with anything where padded.
        """
        raise NotImplementedError

    def call(self, values, valid=None, training=None):
        """Changes some clips in training.

        Args:
            values: float (batch, frames, bins), of pictures with one axis more.
            valid: bool (batch, frames), False where padded; None: all count.
            training: False or None returns the clips as they are.

        Returns:
            float32, shaped like values; what is valid; and the moves of `moves_of`, float32 (batch, 1, 3).
        """
        if valid is None:
            valid = own_values(values, valid) > 0
        if not training or not self.prob:
            return values, valid, moves_of(values)
        moved, still, moves = self.move(ops.where(over(valid, values), values, 0.0), valid)
        return ops.where(over(still, moved), moved, self.padding_value), still, moves

    def compute_output_shape(self, values_shape, valid_shape=None) -> tuple:
        """Returns the shapes of values, of what is valid and of the moves."""
        return values_shape, valid_shape, (values_shape[0], 1, 3)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"padding_value": self.padding_value}


def moves_of(values, tempo=None, shift=None, turn=None):
    """Describes where each frame of a clip goes: frame `f` to `((f + shift) mod turn) / tempo`.

    Args:
        values: the clips, float (batch, frames, ...).
        tempo: float32 (batch, 1), how many times as fast each clip became; None: 1.
        shift: float32 (batch, 1), in frames; None: 0.
        turn: float32 (batch, 1), after how many frames the clip begins anew; None: 0, for never.

    Returns:
        float32 (batch, 1, 3): tempo, shift, turn.
    """
    ones = ops.ones((ops.shape(values)[0], 1))
    parts = [ones if tempo is None else tempo, *(ones * 0.0 if part is None else part for part in (shift, turn))]
    return ops.stack(parts, axis=2)


@keras.saving.register_keras_serializable(package="mtl_tf")
class AtFirstTimes(keras.layers.Layer):
    """Puts the answers for steps of clips whose sounds were moved back to where they belong in the clips as they were.

    Args:
        step_frames: how many frames become one step.
        first_step_frame: where the first step has its middle, in frames from that of the first frame.
    """

    def __init__(self, step_frames: int, first_step_frame: float, **kwargs) -> None:
        super().__init__(**(kwargs | {"dtype": "float32"}))
        self.step_frames, self.first_step_frame = step_frames, first_step_frame
        self.supports_masking = True  # a mask that comes along is not needed: losses know what is padding

    def compute_mask(self, inputs, previous_mask=None) -> None:
        """Ends a mask that comes along, which is of other times."""
        return None

    def call(self, answers, moves, partner=None):
        """Reads answers where they were before.

        Args:
            answers: float (batch, steps, classes).
            moves: float (batch, moves, 3) of `moves_of`, in the order in which the sounds were moved.
            partner: int (batch,); the answers are read at the times of these clips; None: of each clip itself.

        Returns:
            float (batch, steps, classes).
        """
        if partner is not None:
            moves = ops.take(moves, partner, axis=0)
        step = ops.cumsum(ops.ones_like(answers[:1, :, 0]), axis=1) - 1.0
        frame = step * self.step_frames + self.first_step_frame  # (1, steps)
        steps = ops.cast(ops.shape(answers)[1], "float32")
        end = ops.ones_like(moves[:, 0, :1]) * steps * self.step_frames  # (batch, 1), in frames
        for place in range(moves.shape[1]):
            tempo, shift, turn = (moves[:, place, part][:, None] for part in range(3))
            # The middle of a last step that is not full lies behind the clip, and must not become its beginning.
            turned = ops.mod(ops.minimum(frame, turn - 1.0) + shift, ops.maximum(turn, 1.0))
            frame = ops.where(turn > 0, turned, frame) / tempo
            end = ops.where(turn > 0, turn, end) / tempo
        place = ops.maximum((frame - self.first_step_frame) / self.step_frames, 0.0)  # (batch, steps)
        last = ops.minimum(ops.ceil(end / self.step_frames), steps) - 1.0
        return between(answers, place, ops.maximum(last, 0.0))

    def compute_output_shape(self, answers_shape, moves_shape=None, partner_shape=None) -> tuple:
        """Returns the shape of the answers."""
        return answers_shape

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("step_frames", "first_step_frame")
        return super().get_config() | {name: getattr(self, name) for name in names}


def between(values, place, last):
    """Interpolates linearly along the second axis, no further than `last`.

    Args:
        values: float (batch, frames, ...).
        place: float (batch, places), in frames.
        last: float (batch, 1) or (batch, places).

    Returns:
        float (batch, places, ...).
    """
    place = ops.minimum(place, last)
    below = ops.floor(place)
    first = ops.cast(below, "int32")
    second = ops.cast(ops.minimum(below + 1.0, last), "int32")
    low, high = (ops.take_along_axis(values, over(index, values), axis=1) for index in (first, second))
    return low + over(place - below, values) * (high - low)
