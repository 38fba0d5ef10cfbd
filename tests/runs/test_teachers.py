"""Runs that learn the answers of other runs."""

from pathlib import Path

import keras
import numpy as np
import pytest
import scipy.special
import soundfile

from mtl_tf.compose import compose
from mtl_tf.errors import UserError
from mtl_tf.experiment import run_experiment
from mtl_tf.runs.load_model import load_model
from mtl_tf.runs.read import load_history, load_metrics
from mtl_tf.tasks.task import Task
from mtl_tf.training.teaching import Teaching, divergence


@pytest.mark.parametrize("exclusive", [True, False])
def test_divergence_is_that_of_scipy(exclusive):
    rng = np.random.default_rng(0)
    taught, answers = rng.dirichlet(np.ones(4), (2, 6)).astype(np.float32)
    found = np.asarray(divergence(taught, answers, exclusive))
    expected = scipy.special.rel_entr(taught, answers).sum(axis=1)
    if not exclusive:
        expected = expected + scipy.special.rel_entr(1 - taught, 1 - answers).sum(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)


def test_a_student_hears_the_mean_of_its_teachers_in_training_only_and_owns_none_of_their_weights():
    def network(seed):
        keras.utils.set_random_seed(seed)
        features, mask = keras.Input((5, 3)), keras.Input((5,), dtype="bool")
        frontend = keras.layers.Identity(name="frontend")
        frontend([features, mask])
        answer = keras.layers.Dense(2, "softmax")(keras.layers.Flatten()(features))
        return keras.Model([features, mask], {"word": answer})

    teachers = [network(1), network(2)]
    layer = Teaching([], {"word": Task("word", ("a", "b"))}, {"word": 0.5})
    layer._unseen.networks = tuple(teachers)
    features = np.random.default_rng(0).normal(size=(4, 5, 3)).astype(np.float32)
    mask = np.ones((4, 5), bool)
    answers = np.full((4, 2), 0.5, np.float32)
    layer({"word": answers}, features, mask, training=False)
    assert not layer.losses and not layer.weights
    layer({"word": answers}, features, mask, training=True)
    mean = np.mean([np.asarray(teacher([features, mask])["word"]) for teacher in teachers], axis=0)
    expected = 0.5 * scipy.special.rel_entr(mean, answers).sum(axis=1).mean()
    np.testing.assert_allclose(float(layer.losses[0]), expected, rtol=1e-4)


def test_a_student_of_repeats_follows_its_teachers_and_not_the_labels(small_run):
    """Labels of the student are shuffled and weigh nothing; still it knows what its teachers know."""
    longer = [*small_run, "training.epochs=20", "training.learning_rate=0.005"]
    teachers = run_experiment(compose([*longer, "repeats=2"]))
    student = [*longer, f"training.teachers=[{teachers}]", "training.teachers_share=1"]
    folder = run_experiment(compose([*student, "tasks.digit.permute_seed=1", "augment=[gain]"]))
    metrics = load_metrics(folder)
    assert f"taught by {teachers}" in metrics["notes"]
    one = load_model(teachers / "repeats" / "0")
    own = load_model(folder)
    assert own.count_params() == one.count_params()  # served alone, as large as one of them
    assert not any(isinstance(layer, Teaching) for layer in own.layers)
    waveform = np.concatenate(list(_clips(small_run)))
    answers = [
        np.asarray(model({"waveform": waveform, "length": None})["digit"]).argmax(axis=1) for model in (one, own)
    ]
    assert (answers[0] == answers[1]).mean() > 0.9


def test_a_taught_run_that_is_stopped_goes_on_alike(small_run):
    teacher = run_experiment(compose([*small_run, "seed=5"]))
    student = [*small_run, f"training.teachers=[{teacher}]", "augment=[gain]"]
    whole = run_experiment(compose([*student, "runs_dir=whole"]))
    run_experiment(compose([*student, "runs_dir=parts", "training.stop_after_epoch=1", "score_test=false"]))
    parts = run_experiment(compose([*student, "runs_dir=parts"]))
    columns = ["epoch", "loss"]
    np.testing.assert_array_equal(load_history(whole)[columns], load_history(parts)[columns])
    for first, second in zip(load_model(whole).weights, load_model(parts).weights, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        (["frontend.hop_length=100"], "another front end \\(hop_length\\)"),
        (["split.strategy=random", "split.test_fraction=0.4"], "has heard .* of the clips that test here"),
        (["training.balancing=famo"], "goes with training.balancing=equal"),
        (["model=svm", "~model.filters", "~model.embedding_units"], "model=svm is none"),
    ],
)
def test_teachers_that_do_not_fit_are_refused(own, reason, finished_run, small_run):
    kept = [item for item in small_run if not own[0].startswith("model=svm") or not item.startswith("model.")]
    own = [item for item in own if not item.startswith("~")]
    with pytest.raises(UserError, match=reason):
        run_experiment(compose([*kept, f"training.teachers=[{finished_run}]", *own]))


def test_a_teacher_that_is_not_there_is_named(small_run):
    with pytest.raises(UserError, match="nowhere"):
        run_experiment(compose([*small_run, "training.teachers=[nowhere]"]))
    assert not Path("runs").exists()  # it is said before anything is written


def test_teachers_of_other_folds_are_passed_over(finished_run, small_run):
    """A run of one fold alone teaches that fold, and a student of another has no teacher then."""
    config = finished_run / "config.yaml"
    written = config.read_text()
    config.write_text(written.replace("fold: null", "fold: 3"))
    try:
        with pytest.raises(UserError, match=r"no run of .* is of fold 0"):
            run_experiment(compose([*small_run, f"training.teachers=[{finished_run}]"]))
    finally:
        config.write_text(written)


def _clips(overrides):
    root = next(item.split("=")[1] for item in overrides if item.startswith("data_root="))
    for path in sorted(Path(root).rglob("*.wav")):
        yield np.pad(soundfile.read(path, dtype="float32")[0], (0, 4000))[None, :4000]
