import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from mtl_tf.evaluation.load_run import load_model
from mtl_tf.serving.export import export_run, foreign_operations, parity

ALONE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("keras", "tf_keras", "tensorflow_io", "librosa", "mtl_tf"):
            raise ImportError(name)

sys.meta_path.insert(0, Refuse())
import json
import numpy as np
import tensorflow as tf

model = tf.saved_model.load(sys.argv[1])
waveform = np.load(sys.argv[2])
answers = model.signatures["serving_default"](waveform=tf.constant(waveform))
assert not {"keras", "tensorflow_io", "mtl_tf"} & set(sys.modules)
print(json.dumps({task: values.numpy().tolist() for task, values in answers.items()}))
"""


@pytest.fixture(scope="module")
def exported(finished_run, tmp_path_factory):
    return export_run(finished_run, tmp_path_factory.mktemp("served") / "digits")


def test_versions_count_up_and_nothing_half_done_is_left(finished_run, exported):
    second = export_run(finished_run, exported.parent)
    assert (exported.name, second.name) == ("1", "2")
    assert sorted(path.name for path in exported.parent.iterdir()) == ["1", "2"]


def test_class_lists_are_assets(exported):
    assert (exported / "assets" / "digit.txt").read_text() == "0\n1\n"
    assert (exported / "assets" / "speaker.txt").read_text() == "jackson\ntheo\n"
    details = json.loads((exported / "assets.extra" / "model.json").read_text())
    assert details["sample_rate"] == 8000 and details["classes"]["digit"] == ["0", "1"]


@pytest.mark.parametrize("length", [256, 3001, 8000, 40000])
def test_any_length_answers_as_the_keras_model(finished_run, exported, length):
    model = load_model(finished_run)
    signature = tf.saved_model.load(str(exported)).signatures["serving_default"]
    assert set(signature.structured_input_signature[1]) == {"waveform"}
    waveform = (0.1 * np.random.default_rng(0).standard_normal((3, length))).astype(np.float32)
    answers = signature(waveform=tf.constant(waveform))
    assert set(answers) == {"digit", "speaker"}
    for task, values in model(waveform).items():
        np.testing.assert_allclose(answers[task].numpy(), np.asarray(values), atol=1e-5)
        alone = signature(waveform=tf.constant(waveform[1:2]))[task].numpy()
        np.testing.assert_allclose(alone[0], np.asarray(values)[1], atol=1e-5)


def test_it_answers_in_a_process_without_keras_and_tensorflow_io(finished_run, exported, tmp_path):
    waveform = (0.1 * np.random.default_rng(0).standard_normal((2, 5000))).astype(np.float32)
    np.save(tmp_path / "waveform.npy", waveform)
    command = [sys.executable, "-c", ALONE, str(exported), str(tmp_path / "waveform.npy")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr[-2000:]
    answers = json.loads(result.stdout)
    for task, values in load_model(finished_run)(waveform).items():
        np.testing.assert_allclose(answers[task], np.asarray(values), atol=1e-5)


def test_python_functions_and_parity_are_noticed(finished_run, exported, tmp_path):
    assert foreign_operations(exported) == set()

    class Bad(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, None])])
        def serve(self, waveform):
            return {"digit": tf.numpy_function(lambda values: values, [waveform], tf.float32)}

    bad = Bad()
    tf.saved_model.save(bad, str(tmp_path / "bad"), signatures={"serving_default": bad.serve})
    assert foreign_operations(tmp_path / "bad") & {"PyFunc", "EagerPyFunc", "PyFuncStateless"}
    model = load_model(finished_run)
    assert parity(model, exported, 8000) < 1e-5
    model.get_layer("digit").bias.assign_add([1.0, 0.0])
    assert parity(model, exported, 8000) > 1e-3
