import math
import subprocess

import keras
import numpy as np
import pytest
from train_small import AUGMENTED, equal, in_a_process, prepared, train, weights

from mtl_tf.compose import compose
from mtl_tf.data.manifest import VALIDATION
from mtl_tf.errors import UserError
from mtl_tf.evaluation.predict import predict_clips
from mtl_tf.frontends.build import build_frontend
from mtl_tf.runs.read import load_history
from mtl_tf.training.callbacks import best_epoch, exhausted
from mtl_tf.training.compile import compile_model
from mtl_tf.training.fit import build_run_model, fit_normalization, train_fold


def test_history_best_and_last_model_are_written(small_run, tmp_path):
    trained = train(small_run, tmp_path / "run")
    table = load_history(tmp_path / "run")
    assert table["epoch"].tolist() == [0, 1, 2]
    assert {"loss", "score", "val_digit_uar", "val_speaker_accuracy", "seconds"} <= set(table.columns)
    assert len(list((tmp_path / "run" / "checkpoints").glob("best-*.npz"))) == 1
    assert equal(weights(tmp_path / "run" / "model.keras"), trained.model.get_weights())


def test_xla_trains(small_run, tmp_path):
    options = ["training.jit_compile=true", "training.deterministic=false", "training.epochs=1"]
    subprocess.run(**in_a_process([*small_run, *options], tmp_path / "run"), check=True, timeout=300)
    assert (tmp_path / "run" / "model.keras").is_file()


def test_xla_and_determinism_exclude_each_other(small_run):
    with pytest.raises(UserError, match=r"training\.deterministic=false"):
        compose([*small_run, "training.jit_compile=true"])


@pytest.mark.parametrize(
    "options",
    [
        [AUGMENTED],
        ["augment=[mix_features]", "training.balancing=famo", "training.affinity_every=2"],
        pytest.param(
            ["training.average_weights=0.9", "training.label_smoothing=0.1", "training.clip_norm=1.0"],
            marks=pytest.mark.slow,
        ),
        ["augment=[spec_augment]", "pipeline.keep_features=true"],
    ],
)
def test_what_is_saved_is_the_plain_network_with_the_trained_weights(options, small_run, tmp_path):
    overrides = [*small_run, "training.epochs=2", *options]
    trained = train(overrides, tmp_path / "run").model
    config, _, fold, source = prepared(overrides)
    plain = build_run_model(config, fold)
    assert [layer.name for layer in trained.layers] == [layer.name for layer in plain.layers]
    last = keras.models.load_model(tmp_path / "run" / "last.keras")
    positions = fold.positions(VALIDATION)
    answers = predict_clips(last, source, positions, config.pipeline)
    logged = load_history(tmp_path / "run").iloc[-1]
    for task, found in answers.items():
        right = found.argmax(axis=1) == fold.labels[task][positions]
        known = fold.weights[task][positions] > 0
        np.testing.assert_allclose(right[known].mean(), logged[f"val_{task}_accuracy"], atol=1e-6)
    train([*small_run, "training.epochs=2"], tmp_path / "plain")
    assert not equal(last.get_weights(), weights(tmp_path / "plain" / "last.keras"))


def test_early_stopping_and_best_epoch_by_hand():
    history = [{"epoch": epoch, "score": score} for epoch, score in enumerate([0.1, 0.5, 0.4, 0.5])]
    assert best_epoch(history) == 1
    assert exhausted(history, 2) and not exhausted(history, 3) and not exhausted(history, None)
    assert best_epoch([{"epoch": 0, "score": math.nan}, {"epoch": 1, "score": math.nan}]) == 1
    assert not exhausted([], 1)


