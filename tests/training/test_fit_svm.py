import json

import numpy as np
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import SVC

from mtl_tf.compose import compose
from mtl_tf.experiment import run_experiment
from mtl_tf.models.svm import SupportVectors
from mtl_tf.runs.load_model import load_model
from mtl_tf.runs.read import load_history
from mtl_tf.runs.score_again import evaluate_run
from mtl_tf.serving.export import export_run
from mtl_tf.training.fit_svm import one_against_rest


def test_the_network_decides_as_scikit_learns_machine():
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=90)
    values = (rng.standard_normal((90, 4)) + labels[:, None]).astype(np.float32)
    trunk = SupportVectors(num_vectors=90, class_weight="none")
    trunk.build((None, 1, 4))
    trunk.vectors.assign(values)
    trunk.kernel_gamma.assign(0.2)
    weights, offsets = one_against_rest(trunk, values, labels, 4, 0.2)
    reference = OneVsRestClassifier(SVC(gamma=0.2)).fit(values, labels)
    unseen = rng.standard_normal((50, 4)).astype(np.float32) + 1
    decisions = np.asarray(trunk(unseen[:, None])) @ weights + offsets
    np.testing.assert_allclose(decisions[:, :3], reference.decision_function(unseen), atol=1e-4)
    assert (decisions.argmax(axis=1) == reference.predict(unseen)).all()


def test_the_linear_kernel_decides_as_scikit_learns_machine():
    rng = np.random.default_rng(1)
    labels = rng.integers(3, size=60)
    values = (rng.standard_normal((60, 200)) + 0.3 * labels[:, None]).astype(np.float32)
    trunk = SupportVectors(num_vectors=60, kernel="linear", class_weight="none", c=0.5)
    trunk.build((None, 1, 200))
    trunk.vectors.assign(values)
    trunk.kernel_gamma.assign(0.01)
    weights, offsets = one_against_rest(trunk, values, labels, 3, 0.01)
    reference = OneVsRestClassifier(SVC(kernel="linear", C=0.5)).fit(0.1 * values, labels)
    unseen = rng.standard_normal((40, 200)).astype(np.float32)
    decisions = np.asarray(trunk(unseen[:, None])) @ weights + offsets
    np.testing.assert_allclose(decisions, reference.decision_function(0.1 * unseen), atol=1e-3)


def test_a_run_with_it_is_a_run_like_others(small_run, tmp_path):
    rest = [text for text in small_run if not text.startswith(("model.", "frontend."))]
    folder = run_experiment(compose([*rest, "model=svm", "frontend=filter_bank_summary"]))
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["test"]["digit"]["accuracy"] >= 0.9
    assert evaluate_run(folder)["digit"]["accuracy"] == metrics["test"]["digit"]["accuracy"]
    history = load_history(folder)
    assert {"digit_uar", "val_digit_uar", "loss", "val_loss", "seconds"} <= set(history.columns)
    assert (folder / "report.html").is_file()
    assert load_model(folder).get_layer("trunk").num_vectors == metrics["clips"]["train"]
    assert (export_run(folder, tmp_path / "served") / "saved_model.pb").is_file()
