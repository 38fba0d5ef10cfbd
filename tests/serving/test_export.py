import errno
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from mtl_tf import compose
from mtl_tf.benchmarks.c_loader import CLoader, CLoaderError, signature_tensors
from mtl_tf.errors import UserError
from mtl_tf.frontends.frontend import FrontEnd
from mtl_tf.models.build import answer
from mtl_tf.runs.load_model import load_model
from mtl_tf.serving.checks import foreign_operations, parity
from mtl_tf.serving.export import export_run


@pytest.fixture(scope="module")
def exported(finished_run, tmp_path_factory):
    return export_run(finished_run, tmp_path_factory.mktemp("served") / "digits")


def test_versions_count_up_and_nothing_half_done_is_left(finished_run, exported):
    second = export_run(finished_run, exported.parent)
    assert (exported.name, second.name) == ("1", "2")
    others = ["batching.config", "models.config", "monitoring.config"]
    assert sorted(path.name for path in exported.parent.iterdir()) == ["1", "2", *others]


def test_what_a_killed_export_left_goes_after_a_day(finished_run, tmp_path):
    old, recent = tmp_path / ".export-old", tmp_path / ".export-recent"
    for folder in (old, recent):
        (folder / "model").mkdir(parents=True)
    os.utime(old, (0, 0))
    export_run(finished_run, tmp_path)
    assert sorted(path.name for path in tmp_path.glob(".export-*")) == [".export-recent"]


def test_class_lists_are_assets(exported):
    assert (exported / "assets" / "digit.txt").read_text() == "0\n1\n"
    assert (exported / "assets" / "speaker.txt").read_text() == "jackson\ntheo\n"
    details = json.loads((exported / "assets.extra" / "model.json").read_text())
    assert details["sample_rate"] == 8000 and details["classes"]["digit"] == ["0", "1"]


def test_what_lies_in_and_beside_a_version(finished_run, exported):
    details = json.loads((exported / "assets" / "model.json").read_text())
    assert details["wav_rates"][0] == 8000 and details["name"] == exported.parent.name and details["version"] == 1
    assert details["frontend"]["num_mel_bins"] == 16
    assert details["thresholds"] == json.loads((finished_run / "thresholds.json").read_text())
    card = (exported / "assets.extra" / "model_card.md").read_text()
    for fact in ("- `digit`: 0, 1", "CC BY-SA 4.0", "Limits", "8000 Hz"):
        assert fact in card
    assert f"/models/{exported.parent.name}" in (exported.parent / "models.config").read_text()
    saved = saved_model_pb2.SavedModel.FromString((exported / "saved_model.pb").read_bytes())
    methods = {name: signature.method_name for name, signature in saved.meta_graphs[0].signature_def.items()}
    for name, method in methods.items():
        kind = "classify" if name.startswith("classify") else "predict"
        assert name == "__saved_model_init_op" or method == f"tensorflow/serving/{kind}"


def test_changes_of_an_operator_are_kept(finished_run, exported):
    (exported.parent / "batching.config").write_text("max_batch_size { value: 7 }")
    export_run(finished_run, exported.parent)
    assert (exported.parent / "batching.config").read_text() == "max_batch_size { value: 7 }"


def test_every_warm_up_request_is_answered(exported):
    signatures = tf.saved_model.load(str(exported)).signatures
    asked = []
    for record in tf.data.TFRecordDataset(str(exported / "assets.extra" / "tf_serving_warmup_requests")):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        kind = log.WhichOneof("log_type")
        request = getattr(log, kind).request
        name = request.model_spec.signature_name
        if kind == "classify_log":
            examples = [example.SerializeToString() for example in request.input.example_list.examples]
            answer, size = signatures[name](inputs=tf.constant(examples))["scores"], len(examples)
        else:
            inputs = {key: tf.constant(tf.make_ndarray(value)) for key, value in request.inputs.items()}
            answer = next(iter(signatures[name](**inputs).values()))
            size = len(next(inputs[key] for key in ("wav", "waveform", "question") if key in inputs))
        assert request.model_spec.name == exported.parent.name
        assert name == "windows" or len(answer) == size
        asked.append((name, size))
    assert {name for name, _ in asked} == set(signatures)
    assert len(asked) == 3 * len(signatures)


