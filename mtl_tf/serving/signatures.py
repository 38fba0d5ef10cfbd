"""What a served model can be asked."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import keras
import tensorflow as tf

from mtl_tf.data.decode import LOUDEST
from mtl_tf.models.build import STATISTICS
from mtl_tf.models.build import answer as model_answer
from mtl_tf.models.embedding import embedding_of
from mtl_tf.models.steps import model_steps
from mtl_tf.serving.enrolment import checked_statistics, enrol
from mtl_tf.serving.request_checks import Answers, checked_length, few_enough, make_signature
from mtl_tf.serving.wav_bytes import WavDecoder

WINDOWS_AT_ONCE, SECONDS_AT_ONCE = 16, 160  # computed together, so that memory is bounded
MOST_WINDOWS = 36_000  # an hour at ten a second
LONGEST_STEP_S = 3600.0
WAVEFORM = tf.TensorSpec([None, None], tf.float32, name="waveform")
WAV = tf.TensorSpec([], tf.string)
RAGGED = tf.RaggedTensorSpec([None], tf.float32, ragged_rank=0)
LENGTH = tf.TensorSpec([None], tf.int32, name="length")
VALID, TIME, PADDING_S = "valid_steps", "time_s", -1.0


class ServedModel(tf.Module):
    """A Keras model with its signatures and its class lists.

    | signature | takes | returns |
    |---|---|---|
    | `serving_default` | `waveform` float32 (batch, samples) | float32 (batch, classes) of every task by its name |
    | `with_length` | `waveform`, `length` int32 (batch,) | the same |
    | `task_NAME` | `waveform` | that task alone; nothing that only other heads need is computed |
    | `embedding` | `waveform` | `embedding` float32 (batch, channels): what the heads are given |
    | `windows` | `waveform` float32 (samples,), `window_s`, `hop_s` float32 | every task for every window, `start_s` |
    | `from_wav_bytes` | `wav` string (batch,), as `WavDecoder` reads them | as `serving_default` |
    | `classify_NAME` | `inputs` string (batch,), Example protos | `classes` string, `scores` float32 (batch, classes) |
    | `classify` | the same | classes of all tasks as `TASK/CLASS` |
    | `enrol` | as `with_length`, clips of a speaker | `mean`, `deviation` float32 (1, bins) |
    | `with_statistics` | `waveform`, `length`, `mean`, `deviation` float32 (batch, bins) | as `serving_default` |
    | `about` | `question` string (batch,), anything | `details` string (batch,): the same JSON as in `model.json` |

    Waveforms are at the model's sample rate, in [-1, 1]. `serving_default` takes every sample as given, zeros at the
    end too. Clips of different lengths in one batch need `with_length`: `length` says how many samples of each clip
    count, and what follows them may be anything; it has a signature of its own, as not every server and loader leaves
    an input of a signature out. `enrol` and `with_statistics` are there where the front end normalises over a speaker
    or another group of clips; the other signatures normalise by the training clips then. `start_s` is float32
    (windows,), the other answers of `windows` are float32 (windows, classes); of the last window what lies beyond the
    end is not counted. A question of every step is answered by
    (batch, steps, classes), and beside it stands `time_s`, float32 (batch, steps): the middle of each step, in seconds,
    from the start of the recording in `windows`, and -1 for a step that is padding, whose answer means nothing. The
    `classify` signatures answer questions of whole clips alone. An Example holds `wav` (bytes) or `waveform` (floats).
    Where a trunk gives steps and no embedding, `embedding` is their mean, padding left out.
    The class names, one a line, are assets named `TASK.txt`.

    A request is refused (INVALID_ARGUMENT) if an input has another number of axes, if a waveform is empty, not finite
    or above 10 (integers that were not scaled down), if `length` is not between 1 and the samples there are, if
    `window_s` or `hop_s` is not above 0 or is above an hour or they make more than 36,000 windows, and if bytes are no
    whole WAV file of a declared rate, or the clips make more than an hour, each counted as the longest (`windows` takes
    recordings of any length).
    No answer ever holds a NaN.

    Args:
        model: waveform to probabilities by task.
        classes: the class names of every task.
        asset_files: what the export keeps beside the model.
        longest: how many samples of a clip are used, as in training; None: all.
        wav_rates: sample rates that WAV bytes may have, in Hz; none: the model's alone.
        details: what `about` answers, as JSON.
    """

    def __init__(
        self,
        model: keras.Model,
        classes: dict[str, list[str]],
        asset_files: Sequence[Path] = (),
        longest: int | None = None,
        wav_rates: Sequence[int] = (),
        details: str = "{}",
    ) -> None:
        super().__init__()
        # The variables themselves, for a C++ loader does not restore those that are reached through Keras's wrappers.
        self.model_variables = [variable.value for variable in model.variables]
        self.asset_files = [tf.saved_model.Asset(str(path)) for path in asset_files]
        frontend = model.get_layer("frontend")
        self._sample_rate, self._longest = frontend.sample_rate, longest
        self._shortest = frontend.min_samples  # shorter clips do not fill one frame
        self._details = details
        self._classes = {task: tf.constant(names) for task, names in classes.items()}
        decoder = WavDecoder(self._sample_rate, wav_rates or [self._sample_rate])
        self._decode = tf.function(decoder.decode, input_signature=[WAV, tf.TensorSpec([], tf.int32)])
        self._of_clips = [task for task, output in model.output.items() if not _is_of_frames(output)]
        if len(self._of_clips) < len(model.output):
            self._steps = model_steps(frontend, model.get_layer("trunk"))
        self._model, self._frontend = model, frontend
        self._answer = self._checked(_with_steps(model, model.output))
        self._one_task = {
            task: self._checked(_with_steps(model, {task: output})) for task, output in model.output.items()
        }
        self._embed = self._checked(keras.Model(model.input, {"embedding": embedding_of(model)}))

    def signatures(self) -> dict[str, tf.types.experimental.PolymorphicFunction]:
        """Makes every signature, by its name."""
        functions = {"serving_default": self._answer, "embedding": self._embed}
        functions |= {f"task_{task}": answer for task, answer in self._one_task.items()}
        served = {name: make_signature(_every_sample(answer), WAVEFORM) for name, answer in functions.items()}
        served["with_length"] = make_signature(
            lambda waveform, length: self._answer(waveform, checked_length(waveform, length)), WAVEFORM, LENGTH
        )
        seconds = [tf.TensorSpec([], tf.float32, name=name) for name in ("window_s", "hop_s")]
        served["windows"] = make_signature(self._windows, tf.TensorSpec([None], tf.float32, name="waveform"), *seconds)
        served["from_wav_bytes"] = make_signature(self._from_wav_bytes, tf.TensorSpec([None], tf.string, name="wav"))
        served["about"] = make_signature(
            lambda question: {"details": tf.fill(tf.shape(question), self._details)},
            tf.TensorSpec([None], tf.string, name="question"),
        )
        if self._frontend.takes_statistics:
            served |= self._of_groups()
        if self._of_clips:
            served["classify"] = self._classifier(self._answer, self._of_clips)
        for task in self._of_clips:
            served[f"classify_{task}"] = self._classifier(self._one_task[task], [task])
        return served

    def _of_groups(self) -> dict[str, tf.types.experimental.PolymorphicFunction]:
        """Makes the signatures that learn of a speaker, or another group of clips, and that use what was learned."""
        known = [tf.TensorSpec([None, self._frontend.num_bins], tf.float32, name=name) for name in STATISTICS]
        answer = self._checked(_with_steps(self._model, self._model.output), *known)
        measured = self._checked(enrol(self._frontend))
        with_known = make_signature(
            lambda waveform, length, *known: answer(
                waveform, checked_length(waveform, length), *checked_statistics(waveform, *known)
            ),
            WAVEFORM,
            LENGTH,
            *known,
        )
        enrolled = make_signature(
            lambda waveform, length: measured(waveform, checked_length(waveform, length)), WAVEFORM, LENGTH
        )
        return {"with_statistics": with_known, "enrol": enrolled}

    def _checked(self, model: keras.Model | Callable[..., Answers], *more: tf.TensorSpec) -> Callable[..., Answers]:
        compute = partial(model_answer, model) if isinstance(model, keras.Model) else model
        compute = tf.autograph.experimental.do_not_convert(compute)

        def answer(waveform: tf.Tensor, length: tf.Tensor, *known: tf.Tensor) -> Answers:
            # What is not counted may be anything, and is not looked at.
            waveform = tf.where(tf.range(tf.shape(waveform)[1]) < length[:, None], waveform, 0.0)
            waveform = tf.debugging.check_numerics(waveform, "waveform holds values that are not finite")
            not_empty = tf.debugging.Assert(
                tf.size(waveform) > 0, ["waveform holds no samples; its shape is", tf.shape(waveform)]
            )
            loudest = tf.reduce_max(tf.abs(waveform))
            in_range = tf.debugging.Assert(
                loudest <= LOUDEST, ["waveform must lie in [-1, 1]; its largest value is", loudest]
            )
            with tf.control_dependencies([not_empty, in_range]):
                waveform = waveform[:, : self._longest]
            seconds = tf.size(waveform, out_type=tf.int64) // self._sample_rate
            with tf.control_dependencies([few_enough(seconds)]):
                waveform = tf.identity(waveform)
            short = tf.maximum(self._shortest - tf.shape(waveform)[1], 0)
            length = tf.minimum(length, tf.shape(waveform)[1])
            statistics = dict(zip(STATISTICS, known, strict=False))  # none, where those of the training clips serve
            outputs = compute(tf.pad(waveform, [[0, 0], [0, short]]), length, **statistics)
            valid = outputs.pop(VALID, None)
            answers = {
                name: tf.debugging.check_numerics(values, f"{name} is not finite") for name, values in outputs.items()
            }
            if valid is None:
                return answers
            first_s, period_s = self._steps.first_and_period_s(tf.maximum(length, self._shortest)[:, None])
            number = tf.range(tf.shape(valid)[1], dtype=tf.float32)
            middles_s = tf.cast(first_s, tf.float32) + tf.cast(period_s, tf.float32) * number
            return answers | {TIME: tf.where(valid, middles_s, PADDING_S)}

        # One function for all signatures that call it, so that the model is in the export once.
        return tf.function(answer, input_signature=[WAVEFORM, LENGTH, *more]).get_concrete_function()

    def _from_wav_bytes(self, wav: tf.Tensor) -> Answers:
        waveforms = tf.map_fn(lambda item: self._used(*item), (wav, tf.range(tf.size(wav))), fn_output_signature=RAGGED)
        return self._answer(*self._padded(waveforms))

    def _used(self, wav: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        return self._decode(wav, number)[: self._longest]

    def _padded(self, waveforms: tf.RaggedTensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Pads clips to the longest, unless a few bytes would so become more than memory holds."""
        seconds = waveforms.bounding_shape(out_type=tf.int64)
        seconds = seconds[0] * seconds[1] // self._sample_rate
        with tf.control_dependencies([few_enough(seconds)]):
            return waveforms.to_tensor(), tf.cast(waveforms.row_lengths(), tf.int32)

    def _windows(self, waveform: tf.Tensor, window_s: tf.Tensor, hop_s: tf.Tensor) -> Answers:
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
        # None begins behind the end, as one could where the hop is longer than the window.
        count = tf.minimum(1 + (samples - window + hop - 1) // hop, (samples + hop - 1) // hop)
        few = tf.debugging.Assert(
            count <= MOST_WINDOWS, [f"at most {MOST_WINDOWS} windows a request; these are", count]
        )
        with tf.control_dependencies([few]):
            size = tf.minimum(
                count, tf.clip_by_value(SECONDS_AT_ONCE * self._sample_rate // window, 1, WINDOWS_AT_ONCE)
            )
        groups = -(-count // size)
        starts = hop * tf.range(groups * size)

        def answer_group(first: tf.Tensor) -> Answers:
            places = starts[first : first + size, None] + tf.range(window)  # (windows, samples)
            cut = tf.gather(waveform, tf.minimum(places, samples - 1))
            return self._answer(cut, tf.clip_by_value(samples - starts[first : first + size], 1, window))

        kinds = {name: tf.float32 for name in self._answer.structured_outputs}
        answers = tf.map_fn(answer_group, size * tf.range(groups), fn_output_signature=kinds)
        answers = {
            name: tf.reshape(values, tf.concat([[-1], tf.shape(values)[2:]], axis=0))[:count]
            for name, values in answers.items()
        }
        start_s = tf.cast(starts[:count], tf.float32) / self._sample_rate
        if TIME in answers:
            answers[TIME] = tf.where(answers[TIME] < 0.0, PADDING_S, answers[TIME] + start_s[:, None])
        return {"start_s": start_s, **answers}

    def _classifier(
        self, answer: Callable[[tf.Tensor, tf.Tensor], Answers], tasks: list[str]
    ) -> tf.types.experimental.PolymorphicFunction:
        names = self._classes[tasks[0]]
        if len(tasks) > 1:
            names = tf.concat([tf.strings.join([task, self._classes[task]], "/") for task in tasks], axis=0)
        features = {
            "wav": tf.io.FixedLenFeature([], tf.string, ""),
            "waveform": tf.io.RaggedFeature(tf.float32),
        }

        def waveform_of(example: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tf.Tensor:
            wav, waveform, number = example
            given = tf.debugging.Assert(
                (wav != b"") | (tf.size(waveform) > 0), ["input", number, "holds neither wav nor waveform"]
            )
            with tf.control_dependencies([given]):
                wav = tf.identity(wav)
            return tf.cond(wav == b"", lambda: waveform[: self._longest], lambda: self._used(wav, number))

        def classify(inputs: tf.Tensor) -> Answers:
            parsed = tf.io.parse_example(inputs, features)
            examples = (parsed["wav"], parsed["waveform"], tf.range(tf.size(inputs)))
            waveforms = tf.map_fn(waveform_of, examples, fn_output_signature=RAGGED)
            answers = answer(*self._padded(waveforms))
            scores = tf.concat([answers[task] for task in tasks], axis=1)
            return {"classes": tf.repeat(names[None], tf.shape(scores)[0], axis=0), "scores": scores}

        return make_signature(classify, tf.TensorSpec([None], tf.string, name="inputs"))


def _every_sample(answer: Callable[[tf.Tensor, tf.Tensor], Answers]) -> Callable[[tf.Tensor], Answers]:
    return lambda waveform: answer(waveform, tf.fill(tf.shape(waveform)[:1], tf.shape(waveform)[1]))


def _is_of_frames(output) -> bool:
    return len(output.shape) == 3


def _with_steps(model: keras.Model, outputs: dict) -> keras.Model:
    """Takes some outputs of a model, and which steps are no padding where one of them is of steps."""
    timed = any(map(_is_of_frames, outputs.values()))
    return keras.Model(model.input, outputs | ({VALID: model.get_layer("trunk").output[-1]} if timed else {}))
