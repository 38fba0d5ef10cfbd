"""A run is carried on only with the data it began with, and by one process."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import ROOT

from mtl_tf.compose import compose
from mtl_tf.errors import UserError
from mtl_tf.experiment import run_experiment
from mtl_tf.reporting.report import write_report
from mtl_tf.runs.folder import run_folder, what_changed
from mtl_tf.runs.gather import gather_folds
from mtl_tf.runs.score_again import evaluate_run


def division(**columns):
    table = pd.DataFrame(
        {"clip_id": ["a", "b", "c"], "audio_sha1": ["1", "2", "3"], "split": ["train", "train", "test"]}
    )
    return table.assign(**({"closed_set_only": False, "label.digit": ["x", "y", None]} | columns))


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (division(), None),
        (division().iloc[::-1], None),
        (division().iloc[:2], "1 clips are gone, such as c"),
        (division(clip_id=["a", "b", "d"]), "1 clips are gone, such as c"),
        (division(audio_sha1=["1", "2", "4"]), "1 clips hold other audio, such as c"),
        (division(**{"label.digit": ["x", "x", None]}), "1 clips have another digit, such as b"),
        (division(**{"label.digit": ["x", "y", "y"]}), "1 clips have another digit, such as c"),
        (division(split=["train", "test", "train"]), "2 clips are in another part, such as b"),
        (division(closed_set_only=[False, True, False]), "1 clips are in another part, such as b"),
        (division(**{"label.speaker": "s"}), "the tasks are others"),
    ],
)
def test_what_changed_is_said_in_one_phrase(now, said):
    assert what_changed(division(), now) == said


def interrupted(overrides, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mtl_tf.runs.part.predict_clips", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run_experiment(compose(overrides))


def add(folder):
    shutil.copy(folder / "0_theo_5.wav", folder / "0_theo_30.wav")
    samples, rate = soundfile.read(folder / "0_theo_30.wav")
    soundfile.write(
        folder / "0_theo_30.wav", samples + 0.05 * np.random.default_rng(0).standard_normal(len(samples)), rate
    )


def take(folder):
    (folder / "0_theo_5.wav").unlink()


def change(folder):
    samples, rate = soundfile.read(folder / "0_theo_5.wav")
    soundfile.write(folder / "0_theo_5.wav", 0.5 * samples, rate)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (change, "1 clips hold other audio"),
        pytest.param(add, "1 clips are new", marks=pytest.mark.slow),
        pytest.param(take, "1 clips are gone", marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_is_not_carried_on_with_other_data(edit, said, small_run, tone_corpus, monkeypatch):
    overrides = [*small_run, "training.epochs=1", "split.strategy=random"]
    interrupted(overrides, monkeypatch)
    edit(tone_corpus / "fsdd" / "recordings")
    with pytest.raises(
        UserError, match=rf"the data is not what runs/fsdd/.* began with: {said}.*resume=false"
    ) as caught:
        run_experiment(compose(overrides))
    assert "\n" not in str(caught.value)
    anew = run_experiment(compose([*overrides, "resume=false"]))
    assert (anew / "report.html").is_file()


STARTS = """
import sys
from mtl_tf.compose import compose
from mtl_tf.runs.folder import run_folder
config = compose(sys.argv[1:])
for _ in range(30):
    with run_folder(config, {}) as folder:
        print(folder, flush=True)
"""


def test_starts_of_one_run_at_once_never_meet_in_a_folder_nor_fail(small_run):
    with run_folder(compose(small_run), {}):
        pass  # an unfinished run, which all of them would like to carry on
    command = [sys.executable, "-c", STARTS, *small_run]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for process in processes:
        output, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        assert len(output.splitlines()) == 30


def test_folds_trained_apart_become_one_cross_validation(small_run, tmp_path, capsys):
    overrides = [*small_run, "split.strategy=k_fold", "split.num_folds=3", "training.epochs=2"]
    together = run_experiment(compose(overrides))
    apart = [run_experiment(compose([*overrides, f"fold={fold}"])) for fold in (2, 0, 1)]
    merged = gather_folds(apart)
    expected, found = (json.loads((folder / "metrics.json").read_text()) for folder in (together, merged))
    assert found["test"] == expected["test"]
    assert found["folds"] == expected["folds"]
    assert write_report(merged).is_file()
    assert set(evaluate_run(merged)) == {"digit", "speaker"}
    capsys.readouterr()
    some = gather_folds(apart[:2])
    assert "only folds 0, 2 are here: 16 of 48 clips are tested by none of them" in capsys.readouterr().err
    assert "only folds 0, 2 are here" in json.loads((some / "metrics.json").read_text())["notes"][-1]
    with pytest.raises(UserError, match="fold 2 is there twice"):
        gather_folds([apart[0], apart[0]])
    with pytest.raises(UserError, match="is no run of a single fold"):
        gather_folds([together, apart[0]])
    other = run_experiment(compose([*overrides, "fold=1", "seed=7"]))
    with pytest.raises(UserError, match=r"differs from .* in seed; only the fold may differ"):
        gather_folds([apart[1], other])
    command = [sys.executable, str(ROOT / "scripts" / "merge.py"), *map(str, apart)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    found = (tmp_path / result.stdout.splitlines()[-1] / "metrics.json").read_text()
    assert json.loads(found)["test"] == expected["test"]
