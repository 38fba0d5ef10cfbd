"""Training on features that are kept is training on the waveforms."""

import keras
import numpy as np
import pandas as pd
import pytest

from mtl_tf.compose import compose
from mtl_tf.data.assemble import divide
from mtl_tf.errors import UserError
from mtl_tf.models.build import answer
from mtl_tf.runs.read import load_history
from mtl_tf.runs.walk import read_clips
from mtl_tf.training.callbacks import last_checkpoint
from mtl_tf.training.fit import build_run_model, train_fold
from mtl_tf.training.on_features import features_model, finish_features, raw_features

KEPT = "pipeline.keep_features=true"


def prepared(arguments):
    config = compose(arguments)
    clips = read_clips(config)
    return config, clips.data, divide(clips.data, config, 0), clips.source


def train(arguments, folder):
    folder.mkdir(exist_ok=True)
    config, data, fold, source = prepared(arguments)
    return train_fold(config, data, fold, source, folder)


@pytest.fixture
def kept_runs(monkeypatch):
    """Lists the trainings that were on kept features."""
    found = []

    def finish(*arguments):
        found.append(finish_features(*arguments))
        return found[-1]

    monkeypatch.setattr("mtl_tf.training.fit.finish_features", finish)
    return found


@pytest.fixture
def long_run(small_run):
    """A run whose clips are all shorter than `clip_s`."""
    return [*small_run, "pipeline.clip_s=1.2", "training.epochs=3"]


@pytest.fixture
def events_run(tmp_path):
    places = [f"{name}={tmp_path / name}" for name in ("data_root", "prepared_dir", "runs_dir")]
    options = ["training.epochs=2", "training.steps_per_epoch=4", "quiet=true"]
    return ["experiment=synthetic_events", *places, *options]


OPTIONS = {
    "log_mel": [],
    "of one length": ["frontend.num_frames=40"],
    "as long as the longest": ["pipeline.batch_length=longest", "pipeline.batch_size=4"],
    "picture": ["frontend=picture", "frontend.size=32", "model=resnet18"],
    "balanced": ["training.balancing=pcgrad", "training.affinity_every=2"],
    "batches of epochs": ["training.steps_per_execution=2", "pipeline.batch_size=3"],
}


SLOW = ("picture", "of one length", "as long as the longest", "batches of epochs")


