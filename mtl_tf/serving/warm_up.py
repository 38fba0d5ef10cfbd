"""Requests that TF Serving replays when it loads a version, so that the first user does not wait for compilation."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import classification_pb2, predict_pb2, prediction_log_pb2

FILE = "tf_serving_warmup_requests"
BATCH_SIZES = (1, 4, 16)
LONGEST_WAV_S = 0.5  # every byte of a WAV is in the file


def write_warm_up(
    folder: Path, name: str, signatures: Sequence[str], sample_rate: int, clip_s: float, num_bins: int
) -> None:
    """Writes requests to every signature in several batch sizes, as TF Serving's prediction logs.

    Args:
        folder: `assets.extra` of the version.
        name: of the model.
        signatures: of the model.
        sample_rate: of the model, in Hz.
        clip_s: length of the clips, in seconds.
        num_bins: of the features.
    """
    with tf.io.TFRecordWriter(str(folder / FILE)) as writer:
        for size in BATCH_SIZES:
            for signature in signatures:
                seconds = min(clip_s, LONGEST_WAV_S) if signature.startswith(("classify", "from")) else clip_s
                clips = np.full((size, round(seconds * sample_rate)), 0.01, np.float32)
                writer.write(_logged(name, signature, clips, sample_rate, clip_s, num_bins).SerializeToString())


def signature_inputs(
    signature: str, clips: np.ndarray, sample_rate: int, clip_s: float, num_bins: int = 1
) -> dict[str, np.ndarray]:
    """Makes the inputs of one signature from clips.

    Args:
        signature: its name, not one of `classify`.
        clips: float32 (batch, samples).
        sample_rate: in Hz.
        clip_s: length of a window, in seconds.
        num_bins: of the features, for `with_statistics`.
    """
    if signature == "windows":
        seconds = {"window_s": np.float32(clip_s), "hop_s": np.float32(clip_s / 2)}
        return {"waveform": clips.reshape(-1), **seconds}
    if signature == "about":
        return {"question": np.array([b""] * len(clips), object)}
    if signature == "from_wav_bytes":
        return {"wav": np.array([wav_bytes(clip, sample_rate) for clip in clips], object)}
    length = {"length": np.full(len(clips), clips.shape[1], np.int32)}
    if signature == "with_statistics":
        ones = np.ones((len(clips), num_bins), np.float32)
        return {"waveform": clips, **length, "mean": ones, "deviation": ones}
    return {"waveform": clips, **(length if signature in ("with_length", "enrol") else {})}


def clip_example(clip: np.ndarray, sample_rate: int) -> tf.train.Example:
    """Puts a clip into an Example as the `classify` signatures take it."""
    content = tf.train.Feature(bytes_list=tf.train.BytesList(value=[wav_bytes(clip, sample_rate)]))
    return tf.train.Example(features=tf.train.Features(feature={"wav": content}))


def wav_bytes(waveform: np.ndarray, sample_rate: int, subtype: str = "PCM_16") -> bytes:
    """Writes float32 (samples,) as a WAV file, of 16 bits or, with `FLOAT`, as it is."""
    target = io.BytesIO()
    soundfile.write(target, waveform, sample_rate, subtype, format="WAV")
    return target.getvalue()


def _logged(
    name: str, signature: str, clips: np.ndarray, sample_rate: int, clip_s: float, num_bins: int
) -> prediction_log_pb2.PredictionLog:
    if signature.startswith("classify"):
        request = classification_pb2.ClassificationRequest()
        request.model_spec.name, request.model_spec.signature_name = name, signature
        request.input.example_list.examples.extend(clip_example(clip, sample_rate) for clip in clips)
        return prediction_log_pb2.PredictionLog(classify_log=prediction_log_pb2.ClassifyLog(request=request))
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = name, signature
    for key, values in signature_inputs(signature, clips, sample_rate, clip_s, num_bins).items():
        request.inputs[key].CopyFrom(_compact(values))
    return prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))


def _compact(values: np.ndarray) -> tensor_pb2.TensorProto:
    """Writes an array; of one that holds a single number everywhere, the number alone, which readers repeat."""
    values = np.asarray(values)
    if values.dtype != np.float32 or not np.all(values == values.flat[0]):
        return tf.make_tensor_proto(values)
    proto = tf.make_tensor_proto(values.flat[0], shape=[])
    proto.tensor_shape.CopyFrom(tf.TensorShape(values.shape).as_proto())
    return proto
