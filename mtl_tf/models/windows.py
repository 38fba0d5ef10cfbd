"""Answers a clip by the mean of the answers to windows of it."""

import keras
from keras import ops

from mtl_tf.construct import Size
from mtl_tf.errors import UserError
from mtl_tf.frontends.frontend import FrontEnd


@keras.saving.register_keras_serializable(package="mtl_tf")
class SplitWindows(keras.layers.Layer):
    """Cuts the features of a clip into windows of one length, which overlap. In training, clips pass as they are.

    Input float (batch, frames, ...) and mask (batch, frames). Output: windows, float (batch * windows, window_frames,
    ...), their mask, and weights, float32 (batch, windows), 1 for a window that holds the clip and 0 for one of padding
    alone. A clip of at most one window's length is one window. Of the last window what lies beyond the end is padding.

    Args:
        window_frames: length of a window.
        hop_frames: from the start of one to that of the next.
        padding_value: of the frames that are padding.
    """

    def __init__(self, window_frames: Size, hop_frames: Size, padding_value: float = 0.0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.window_frames, self.hop_frames, self.padding_value = window_frames, hop_frames, padding_value
        self.supports_masking = True

    def call(self, features, frame_mask, training=None):
        """Cuts, but in training."""
        if training:
            return features, frame_mask, ops.ones_like(features[:, :1, 0], dtype="float32")
        frames = ops.shape(features)[1]
        windows = self._count(frames)
        spare = ops.maximum((windows - 1) * self.hop_frames + self.window_frames - frames, 0)
        starts = self.hop_frames * ops.arange(windows, dtype="int32")
        places = starts[:, None] + ops.arange(self.window_frames, dtype="int32")[None, :]  # (windows, window_frames)
        own = ops.sum(ops.cast(frame_mask, "int32"), axis=1)
        weights = ops.arange(windows, dtype="int32")[None, :] < self._count(own)[:, None]
        kinds = ((features, self.padding_value), (frame_mask, False))
        cut = [self._cut(values, fill, spare, places) for values, fill in kinds]
        first = ops.arange(self.window_frames) == 0  # a trunk takes no clip without a frame
        return cut[0], ops.logical_or(cut[1], first), ops.cast(weights, "float32")

    def _count(self, frames):
        beyond = ops.maximum(frames - self.window_frames, 0)
        return (beyond + self.hop_frames - 1) // self.hop_frames + 1

    def _cut(self, values, fill, spare, places):
        padding = [[0, 0], [0, spare], *[[0, 0]] * (len(values.shape) - 2)]
        padded = ops.pad(values, padding, constant_values=fill)
        windows = ops.take(padded, places, axis=1)  # (batch, windows, window_frames, ...)
        return ops.reshape(windows, (-1, self.window_frames, *values.shape[2:]))

    def compute_output_shape(self, features_shape, frame_mask_shape=None) -> tuple:
        """Returns the shapes of windows, mask and weights."""
        return (None, None, *features_shape[2:]), (None, None), (features_shape[0], None)

    def compute_output_spec(self, features, frame_mask, training=None):
        """Returns the types of windows, mask and weights."""
        shapes = self.compute_output_shape(features.shape)
        types = (features.dtype, "bool", "float32")
        return tuple(keras.KerasTensor(shape, dtype) for shape, dtype in zip(shapes, types, strict=True))

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("window_frames", "hop_frames", "padding_value")
        return super().get_config() | {name: getattr(self, name) for name in names}


@keras.saving.register_keras_serializable(package="mtl_tf")
class MeanOfWindows(keras.layers.Layer):
    """Takes the mean of what was found for the windows of each clip.

    Input float (batch * windows, values) and weights (batch, windows) of `SplitWindows`; output (batch, values).
    """

    def call(self, values, weights):
        """Averages the windows that hold the clip."""
        weights = ops.cast(weights, values.dtype)[:, :, None]
        each = ops.reshape(values, (-1, ops.shape(weights)[1], values.shape[-1]))
        return ops.sum(each * weights, axis=1) / ops.sum(weights, axis=1)

    def compute_output_shape(self, values_shape, weights_shape) -> tuple:
        """Returns (batch, values)."""
        return (weights_shape[0], values_shape[-1])


def windows_of(frontend: FrontEnd, window_s: float | None, hop_s: float | None) -> SplitWindows | None:
    """Builds the layer that cuts the features of a front end.

    Args:
        frontend: of the model.
        window_s: length of a window, in seconds; None: clips are answered in one piece.
        hop_s: from the start of one window to that of the next, in seconds; None: half a window.

    Raises:
        UserError: a window is shorter than a frame, or the front end gives every clip the same number of frames.
    """
    if window_s is None:
        if hop_s is not None:
            raise UserError("pipeline.window_hop_s needs pipeline.window_s; give both, or neither")
        return None
    if frontend.num_frames is not None or frontend.makes_one_frame:
        raise UserError(
            "pipeline.window_s: this front end gives every clip the same number of frames, so there is nothing to cut; "
            "leave it away"
        )
    samples = round(window_s * frontend.sample_rate)
    if samples < frontend.min_samples:
        least = frontend.min_samples / frontend.sample_rate
        raise UserError(f"pipeline.window_s={window_s:g} is shorter than one analysis frame of {least:.3f} s")
    if hop_s is not None and hop_s > window_s:
        raise UserError(
            f"pipeline.window_hop_s={hop_s:g} is longer than pipeline.window_s={window_s:g}, so windows would leave "
            "parts of a clip out; give a shorter one"
        )
    hop_frames = round((window_s / 2 if hop_s is None else hop_s) / frontend.frame_period_s)
    window_frames = int(frontend.count_frames(samples))
    hop_frames = min(max(hop_frames, 1), window_frames)
    return SplitWindows(window_frames, hop_frames, frontend.padding_value, name="windows")