@pytest.mark.parametrize("options", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in OPTIONS])
def test_it_learns_what_it_learns_from_waveforms(options, long_run, tmp_path, kept_runs):
    dropped = ("frontend.num_mel_bins", "model.") if options == "picture" else ("none",)
    arguments = [item for item in long_run if not item.startswith(dropped)] + OPTIONS[options]
    kept, plain = train([*arguments, KEPT], tmp_path / "kept"), train(arguments, tmp_path / "plain")
    assert len(kept_runs) == 1
    first, second = (load_history(tmp_path / name).drop(columns="seconds") for name in ("kept", "plain"))
    assert list(first) == list(second)
    pd.testing.assert_frame_equal(first.iloc[:1], second.iloc[:1], rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(first["loss"], second["loss"], rtol=2e-2)
    waveform = (0.1 * np.random.default_rng(0).standard_normal((2, 9000))).astype(np.float32)
    for task, values in answer(plain.model, waveform).items():
        np.testing.assert_allclose(np.asarray(answer(kept.model, waveform)[task]), np.asarray(values), atol=0.05)


def test_questions_of_steps_are_learned_as_well(events_run, tmp_path, kept_runs):
    train([*events_run, KEPT], tmp_path / "kept")
    train(events_run, tmp_path / "plain")
    assert len(kept_runs) == 1
    first, second = (load_history(tmp_path / name) for name in ("kept", "plain"))
    names = [name for name in first if name not in ("seconds", "epoch")]
    np.testing.assert_allclose(first[names].iloc[0], second[names].iloc[0], rtol=2e-3, atol=2e-3)


def test_it_carries_on_where_it_was_killed(long_run, tmp_path, kept_runs):
    whole = train([*long_run, KEPT], tmp_path / "whole").model.get_weights()
    train([*long_run, KEPT, "training.stop_after_epoch=2"], tmp_path / "killed")
    assert len(last_checkpoint(tmp_path / "killed").path.read_bytes())
    again = train([*long_run, KEPT], tmp_path / "killed").model.get_weights()
    assert len(kept_runs) == 3 and all(np.array_equal(a, b) for a, b in zip(whole, again, strict=True))


def test_the_model_that_is_written_takes_waveforms(long_run, tmp_path):
    trained = train([*long_run, KEPT], tmp_path / "run")
    written = keras.models.load_model(tmp_path / "run" / "model.keras")
    waveform = np.zeros((1, 8000), np.float32)
    for task, values in answer(written, waveform).items():
        np.testing.assert_array_equal(np.asarray(values), np.asarray(answer(trained.model, waveform)[task]))


def test_the_part_behind_the_front_end_has_the_same_answers(long_run):
    config, _, fold, _ = prepared(long_run)
    model = build_run_model(config, fold)
    waveform = (0.1 * np.random.default_rng(0).standard_normal((3, 6000))).astype(np.float32)
    features, mask = model.get_layer("frontend")(waveform, np.array([6000, 4000, 100], np.int32))
    found = features_model(model)([features, mask])
    for task, values in answer(model, waveform, np.array([6000, 4000, 100], np.int32)).items():
        np.testing.assert_allclose(np.asarray(found[task]), np.asarray(values), atol=1e-6)


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("pipeline.keep_features=null", None),
        ("pipeline.keep_features=false", None),
        ("pipeline.noise_db=[-60,-40]", "pipeline.noise_db"),
        ("pipeline.batch_length=shortest", "pipeline.batch_length=shortest"),
        ("pipeline.clip_s=0.1", "clips are longer than pipeline.clip_s=0.1"),
        ("frontend.hop_length=4", "pipeline.kept_features_mb="),
    ],
)
def test_what_training_changes_is_not_kept_and_a_line_says_so(option, reason, long_run, capsys):
    limit = "pipeline.kept_features_mb=1"
    config, data, fold, source = prepared([*long_run, KEPT, limit, "quiet=false", option])
    frontend = build_run_model(config, fold).get_layer("frontend")
    capsys.readouterr()
    assert raw_features(config, data, fold.positions("train"), source, frontend) is None
    said = capsys.readouterr().err
    assert said == "" if reason is None else "pipeline.keep_features=true is not followed" in said and reason in said


def test_features_that_are_learned_are_not_kept(long_run, capsys):
    options = [option for option in long_run if not option.startswith("frontend.")]
    config, data, fold, source = prepared([*options, KEPT, "quiet=false", "frontend=learned_bank"])
    frontend = build_run_model(config, fold).get_layer("frontend")
    assert raw_features(config, data, fold.positions("train"), source, frontend) is None
    assert "is not followed: the front end is trained" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["gain", "mix_features"])
def test_features_that_change_with_the_waveform_or_are_mixed_are_not_kept(name, long_run, tmp_path, capsys):
    train([*long_run, KEPT, "quiet=false", f"augment=[{name}]", "training.epochs=1"], tmp_path / "run")
    assert "is not followed: augment= changes waveforms" in capsys.readouterr().err


def test_the_memory_that_is_asked_for_is_enough(long_run, capsys):
    wide = [*long_run, KEPT, "quiet=false", "frontend.hop_length=4", "pipeline.kept_features_mb=1"]
    config, data, fold, source = prepared(wide)
    frontend = build_run_model(config, fold).get_layer("frontend")
    rows = fold.positions("train")
    raw_features(config, data, rows, source, frontend)
    needed = int(capsys.readouterr().err.rpartition("pipeline.kept_features_mb=")[2].split()[0])
    allowed = config.model_copy(update={"pipeline": config.pipeline.model_copy(update={"kept_features_mb": needed})})
    assert raw_features(allowed, data, rows, source, frontend) is not None


def test_each_clip_is_computed_once_for_all_runs_of_a_process(long_run):
    config, data, fold, source = prepared([*long_run, KEPT])
    rows = fold.positions("train")
    stores = []
    for _ in range(2):
        frontend = build_run_model(config, fold).get_layer("frontend")
        stores.append(raw_features(config, data, rows, source, frontend))
    assert stores[0] is stores[1]
    first = stores[0].of(rows, source)
    source.paths[:] = b"gone"
    for values, again in zip(first, stores[0].of(rows[::-1], source), strict=True):
        np.testing.assert_array_equal(values[::-1], again)
    with pytest.raises(UserError):
        stores[0].of(fold.positions("test"), source)
