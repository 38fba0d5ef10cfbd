import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from small_models import SMALL, small_model

from mtl_tf.errors import UserError
from mtl_tf.models.build import answer
from mtl_tf.runs.load_model import load_model
from mtl_tf.serving.export import export_run
from mtl_tf.serving.portable import to_lite, to_onnx, write_portable

ONNX = pytest.mark.skipif(importlib.util.find_spec("tf2onnx") is None, reason="extra onnx is not installed")


def clips():
    rng = np.random.default_rng(3)
    batch = (0.1 * rng.standard_normal((3, 4000))).astype(np.float32)
    return batch


@pytest.fixture(scope="module")
def lite(finished_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lite")
    return folder, write_portable(finished_run, folder, ["lite", "lite_int8"])


def test_lite_files_answer_as_the_keras_model(finished_run, lite):
    folder, results = lite
    assert [row["file"] for row in results] == ["model.tflite", "model_int8.tflite"]
    model = load_model(finished_run)
    for row, tolerance in zip(results, (1e-5, 0.05), strict=True):
        interpreter = tf.lite.Interpreter(str(folder / row["file"]))
        runner = interpreter.get_signature_runner("serving_default")
        for clip in clips():
            counted = np.array([len(clip) * 2 // 3], np.int32)
            found = runner(waveform=clip[None], length=counted)
            for task, values in answer(model, clip[None], counted).items():
                np.testing.assert_allclose(found[task], values, atol=tolerance)
    assert results[0]["difference"] <= 1e-5 and results[0]["same_class"]
    assert results[1]["bytes"] < results[0]["bytes"]


@ONNX
def test_onnx_answers_batches_of_any_length_in_a_process_without_tensorflow(finished_run, tmp_path):
    write_portable(finished_run, tmp_path, ["onnx"])
    np.save(tmp_path / "clips.npy", clips())
    program = f"""
import json, sys, numpy, onnxruntime
session = onnxruntime.InferenceSession("{tmp_path}/model.onnx", providers=["CPUExecutionProvider"])
names = [output.name for output in session.get_outputs()]
clips = numpy.load("{tmp_path}/clips.npy")
counts = ([3000, 2500, 4000], [2500], [7, 7, 7])
found = [
    session.run(names, {{"waveform": part, "length": numpy.array(count[: len(part)], "int32")}})
    for part, count in zip((clips, clips[1:2, :2500], clips[:, :7]), counts)
]
assert "tensorflow" not in sys.modules
print(json.dumps([{{name: value.tolist() for name, value in zip(names, values)}} for values in found]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    together, alone, short = json.loads(done.stdout)
    model = load_model(finished_run)
    for task, values in answer(model, clips(), np.array([3000, 2500, 4000], np.int32)).items():
        np.testing.assert_allclose(together[task], values, atol=1e-5)
        np.testing.assert_allclose(alone[task][0], np.asarray(values)[1], atol=1e-5)
    few = np.pad(clips()[:, :7], [[0, 0], [0, 4000]])
    for task, values in answer(model, few, np.array([7, 7, 7], np.int32)).items():
        np.testing.assert_allclose(short[task], values, atol=1e-5)


def test_the_files_come_with_the_version_and_its_card(finished_run, tmp_path):
    version = export_run(finished_run, tmp_path / "digits", formats=["lite"])
    assert (version / "assets.extra" / "model.tflite").is_file()
    assert "| `model.tflite` |" in (version / "assets.extra" / "model_card.md").read_text()


def test_a_format_that_fails_leaves_nothing(finished_run, tmp_path):
    with pytest.raises(UserError, match="no format coreml; there are onnx, lite, lite_int8"):
        export_run(finished_run, tmp_path / "digits", formats=["coreml"])
    assert not (tmp_path / "digits").exists()


SHOWN = ("shared_dnn", "cab_cnn", "gresnet")


@ONNX
@pytest.mark.parametrize(
    "name", [name if name in SHOWN else pytest.param(name, marks=pytest.mark.slow) for name in SMALL]
)
def test_every_model_has_the_same_answers_in_every_form(name):
    model = small_model(name)
    for weight in model.weights:  # untrained heads of zeros would agree on anything
        if not np.any(weight):
            weight.assign(0.1 * np.random.default_rng(0).standard_normal(weight.shape))
    clip = (0.1 * np.random.default_rng(1).standard_normal((1, 13001))).astype(np.float32)  # no whole second or window
    counted = np.array([11_001], np.int32)
    expected = answer(model, clip, counted)
    frontend = model.get_layer("frontend")
    if hasattr(frontend, "convolve"):
        frontend.convolve = "constant"
    for run in (to_onnx(model, None)[1], to_lite(model, clip.shape[1], False)[1]):
        for task, values in run(clip, counted).items():
            np.testing.assert_allclose(values, expected[task], atol=1e-5)