@pytest.mark.parametrize("length", [256, 3001, 8000, 40000])
def test_any_length_answers_as_the_keras_model(finished_run, exported, length):
    model = load_model(finished_run)
    signature = tf.saved_model.load(str(exported)).signatures["serving_default"]
    assert set(signature.structured_input_signature[1]) == {"waveform"}
    waveform = (0.1 * np.random.default_rng(0).standard_normal((3, length))).astype(np.float32)
    answers = signature(waveform=tf.constant(waveform))
    assert set(answers) == {"digit", "speaker"}
    for task, values in answer(model, waveform).items():
        np.testing.assert_allclose(answers[task].numpy(), np.asarray(values), atol=1e-5)
        alone = signature(waveform=tf.constant(waveform[1:2]))[task].numpy()
        np.testing.assert_allclose(alone[0], np.asarray(values)[1], atol=1e-5)


def test_a_clip_is_cut_as_in_training(finished_run, tmp_path):
    folder = shutil.copytree(finished_run, tmp_path / "run")
    config = compose.load(folder / "config.yaml").model_dump()
    config["corpora"]["fsdd"]["crop_s"] = 0.25
    compose.save(compose.validate(config), folder / "config.yaml")
    signature = tf.saved_model.load(str(export_run(folder, tmp_path / "model"))).signatures["serving_default"]
    waveform = (0.1 * np.random.default_rng(0).standard_normal((2, 5000))).astype(np.float32)
    answers = signature(waveform=tf.constant(waveform))
    for task, values in answer(load_model(folder), waveform[:, :2000]).items():
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


def test_a_front_end_that_calls_a_library_is_told_of_before_anything_is_written(finished_run, tmp_path, monkeypatch):
    monkeypatch.setattr(FrontEnd, "needs_library", "otherLibrary")
    with pytest.raises(UserError, match="calls otherLibrary for every clip"):
        export_run(finished_run, tmp_path / "served")
    assert not (tmp_path / "served").exists()


ALONE = """
import sys
import tensorflow
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry
graph = saved_model_pb2.SavedModel.FromString(open(sys.argv[1], "rb").read()).meta_graphs[0].graph_def
names = {node.op for node in graph.node} | {node.op for body in graph.library.function for node in body.node_def}
names -= {body.signature.name for body in graph.library.function}
assert not {"tensorflow_io", "mtl_tf"} & set(sys.modules)
print(len(names), sorted(name for name in names if op_def_registry.get(name) is None))
"""


def test_a_process_that_imported_only_tensorflow_knows_every_operation(exported):
    command = [sys.executable, "-c", ALONE, str(exported / "saved_model.pb")]
    count, unknown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split(maxsplit=1)
    assert int(count) > 50 and unknown.strip() == "[]"


def test_a_version_that_lacks_an_asset_harms_no_other(finished_run, exported, tmp_path):
    target = shutil.copytree(exported.parent, tmp_path / "digits")
    lacking = shutil.copytree(exported, target / "7")
    (lacking / "assets" / "digit.txt").unlink()
    assert loads(target / "1") and export_run(finished_run, target).name == "8"


def loads(folder):
    try:
        CLoader(folder, signature_tensors(folder))
    except (CLoaderError, OSError):
        return False
    return True


def test_what_is_broken_beside_a_good_version_leaves_it_loadable(finished_run, exported, tmp_path):
    target = shutil.copytree(exported.parent, tmp_path / "digits")
    half = shutil.copytree(exported, target / "7")
    weights = next((half / "variables").glob("variables.data*"))
    weights.write_bytes(weights.read_bytes()[:100])
    lacking = shutil.copytree(exported, target / "8")
    (lacking / "saved_model.pb").unlink()
    assert not loads(half) and not loads(lacking)
    assert loads(target / "1")
    assert export_run(finished_run, target).name == "9" and loads(target / "9")


def test_a_full_disk_leaves_the_versions_there_were(finished_run, exported, tmp_path, monkeypatch):
    target = shutil.copytree(exported.parent, tmp_path / "digits")
    before = sorted(path.relative_to(target) for path in target.rglob("*"))

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("mtl_tf.serving.warm_up.write_warm_up", full)
    with pytest.raises(OSError, match="No space left"):
        export_run(finished_run, target)
    assert sorted(path.relative_to(target) for path in target.rglob("*")) == before and loads(target / "1")