@pytest.mark.parametrize(
    ("monitor", "columns", "sign"),
    [
        ("mean", ["val_digit_accuracy", "val_speaker_accuracy"], 1),
        pytest.param("loss", ["val_loss"], -1, marks=pytest.mark.slow),
        pytest.param("speaker.macro_f1", ["val_speaker_macro_f1"], 1, marks=pytest.mark.slow),
        ("digit.cross_entropy", ["val_digit_cross_entropy"], -1),
    ],
)
def test_the_watched_score_is_the_named_one_of_a_real_run_and_its_best_epoch_is_kept(
    monitor, columns, sign, small_run, tmp_path
):
    extra = [f"training.monitor={monitor}", "split.validation_fraction=0.4", "training.learning_rate=0.02"]
    trained = train([*small_run, *extra], tmp_path / "run")
    table = load_history(tmp_path / "run")
    expected = sign * table[columns].mean(axis=1)
    np.testing.assert_allclose(table["score"], expected, rtol=1e-6)
    (kept,) = (tmp_path / "run" / "checkpoints").glob("best-*.npz")
    assert kept.name == f"best-{int(expected.idxmax())}.npz"
    stored = np.load(kept)
    for index, value in enumerate(trained.model.get_weights()):
        assert any(np.array_equal(value, stored[name]) for name in stored.files), index


