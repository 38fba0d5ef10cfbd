"""Steps in time: what trunks give beside the embedding of a clip, and when each step is."""

from collections.abc import Mapping

import keras
from keras import ops

from mtl_tf.errors import UserError
from mtl_tf.frontends.frontend import FrontEnd
from mtl_tf.tasks.steps import Steps
from mtl_tf.tasks.task import Task

TRACED_STEPS = 64  # more than any kernel is long


class SteppedTrunk(keras.layers.Layer):
    """Base of the trunks that have something for every step in time before they pool it to one embedding.

    A subclass has `step_frames`, `hidden_steps` and `pool`.

    Input float (batch, frames, bins) and mask (batch, frames); output of `call` the embedding (batch, channels), or,
    with `return_steps`, the embedding, the steps (batch, steps, channels) and their mask (batch, steps).

    Args:
        return_steps: set by `mtl_tf.models.build` where a task asks every step.
    """

    fixed_options = frozenset({"return_steps"})

    def __init__(self, return_steps: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        self.return_steps = return_steps

    @property
    def step_frames(self) -> int:
        """How many frames become one step."""
        raise NotImplementedError

    @property
    def first_step_frame(self) -> float:
        """Where the first step has its middle, in frames from that of the first frame."""
        return (self.step_frames - 1) / 2

    def count_steps(self, frames: int) -> int:
        """Returns how many steps a number of frames becomes."""
        return -(-frames // self.step_frames)

    def hidden_steps(self, features, frame_mask, training):
        """Computes what stands before the pooling, and float (batch, steps), 0 on padding."""
        raise NotImplementedError

    def pool(self, hidden, valid, training):
        """Pools what `hidden_steps` gives to (batch, channels)."""
        raise NotImplementedError

    def call(self, features, frame_mask=None, training=None):
        """Maps (batch, frames, bins) to the embedding, and to the steps where they are asked for."""
        hidden, valid = self.hidden_steps(features, frame_mask, training)
        embedding = self.pool(hidden, valid, training)
        if not self.return_steps:
            return embedding
        if len(hidden.shape) == 4:  # (batch, steps, bins, channels)
            hidden = ops.reshape(hidden, (ops.shape(hidden)[0], -1, hidden.shape[2] * hidden.shape[3]))
        return embedding, hidden, valid > 0

    def compute_output_spec(self, features, frame_mask=None, training=None):
        """Traces `call` where there are steps, and leaves their number open; else `compute_output_shape` tells."""
        if not self.return_steps:
            return super().compute_output_spec(features, frame_mask=frame_mask, training=training)
        # Of one number of frames, as the JAX backend cannot tell that two ways to halve an open one come to the same.
        frames = features.shape[1] or TRACED_STEPS * self.step_frames
        features = keras.KerasTensor((features.shape[0], frames, *features.shape[2:]), features.dtype)
        if frame_mask is not None:
            frame_mask = keras.KerasTensor((features.shape[0], frames), "bool")
        traced = keras.Operation.compute_output_spec(self, features, frame_mask=frame_mask, training=training)
        embedding, *steps = traced
        steps = [_open(values) for values in steps]
        return (tuple(map(_open, embedding)) if isinstance(embedding, tuple) else embedding, *steps)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"return_steps": self.return_steps}


def _open(values: keras.KerasTensor) -> keras.KerasTensor:
    return keras.KerasTensor((values.shape[0], None, *values.shape[2:]), values.dtype)


def model_steps(frontend: FrontEnd, trunk: keras.layers.Layer) -> Steps:
    """Finds when the steps of a model are.

    Args:
        frontend: of the model.
        trunk: of the model.

    Raises:
        UserError: the trunk gives no steps, or the front end one frame for a whole clip.
    """
    if not isinstance(trunk, SteppedTrunk):
        raise UserError(
            "a task with resolution in time needs steps, which this model does not give; give model=crnn, "
            "compact_cnn, mel_cnn, gresnet, fu2020, cab_cnn or shared_dnn"
        )
    if frontend.makes_one_frame:
        raise UserError("this front end makes one frame of a clip, so there are no steps; give frontend.window_s=0.5")
    num_frames, period_s = frontend.num_frames, frontend.frame_period_s
    resized = frontend.fit == "resize"

    def count(samples: int) -> int:
        frames = max(frontend.count_frames(samples), 1)
        if num_frames is not None:
            frames = num_frames if resized else min(frames, num_frames)
        return max(trunk.count_steps(frames), 0)

    def stretch(samples):
        return frontend.count_own_frames(samples) / num_frames

    cut = num_frames is not None and not resized
    return Steps(
        sample_rate=frontend.sample_rate,
        first_frame_s=frontend.first_frame_s,
        frame_period_s=period_s,
        step_frames=trunk.step_frames,
        first_step_frame=trunk.first_step_frame,
        count=count,
        stretch=stretch if resized else None,
        longest_s=frontend.first_frame_s + (num_frames - 0.5) * period_s if cut else None,
    )


def steps_of(model: keras.Model, tasks: Mapping[str, Task]) -> Steps | None:
    """Finds when the steps of a model are; None where no task asks for them.

    Args:
        model: of `mtl_tf.models.build`.
        tasks: its questions.
    """
    if not any(task.of_frames for task in tasks.values()):
        return None
    return model_steps(model.get_layer("frontend"), model.get_layer("trunk"))
