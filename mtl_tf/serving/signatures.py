"""What a served model can be asked."""

from pathlib import Path

import keras
import tensorflow as tf

WINDOWS_AT_ONCE = 16
LONGEST_STEP_S = 3600.0
LOUDEST = 10.0  # decoders of lossy files overshoot 1; integers not scaled down are far above
WAVEFORM = tf.TensorSpec([None, None], tf.float32, name="waveform")


class ServedModel(tf.Module):
    """A Keras model with its signatures and its class lists.

    | signature | takes | returns |
    |---|---|---|
    | `serving_default` | `waveform` float32 (batch, samples) | float32 (batch, classes) of every task by its name |
    | `task_NAME` | `waveform` | that task alone; nothing that only other heads need is computed |
    | `embedding` | `waveform` | `embedding` float32 (batch, channels): what the heads are given |
    | `windows` | `waveform` float32 (samples,), `window_s`, `hop_s` float32 | every task for every window, `start_s` |

    Waveforms are at the model's sample rate, in [-1, 1]; shorter clips of a batch are padded with zeros. `start_s` is
    float32 (windows,), the other answers of `windows` are float32 (windows, classes); the last window may reach beyond
    the end, padded likewise. Where a trunk gives steps, `embedding` is their mean, padding left out. The class names,
    one a line, are assets named `TASK.txt`.

    A request is refused (INVALID_ARGUMENT) if its waveform is empty, not finite or above 10 (integers that were not
    scaled down), and if `window_s` or `hop_s` is not above 0 or is above an hour. No answer ever holds a NaN.

    Args:
        model: waveform to probabilities by task.
        asset_files: one file of class names per task.
        longest: how many samples of a clip are used, as in training; None: all.
    """

    def __init__(self, model: keras.Model, asset_files: list[Path], longest: int | None = None) -> None:
        super().__init__()
        # The variables themselves, for a C++ loader does not restore those that are reached through Keras's wrappers.
        self.model_variables = [variable.value for variable in model.variables]
        self.class_lists = [tf.saved_model.Asset(str(path)) for path in asset_files]
        frontend = model.get_layer("frontend")
        self._sample_rate, self._longest = frontend.sample_rate, longest
        self._shortest = frontend.get_config().get("n_fft", 1)  # shorter clips do not fill one frame
        tasks = list(model.output)
        self._answer = self._checked(model)
        self._one_task = {task: self._checked(keras.Model(model.input, {task: model.output[task]})) for task in tasks}
        self._embed = self._checked(keras.Model(model.input, {"embedding": _embedding(model)}))

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """Traces every signature, by its name."""
        functions = {"serving_default": self._answer, "embedding": self._embed}
        functions |= {f"task_{task}": answer for task, answer in self._one_task.items()}
        traced = {
            name: tf.function(function, [WAVEFORM]).get_concrete_function() for name, function in functions.items()
        }
        seconds = [tf.TensorSpec([], tf.float32, name=name) for name in ("window_s", "hop_s")]
        long = tf.TensorSpec([None], tf.float32, name="waveform")
        traced["windows"] = tf.function(self._windows, [long, *seconds]).get_concrete_function()
        return traced

    def _checked(self, model: keras.Model):
        compute = tf.autograph.experimental.do_not_convert(lambda waveform: model(waveform, training=False))

        def answer(waveform: tf.Tensor) -> dict[str, tf.Tensor]:
            waveform = tf.debugging.check_numerics(waveform, "waveform holds values that are not finite")
            given = tf.shape(waveform)[1]
            not_empty = tf.debugging.Assert(given > 0, ["waveform holds no samples; its shape is", tf.shape(waveform)])
            loudest = tf.reduce_max(tf.abs(waveform))
            in_range = tf.debugging.Assert(
                loudest <= LOUDEST, ["waveform must lie in [-1, 1]; its largest value is", loudest]
            )
            with tf.control_dependencies([not_empty, in_range]):
                waveform = waveform[:, : self._longest]
            short = tf.maximum(self._shortest - tf.shape(waveform)[1], 0)
            outputs = compute(tf.pad(waveform, [[0, 0], [0, short]]))
            return {
                name: tf.debugging.check_numerics(values, f"{name} is not finite") for name, values in outputs.items()
            }

        return answer

    def _windows(self, waveform: tf.Tensor, window_s: tf.Tensor, hop_s: tf.Tensor) -> dict[str, tf.Tensor]:
        sound = (window_s > 0.0) & (hop_s > 0.0) & (window_s <= LONGEST_STEP_S) & (hop_s <= LONGEST_STEP_S)
        message = f"window_s and hop_s must be above 0 and at most {LONGEST_STEP_S:.0f}; they are"
        samples = tf.size(waveform)
        checks = [
            tf.debugging.Assert(sound, [message, window_s, hop_s]),
            tf.debugging.Assert(samples > 0, ["waveform holds no samples; its shape is", tf.shape(waveform)]),
        ]
        with tf.control_dependencies(checks):
            window, hop = (
                tf.maximum(tf.cast(tf.round(seconds * self._sample_rate), tf.int32), 1) for seconds in (window_s, hop_s)
            )
        window = tf.minimum(window, samples)  # what lies beyond the end is padding in any case
        count = 1 + (samples - window + hop - 1) // hop
        size = tf.minimum(count, WINDOWS_AT_ONCE)
        groups = -(-count // size)
        starts = hop * tf.range(groups * size)

        def answer_group(first: tf.Tensor) -> dict[str, tf.Tensor]:
            places = starts[first : first + size, None] + tf.range(window)  # (windows, samples)
            cut = tf.gather(waveform, tf.minimum(places, samples - 1))
            return self._answer(tf.where(places < samples, cut, 0.0))

        kinds = {task: tf.float32 for task in self._one_task}
        answers = tf.map_fn(answer_group, size * tf.range(groups), fn_output_signature=kinds)
        answers = {task: tf.reshape(values, [-1, values.shape[-1]])[:count] for task, values in answers.items()}
        return {"start_s": tf.cast(starts[:count], tf.float32) / self._sample_rate, **answers}


def _embedding(model: keras.Model):
    output = model.get_layer("trunk").output
    if not isinstance(output, list | tuple):
        return output
    steps, valid = output  # (batch, steps, channels), (batch, steps)
    return keras.layers.GlobalAveragePooling1D(name="mean_step")(steps, mask=valid)