def validation_loss(small_run, tmp_path, name, order):
    """Trains an epoch at no rate worth the name and gives the logged validation loss, for clips in a given order."""
    overrides = [*small_run, "training.epochs=1", "training.learning_rate=1e-12", "split.validation_fraction=0.5"]
    config, data, fold, source = prepared([*overrides, "pipeline.batch_size=5"])
    rows = fold.positions("validation")
    fold.weights["speaker"][rows[: len(rows) // 2]] = 0  # of the second half alone is the speaker known
    (tmp_path / name).mkdir()

    class Ordered(type(fold)):
        def positions(self, part):
            found = super().positions(part)
            return found[order(len(found))] if part == "validation" else found

    ordered = Ordered(**{field: getattr(fold, field) for field in fold.__dataclass_fields__})
    trained = train_fold(config, data, ordered, source, tmp_path / name)
    probabilities = predict_clips(trained.model, source, rows, config.pipeline)
    losses = []
    for task, values in probabilities.items():
        known = fold.weights[task][rows] > 0
        losses.append(-np.log(values[known, fold.labels[task][rows[known]]]).mean() * fold.task_weights[task])
    return trained.history[-1]["val_loss"], sum(losses)


def test_the_validation_loss_is_of_labels_and_not_of_batches_in_any_order(small_run, tmp_path):
    orders = {"as_listed": np.arange, "mixed": lambda count: np.random.default_rng(0).permutation(count)}
    for name, order in orders.items():
        logged, expected = validation_loss(small_run, tmp_path, name, order)
        np.testing.assert_allclose(logged, expected, rtol=1e-3)


def test_class_weights_do_not_change_what_is_told_of_training_clips(small_run, tmp_path):
    few = ["corpora.fsdd.where.take=[0,1,2,3,4,5,6,7,8]", "training.epochs=1", "model.dropout=0.0"]
    config, data, fold, source = prepared([*small_run, *few, "training.class_weights=balanced"])
    fold.class_weights["digit"][:] = [100.0, 0.01]
    rows = fold.positions("train")
    (tmp_path / "run").mkdir()
    options = config.training.model_copy(update={"learning_rate": 1e-12})
    config = config.model_copy(update={"training": options})
    trained = train_fold(config, data, fold, source, tmp_path / "run")
    answers = predict_clips(trained.model, source, rows, config.pipeline)["digit"].argmax(axis=1)
    accuracy = (answers == fold.labels["digit"][rows]).mean()
    assert abs(trained.history[-1]["digit_accuracy"] - accuracy) < 0.2


def test_scores_of_tasks_without_validation_labels_are_not_logged(small_run, tmp_path):
    config, data, fold, source = prepared([*small_run, "training.epochs=1"])
    fold.weights["speaker"][fold.positions("validation")] = 0
    (tmp_path / "run").mkdir()
    history = train_fold(config, data, fold, source, tmp_path / "run").history[-1]
    assert not [name for name in history if name.startswith("val_speaker")]
    assert {"val_digit_uar", "val_loss", "speaker_uar"} <= set(history)


def test_the_last_epoch_is_kept_where_none_is_to_be_chosen(small_run, tmp_path):
    train([*small_run, "training.monitor=last"], tmp_path / "run")
    history = load_history(tmp_path / "run")
    assert history["score"].isna().all() and history["val_digit_uar"].notna().all()
    (kept,) = (tmp_path / "run" / "checkpoints").glob("best-*.npz")
    assert kept.name == f"best-{len(history) - 1}.npz"


@pytest.mark.parametrize(
    "options",
    [
        ["training.mixed_precision=true"],
        ["training.reduction=per_batch", "training.class_weights=balanced", "training.loss_weights.digit=2"],
        ["training.optimizer=rmsprop", "training.learning_rate_schedule=cosine"],
        ["training.tensorboard=true", "training.steps_per_epoch=2", "quiet=false"],
        ["split.validation_fraction=0"],
        ["task=[speaker]"],
        ["frontend=spectrogram", "frontend.normalize=none"],
        ["frontend=learned_bank", "frontend.num_filters=16", "pipeline.draw_evenly=speaker"],
    ],
    ids=lambda options: " ".join(options),
)
def test_options_train(options, small_run, tmp_path):
    dropped = {"task": "tasks.digit", "frontend": "frontend.num_mel_bins"}.get(options[0].split("=")[0], "none")
    overrides = [item for item in small_run if not item.startswith(dropped)]
    trained = train([*overrides, "training.epochs=2", *options], tmp_path / "run")
    assert all(math.isfinite(row["loss"]) for row in trained.history)
    if "training.tensorboard=true" in options:
        assert list((tmp_path / "run" / "tensorboard").rglob("events*"))
    if "split.validation_fraction=0" not in options:
        assert all(math.isfinite(row["score"]) for row in trained.history)
    keras.config.set_dtype_policy("float32")


def test_logged_losses_are_right_with_missing_labels(small_run, tmp_path):
    """A task labelled for few clips: its logged loss is the mean over those clips, as NumPy computes it."""
    config, data, fold, source = prepared([*small_run, "training.epochs=1"])
    rare = np.arange(len(data.manifest)) % 3 == 0
    fold.weights["speaker"][:] = rare
    (tmp_path / "run").mkdir()
    trained = train_fold(config, data, fold, source, tmp_path / "run")
    rows = np.array([row for row in fold.positions("validation") if rare[row]])
    assert len(rows)
    probabilities = predict_clips(trained.model, source, rows, config.pipeline)["speaker"]
    expected = -np.log(probabilities[np.arange(len(rows)), fold.labels["speaker"][rows]]).mean()
    np.testing.assert_allclose(trained.history[-1]["val_speaker_cross_entropy"], expected, rtol=1e-3)


def test_class_weights_balance_the_training_clips(small_run):
    _, _, fold, _ = prepared([*small_run, "training.class_weights=balanced"])
    train_rows = fold.positions("train")
    counts = np.bincount(fold.labels["digit"][train_rows])
    totals = counts * fold.class_weights["digit"]
    np.testing.assert_allclose(totals, totals.mean(), rtol=1e-5)
    assert set(np.unique(fold.weights["digit"])) <= {0, 1}


def test_normalisation_is_that_of_the_training_frames(small_run):
    config, _, fold, source = prepared(small_run)
    frontend = build_frontend("log_mel", config.options("frontend") | {"normalize": "per_bin"})
    frontend.build((None, None))
    rows = fold.positions("train")
    fit_normalization(frontend, source, rows, config)
    frames = np.concatenate([np.asarray(frontend.raw(source.samples(row)[None])[0])[0] for row in rows])
    np.testing.assert_allclose(np.asarray(frontend.mean), frames.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(np.asarray(frontend.deviation), frames.std(axis=0), rtol=1e-3)


def test_the_optimizer_is_the_configured_one(small_run):
    config, _, fold, _ = prepared([*small_run, "training.optimizer=sgd", "training.learning_rate=0.25"])
    optimizer = compile_model(build_run_model(config, fold), config, fold, 3).optimizer
    assert isinstance(optimizer, keras.optimizers.SGD)
    assert float(optimizer.learning_rate) == 0.25


def test_progress_lines_name_the_tasks(small_run, capsys, tmp_path):
    train([*small_run, "quiet=false", "training.epochs=1"], tmp_path / "run")
    shown = capsys.readouterr().err
    assert "epoch   1/1" in shown and "validation: digit accuracy" in shown and "parameters" in shown
