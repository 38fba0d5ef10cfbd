"""The same model for other runtimes: ONNX for servers and browsers, LiteRT (TFLite) for phones and boards."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from mtl_tf.errors import UserError
from mtl_tf.models.build import answer
from mtl_tf.models.ensemble import networks_of
from mtl_tf.runs.load_model import load_model
from mtl_tf.runs.read import load_config, longest_clip

FILES = {"onnx": "model.onnx", "lite": "model.tflite", "lite_int8": "model_int8.tflite"}
OPSET = 17
TOLERANCE = 1e-4
RESULTS = "portable.json"
_TIMED_RUNS = 20


def write_portable(folder: Path, target: Path, formats: Sequence[str]) -> list[dict]:
    """Converts a run's model, in a process of its own, as a converter that fails may take its process with it.

    | format | file | takes |
    |---|---|---|
    | `onnx` | `model.onnx` | `waveform` float32 (batch, samples), any of both; `length` int32 (batch,) |
    | `lite` | `model.tflite` | `waveform` float32 (1, samples), as many samples as a training clip has; `length` (1,) |
    | `lite_int8` | `model_int8.tflite` | the same; weights in 8 bits but for the Fourier transform, computed in float |

    All return the probabilities of every task; `length` says how many samples count, the rest is padding.
    The Fourier transform is done by a
    convolution, as these runtimes have none that fits.

    Args:
        folder: of the run.
        target: folder for the files.
        formats: keys of the table.

    Returns:
        For each file `format`, `file`, `bytes`, `samples` (of a training clip), `difference` (the largest of any
        probability, to the Keras model, on noise at three levels and, for ONNX, of another length), `same_class`
        (whether the answers are the same) and `milliseconds` for one clip.

    Raises:
        UserError: a format cannot hold this model, or a float one differs by more than 1e-4: other runtimes round
            otherwise, by up to 3e-5 on recorded clips. The Keras model itself, whose Fourier transform is of 32 bits as
            theirs, differs as much from one with a transform of 64 bits.
    """
    unknown = [name for name in formats if name not in FILES]
    if unknown:
        raise UserError(f"no format {unknown[0]}; there are {', '.join(FILES)}")
    command = [sys.executable, "-m", "mtl_tf.serving.portable", str(folder), str(target), *formats]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or ["the converter died"]
        raise UserError(reason[0].removeprefix("error: "))
    return json.loads((target / RESULTS).read_text(encoding="utf-8"))


def _convert(folder: Path, target: Path, formats: Sequence[str]) -> list[dict]:
    config, model = load_config(folder), load_model(folder)
    frontend = model.get_layer("frontend")
    expected = tf.function(partial(answer, model))
    longest = longest_clip(config)
    samples = longest or round(config.pipeline.clip_s * frontend.sample_rate)
    rng = np.random.default_rng(0)
    clips = [(level * rng.uniform(-1, 1, (1, samples))).astype(np.float32) for level in (0.5, 0.05, 0.005)]
    results = []
    for name in formats:
        asked = [*clips, clips[0][:, : samples * 3 // 5 + 13]] if name == "onnx" else clips  # ONNX takes any length
        counted = [np.array([clip.shape[1] * 4 // 5], np.int32) for clip in asked]
        wanted = [
            {task: values.numpy() for task, values in expected(clip, length).items()}
            for clip, length in zip(asked, counted, strict=True)
        ]
        for network in networks_of(model):
            own = network.get_layer("frontend")
            if hasattr(own, "convolve"):
                own.convolve = "computed" if name == "lite_int8" else "constant"
        path = target / FILES[name]
        try:
            content, run = to_onnx(model, longest) if name == "onnx" else to_lite(model, samples, name == "lite_int8")
        except Exception as error:  # converters raise whatever they are made of
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"model {config.model.name} cannot be written as {name}: {reason}") from error
        found = [run(clip, length) for clip, length in zip(asked, counted, strict=True)]
        pairs = [(want[task], have[task]) for want, have in zip(wanted, found, strict=True) for task in want]
        difference = max(float(np.abs(want - have).max()) for want, have in pairs)
        if not difference <= TOLERANCE and name != "lite_int8":
            raise UserError(f"model {config.model.name} as {name} differs from the Keras model by {difference:.1e}")
        path.write_bytes(content)
        results.append(
            {
                "format": name,
                "file": path.name,
                "bytes": len(content),
                "samples": samples,
                "difference": difference,
                "same_class": all(np.array_equal(want.argmax(-1), have.argmax(-1)) for want, have in pairs),
                "milliseconds": 1000 * _median_seconds(lambda run=run, length=counted[0]: run(clips[0], length)),
            }
        )
    return results


def to_onnx(model: keras.Model, longest: int | None) -> tuple[bytes, Callable]:
    """Converts a model whose front end has been told to convolve.

    Args:
        model: waveform to probabilities by task.
        longest: how many samples of a clip are used; None: all.

    Returns:
        The file, and a function that runs it.
    """
    import onnxruntime
    import tf2onnx

    signature = [
        tf.TensorSpec([None, None], tf.float32, name="waveform"),
        tf.TensorSpec([None], tf.int32, name="length"),
    ]
    shortest = model.get_layer("frontend").min_samples

    def padded(waveform: tf.Tensor, length: tf.Tensor) -> dict[str, tf.Tensor]:
        missing = tf.maximum(shortest - tf.shape(waveform)[1], 0)  # to one frame
        used = waveform[:, :longest]
        return answer(model, tf.pad(used, [[0, 0], [0, missing]]), tf.minimum(length, tf.shape(used)[1]))

    function = tf.function(padded, input_signature=signature)
    converted, _ = tf2onnx.convert.from_function(function, signature, opset=OPSET)
    content = converted.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return content, lambda clip, length: dict(
        zip(names, session.run(names, {"waveform": clip, "length": length}), strict=True)
    )


def to_lite(model: keras.Model, samples: int, quantized: bool) -> tuple[bytes, Callable]:
    """Converts a model whose front end has been told to convolve.

    Args:
        model: waveform to probabilities by task.
        samples: of the one clip that it will take.
        quantized: weights in 8 bits.

    Returns:
        The file, and a function that runs it.
    """
    module = tf.Module()
    module.model_variables = [variable.value for variable in model.variables]
    signature = [
        tf.TensorSpec([1, samples], tf.float32, name="waveform"),
        tf.TensorSpec([1], tf.int32, name="length"),
    ]
    function = tf.function(partial(answer, model), input_signature=signature)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], module)
    if quantized:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    content = converter.convert()
    interpreter = tf.lite.Interpreter(model_content=content, num_threads=1)
    runner = interpreter.get_signature_runner("serving_default")
    return content, lambda clip, length: runner(waveform=clip, length=length)


def _median_seconds(function: Callable[[], object]) -> float:
    times = []
    for _ in range(_TIMED_RUNS):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


if __name__ == "__main__":
    run, destination, *wanted_formats = sys.argv[1:]
    try:
        converted = _convert(Path(run), Path(destination), wanted_formats)
    except UserError as mistake:
        sys.exit(f"error: {mistake}")
    (Path(destination) / RESULTS).write_text(json.dumps(converted, indent=1), encoding="utf-8")
