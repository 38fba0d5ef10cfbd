"""Runs that are killed, stopped or started again end as if nothing had happened."""

import errno
import os
import signal
import subprocess
import time

import numpy as np
import pandas as pd
import pytest
from train_small import AUGMENTED, equal, in_a_process, train, weights

from mtl_tf.errors import UserError
from mtl_tf.runs.read import load_history
from mtl_tf.training import checkpoint
from mtl_tf.training.callbacks import best_epoch, last_checkpoint


@pytest.mark.parametrize(
    "epochs_before_kill", [1, pytest.param(0, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)]
)
def test_a_killed_run_ends_with_the_same_weights(small_run, tmp_path, epochs_before_kill):
    overrides = [*small_run, "training.epochs=6", "model.dropout=0.3", "training.learning_rate_schedule=cosine"]
    train(overrides, tmp_path / "whole")
    folder = tmp_path / "killed"
    process = subprocess.Popen(**in_a_process(overrides, folder))
    history = folder / "history.csv"
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        done = len(history.read_text().splitlines()) - 1 if history.exists() else 0
        if done >= epochs_before_kill and folder.exists():
            break
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "model.keras").exists()
    train(overrides, folder)
    for name in ("model.keras", "last.keras"):
        assert equal(weights(tmp_path / "whole" / name), weights(folder / name))
    columns = ["epoch", "score", "loss", "val_digit_uar"]
    pd.testing.assert_frame_equal(load_history(tmp_path / "whole")[columns], load_history(folder)[columns])


@pytest.mark.parametrize(
    "options",
    [
        ["training.steps_per_epoch=9"],
        [
            AUGMENTED,
            "training.average_weights=0.9",
            "training.warmup_epochs=1",
            "training.learning_rate_schedule=cosine",
        ],
        pytest.param(["training.mixed_precision=true"], marks=pytest.mark.slow),
        pytest.param([], marks=pytest.mark.slow),
        pytest.param(["training.steps_per_epoch=2"], marks=pytest.mark.slow),
    ],
)
def test_a_run_stopped_between_epochs_ends_with_the_same_weights(options, small_run, tmp_path, monkeypatch):
    overrides = [*small_run, "training.epochs=4", "model.dropout=0.3", "training.early_stopping_patience=3", *options]
    train(overrides, tmp_path / "whole")

    class Interrupted(Exception):
        pass

    original = checkpoint.Checkpoint.save

    def save(self, model, history, optimizer=True):
        original(self, model, history, optimizer)
        if optimizer and len(history) == 2:
            raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.Checkpoint, "save", save)
        with pytest.raises(Interrupted):
            train(overrides, tmp_path / "stopped")
    train(overrides, tmp_path / "stopped")
    for name in ("model.keras", "last.keras"):
        assert equal(weights(tmp_path / "whole" / name), weights(tmp_path / "stopped" / name))


@pytest.mark.parametrize("patience", ["null", "1"])
def test_a_run_that_had_ended_is_saved_with_the_mean_of_its_weights_again(patience, small_run, tmp_path):
    """Started again after its last epoch, or after the one at which it stopped early."""
    options = ["training.average_weights=0.9", f"training.early_stopping_patience={patience}"]
    overrides = [
        *small_run,
        *options,
        *(["training.epochs=9"] if patience == "1" else []),
        "training.monitor=digit.uar",
    ]
    train(overrides, tmp_path / "run")
    found = weights(tmp_path / "run" / "last.keras")
    (tmp_path / "run" / "last.keras").unlink()
    train(overrides, tmp_path / "run")
    assert equal(weights(tmp_path / "run" / "last.keras"), found)


def test_a_full_disk_leaves_the_last_checkpoint_whole(small_run, tmp_path, monkeypatch):
    train([*small_run, "training.epochs=1"], tmp_path / "run")
    path = last_checkpoint(tmp_path / "run").path
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left") as caught:
            train([*small_run, "training.epochs=2"], tmp_path / "run")
    assert caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == before
    assert sorted(item.name for item in path.parent.iterdir()) == ["best-0.npz", "last.npz"]
    assert len(train([*small_run, "training.epochs=2"], tmp_path / "run").history) == 2


def test_a_damaged_checkpoint_is_named(small_run, tmp_path):
    train([*small_run, "training.epochs=1"], tmp_path / "run")
    path = last_checkpoint(tmp_path / "run").path
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(UserError, match=r"last\.npz is damaged"):
        train([*small_run, "training.epochs=2"], tmp_path / "run")


def test_a_diverged_run_says_so_and_keeps_the_epochs_before(small_run, tmp_path):
    with pytest.raises(UserError, match=r"not finite after epoch 1; give a smaller training\.learning_rate"):
        train([*small_run, "training.learning_rate=1e30", "training.optimizer=sgd"], tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.parametrize("killed_before", ["last", "removal"])
def test_a_kill_between_two_checkpoints_keeps_the_epoch_that_history_calls_best(
    killed_before, small_run, tmp_path, monkeypatch
):
    """The run that carries on scores otherwise than the killed one; what was thrown away must not come back."""
    overrides = [*small_run, "training.epochs=4"]

    class Killed(Exception):
        pass

    original = checkpoint.Checkpoint.save

    def save(self, model, history, optimizer=True):
        if killed_before == "last" and optimizer and len(history) == 3:
            raise Killed
        original(self, model, history, optimizer)
        if killed_before == "removal" and optimizer and len(history) == 3:
            raise Killed

    scores = iter([0.9, 0.1, 0.95, 0.2, 0.3, 0.4])
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.Checkpoint, "save", save)
        patch.setattr("mtl_tf.training.callbacks.monitored", lambda *arguments: next(scores))
        with pytest.raises(Killed):
            train(overrides, tmp_path / "run")
    later = iter([0.2, 0.3, 0.4])
    monkeypatch.setattr("mtl_tf.training.callbacks.monitored", lambda *arguments: next(later))
    train(overrides, tmp_path / "run")
    best = 0 if killed_before == "last" else 2
    assert best_epoch(load_history(tmp_path / "run").to_dict("records")) == best
    (kept,) = (tmp_path / "run" / "checkpoints").glob("best-*.npz")
    assert kept.name == f"best-{best}.npz"


@pytest.mark.parametrize("steps", [3, pytest.param(8, marks=pytest.mark.slow)])
def test_several_steps_in_one_execution_are_the_same_steps(steps, small_run, tmp_path):
    overrides = [*small_run, "training.epochs=2", "model.dropout=0.0", f"training.steps_per_epoch={steps}"]
    train(overrides, tmp_path / "one")
    train([*overrides, "training.steps_per_execution=4"], tmp_path / "four")
    for expected, got in zip(weights(tmp_path / "one/last.keras"), weights(tmp_path / "four/last.keras"), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(small_run, tmp_path):
    first, again, other = (
        train([*small_run, "model.dropout=0.3", f"seed={seed}"], tmp_path / name).model.get_weights()
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert equal(first, again)
    assert not equal(first, other)
