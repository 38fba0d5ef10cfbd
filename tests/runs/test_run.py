"""The whole way on a small made corpus, in process and from the command line."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import ROOT

from mtl_tf import compose
from mtl_tf.errors import UserError
from mtl_tf.evaluation.windows import Windows
from mtl_tf.experiment import run_experiment
from mtl_tf.reporting.report import write_report
from mtl_tf.reporting.tables import print_validation
from mtl_tf.runs import folder as run_folder
from mtl_tf.runs.load_model import load_model
from mtl_tf.runs.merge import merge_parts
from mtl_tf.runs.predict_files import predict_files
from mtl_tf.runs.read import load_classes, load_config, load_history
from mtl_tf.runs.score_again import evaluate_run

FILES = {
    *("config.yaml", "metrics.json", "predictions.parquet", "history.csv", "audit.csv", "model.keras", "report.html"),
    *("environment.json", "splits.parquet", "speakers.csv", "classes.json", "last.keras"),
}


def metrics(folder):
    return json.loads((folder / "metrics.json").read_text())


def test_a_run_leaves_its_files_and_learns(finished_run):
    assert {path.name for path in finished_run.iterdir()} >= FILES
    found = metrics(finished_run)
    for task in ("digit", "speaker"):
        scores = found["test"][task]
        assert {"accuracy", "uar", "macro_f1", "micro_f1", "n", "majority", "chance", "per_class"} <= set(scores)
        assert scores["n"] == 20
        assert scores["accuracy"] >= 0.9
    assert found["cost"]["parameters"] > 0 and found["cost"]["train_seconds"] > 0
    assert found["clips"] == {"train": 25, "validation": 3, "test": 20, "left_out": 0, "unlabelled": 0}
    assert found["decoders"] == {"tensorflow_io": 48}


def test_predictions_agree_with_metrics(finished_run):
    table = pd.read_parquet(finished_run / "predictions.parquet")
    for task, scores in metrics(finished_run)["test"].items():
        rows = table[table["task"] == task]
        assert (rows["label"] == rows["predicted"]).mean() == pytest.approx(scores["accuracy"])
        best = rows["probabilities"].map(np.argmax)
        assert (np.array(scores["classes"])[best] == rows["predicted"]).all()


def test_evaluation_repeats_the_scores(finished_run):
    again = evaluate_run(finished_run)
    for task, scores in metrics(finished_run)["test"].items():
        for name in ("accuracy", "uar", "macro_f1", "confusion", "n"):
            np.testing.assert_allclose(again[task][name], scores[name])


def test_evaluation_says_so_when_test_clips_are_gone(finished_run, tmp_path):
    data = finished_run.parents[2] / "data"
    shutil.copytree(data, tmp_path / "fewer")
    (tmp_path / "fewer" / "fsdd" / "recordings" / "0_theo_0.wav").unlink()
    with pytest.raises(UserError, match=r"1 test clips .* no longer there, such as fsdd/recordings/0_theo_0"):
        evaluate_run(finished_run, str(tmp_path / "fewer"))


@pytest.mark.parametrize("name", ["config.yaml", "classes.json", "splits.parquet", "model.keras"])
def test_a_damaged_file_of_a_run_is_named(finished_run, name, tmp_path):
    folder = shutil.copytree(finished_run, tmp_path / "run")
    (folder / name).write_bytes((folder / name).read_bytes()[: 40 if name == "config.yaml" else 100] + b"\x00[")
    with pytest.raises(UserError, match=re.escape(name)) as caught:
        evaluate_run(folder)
    assert "\n" not in str(caught.value)


def test_predictions_of_files_are_those_of_the_run(finished_run, capsys):
    recordings = finished_run.parents[2] / "data" / "fsdd" / "recordings"
    table = pd.read_parquet(finished_run / "predictions.parquet")
    rows = table[table["task"] == "digit"].head(4)
    predict_files(finished_run, [recordings.parent / path for path in rows["path"]])
    for line, row in zip(capsys.readouterr().out.splitlines(), rows.itertuples(), strict=True):
        answer = json.loads(line)
        assert answer["digit"]["class"] == row.predicted
        np.testing.assert_allclose(list(answer["digit"]["probabilities"].values()), row.probabilities, atol=2e-5)


def test_windows_of_a_file_are_answered_as_files_of_their_own(finished_run, tmp_path, capsys):
    recording = 0.1 * np.random.default_rng(0).standard_normal(8000 * 60).astype(np.float32)
    soundfile.write(tmp_path / "long.wav", recording, 8000, subtype="FLOAT")
    predict_files(finished_run, [tmp_path / "long.wav"], Windows(1.0, 0.75))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["start_s"] for line in lines] == [0.75 * index for index in range(80)]
    for index in (0, 41, 79):
        cut = recording[6000 * index : 6000 * index + 8000]
        soundfile.write(tmp_path / "cut.wav", cut, 8000, subtype="FLOAT")
        predict_files(finished_run, [tmp_path / "cut.wav"])
        alone = json.loads(capsys.readouterr().out)
        for task in ("digit", "speaker"):
            assert lines[index][task]["probabilities"] == pytest.approx(alone[task]["probabilities"], abs=1e-5)
    with pytest.raises(UserError, match=r"window_s=0.001 is shorter than one analysis frame"):
        predict_files(finished_run, [tmp_path / "long.wav"], Windows(0.001, 0.75))


@pytest.mark.parametrize(
    ("samples", "window_s", "hop_s", "starts"),
    [(10, 4, 2, [0, 2, 4, 6]), (10, 4, 4, [0, 4, 8]), (3, 4, 4, [0]), (10, 2, 5, [0, 5]), (11, 2, 5, [0, 5, 10])],
)
def test_windows_reach_every_sample_and_none_begins_behind_the_end(samples, window_s, hop_s, starts):
    waveform = np.arange(1.0, samples + 1)
    found = list(Windows(window_s, hop_s).cut(waveform, 1))
    assert [start for start, _ in found] == starts
    for start, cut in found:
        first = int(start)
        assert cut.tolist() == waveform[first : first + window_s].tolist()


def test_the_folder_above_runs_or_folds_names_one_of_them(finished_run, tmp_path):
    with pytest.raises(UserError, match=f"did you mean {finished_run}"):
        predict_files(finished_run.parent, [tmp_path / "a.wav"])
    shutil.copytree(finished_run, tmp_path / "run" / "folds" / "0")
    shutil.copy(finished_run / "config.yaml", tmp_path / "run")
    with pytest.raises(UserError, match=r"choose one of its folds, such as .*run/folds/0"):
        predict_files(tmp_path / "run", [tmp_path / "a.wav"])


def test_trust_is_read_from_the_runs_thresholds(finished_run, tmp_path, capsys):
    assert set(json.loads((finished_run / "thresholds.json").read_text())) == {"digit", "speaker"}
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    reached = {"share_right": 0.9, "min_probability": 0.0, "share_answered": 1.0}
    beyond = {"share_right": 0.99, "min_probability": 1.1, "share_answered": 0.0}
    (run / "thresholds.json").write_text(json.dumps({"digit": [reached, beyond], "speaker": [beyond]}))
    soundfile.write(tmp_path / "a.wav", 0.1 * np.random.default_rng(0).standard_normal(4000), 8000)
    predict_files(run, [tmp_path / "a.wav"])
    answer = json.loads(capsys.readouterr().out)
    assert (answer["digit"]["trust"], answer["speaker"]["trust"]) == (0.9, None)
    predict_files(run, [tmp_path / "a.wav"], out=tmp_path / "all.csv")
    table = pd.read_csv(tmp_path / "all.csv").set_index("task")
    assert table["trust"].loc["digit"] == 0.9 and table["trust"].isna()["speaker"]
    printed = capsys.readouterr()
    assert json.loads(printed.out) == answer and f"wrote {tmp_path / 'all.csv'}" in printed.err
    (run / "thresholds.json").write_text("{")
    with pytest.raises(UserError, match=r"thresholds\.json is damaged"):
        predict_files(run, [tmp_path / "a.wav"])
    (run / "thresholds.json").unlink()  # a run without validation clips
    predict_files(run, [tmp_path / "a.wav"])
    assert json.loads(capsys.readouterr().out)["digit"]["trust"] is None


def test_a_recording_far_longer_than_training_is_answered_with_a_warning_and_without_trust(
    finished_run, tmp_path, capsys
):
    run = shutil.copytree(finished_run, tmp_path / "run")
    always = {"share_right": 0.9, "min_probability": 0.0, "share_answered": 1.0}
    (run / "thresholds.json").write_text(json.dumps({"digit": [always], "speaker": [always]}))
    noise = 0.1 * np.random.default_rng(0).standard_normal(8000 * 60)
    soundfile.write(tmp_path / "long.wav", noise, 8000)
    soundfile.write(tmp_path / "short.wav", noise[:3000], 8000)
    predict_files(run, [tmp_path / "long.wav", tmp_path / "short.wav"])
    captured = capsys.readouterr()
    long, short = (json.loads(line) for line in captured.out.splitlines())
    assert long["digit"]["trust"] is None and short["digit"]["trust"] == 0.9
    assert re.fullmatch(
        r"warning: .*long\.wav: it lasts 60\.00 s, .*; window_s=0\.5 answers it in parts\n", captured.err
    )
    predict_files(run, [tmp_path / "long.wav"], Windows(0.5, 0.5))
    captured = capsys.readouterr()
    assert all(json.loads(line)["digit"]["trust"] == 0.9 for line in captured.out.splitlines()) and not captured.err
    soundfile.write(tmp_path / "silent.wav", np.concatenate([np.zeros(4000), 0.1 * np.ones(4000)]), 8000)
    predict_files(run, [tmp_path / "silent.wav"], Windows(0.5, 0.5))
    trusts = [json.loads(line)["digit"]["trust"] for line in capsys.readouterr().out.splitlines()]
    assert trusts == [None, 0.9]
    soundfile.write(tmp_path / "silent.wav", np.zeros(4000), 8000)
    predict_files(run, [tmp_path / "silent.wav"])
    captured = capsys.readouterr()
    assert json.loads(captured.out)["digit"]["trust"] is None
    assert captured.err.endswith("silent.wav: it is silent, so its answer is given no trust\n")
    soundfile.write(tmp_path / "loud.wav", 30000 * noise, 8000, "FLOAT")
    with pytest.raises(UserError, match=r"loud\.wav: its samples reach .* scale them down"):
        predict_files(run, [tmp_path / "loud.wav"])


def test_any_container_rate_and_channels_are_answered_and_bad_files_named(finished_run, tmp_path, capsys):
    time_s = np.arange(22050) / 44100
    stereo = 0.2 * np.sin(2 * np.pi * np.array([[600], [600]]) * time_s).T
    for suffix in ("wav", "flac", "ogg", "mp3"):
        soundfile.write(tmp_path / f"a.{suffix}", stereo, 44100)
    (tmp_path / "bad.wav").write_text("no audio")
    soundfile.write(tmp_path / "short.wav", np.zeros(10), 8000)
    files = [tmp_path / f"a.{suffix}" for suffix in ("wav", "flac", "ogg", "mp3")]
    with pytest.raises(UserError, match="2 of the files"):
        predict_files(finished_run, [files[0], tmp_path / "bad.wav", tmp_path / "short.wav", *files[1:]])
    captured = capsys.readouterr()
    assert len({json.loads(line)["digit"]["class"] for line in captured.out.splitlines()}) == 1
    assert captured.out.count("\n") == 4
    assert "bad.wav" in captured.err and "short.wav is shorter than one analysis frame" in captured.err


def test_an_unfinished_run_is_carried_on_and_a_finished_one_is_not(small_run, monkeypatch):
    overrides = [*small_run, "training.epochs=2"]
    with monkeypatch.context() as patch:
        patch.setattr("mtl_tf.runs.part.predict_clips", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run_experiment(compose.compose(overrides))
    (first,) = (ROOT.__class__("runs") / "fsdd").iterdir()
    assert not (first / "metrics.json").exists()
    other = run_experiment(compose.compose([*overrides, "seed=5"]))
    assert other.name != first.name
    assert run_experiment(compose.compose([*overrides, "quiet=true"])).name == first.name
    assert run_experiment(compose.compose(overrides)).name != first.name


def interrupt(*arguments):
    raise KeyboardInterrupt


def test_a_running_run_is_left_alone_and_named(small_run, capsys):
    config = compose.compose(small_run)
    with run_folder.run_folder(config, {}) as first, run_folder.run_folder(config, {}) as second:
        assert first != second
        assert f"another process is at work on the same run in {first}; this" in capsys.readouterr().err
    with run_folder.run_folder(config, {}) as third:
        assert third in (first, second)


def test_cross_validation_gives_folds_means_and_deviations(small_run):
    folder = run_experiment(
        compose.compose([*small_run, "split.strategy=k_fold", "split.num_folds=3", "training.epochs=4"])
    )
    found = metrics(folder)
    assert [entry["fold"] for entry in found["folds"]] == [0, 1, 2]
    for task, scores in found["test"].items():
        values = [entry["test"][task]["uar"] for entry in found["folds"]]
        assert scores["uar"] == pytest.approx(np.mean(values))
        assert scores["uar_std"] == pytest.approx(np.std(values, ddof=1))
        assert scores["n"] == 48
        assert np.sum(scores["confusion"]) == 48
    table = pd.read_parquet(folder / "predictions.parquet")
    assert table[table["task"] == "digit"]["clip_id"].is_unique
    assert (folder / "report.html").is_file()
    assert evaluate_run(folder / "folds" / "1")["digit"]["n"] == 16
    again = evaluate_run(folder)
    for task, scores in found["test"].items():
        for name in ("accuracy", "uar", "uar_std", "confusion", "n"):
            np.testing.assert_allclose(again[task][name], scores[name])
    with pytest.raises(UserError, match="choose one of its folds"):
        load_model(folder)
    merge_parts(folder, "fold", [0, 1, 2])
    assert metrics(folder) == found
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "mtl_tf.reporting.report.load_model", lambda place: (seen.append(place.name), load_model(place))[1]
        )
        write_report(folder)
    best = table.sort_values("probability", ascending=False).groupby("task").head(1)
    assert set(best["fold"].astype(str)) <= set(seen)


@pytest.mark.slow
def test_settings_are_chosen_by_all_training_clips_and_no_test_clip(small_run, capsys):
    """Three repeats validate on a third of the training clips each, and the terminal shows the mean."""
    options = ["repeats=3", "split.validation_folds=3", "score_test=false", "training.epochs=2"]
    folder = run_experiment(compose.compose([*small_run, *options]))
    tables = [pd.read_parquet(folder / "repeats" / str(number) / "splits.parquet") for number in range(3)]
    validated = [table.loc[table["split"] == "validation", "clip_id"] for table in tables]
    trained = tables[0].loc[tables[0]["split"].isin(["train", "validation"]), "clip_id"]
    assert sorted(pd.concat(validated)) == sorted(trained)
    assert load_config(folder / "repeats" / "2").split.validation_part == 2
    print_validation(folder)
    histories = [load_history(folder / "repeats" / str(number)) for number in range(3)]
    values = [history.nlargest(1, "score")["val_digit_uar"] for history in histories]
    shown = capsys.readouterr().out
    assert "over 3 repeats" in shown and f"{100 * np.mean(values):.1f}" in shown and "cross" not in shown


def test_repeats_differ_by_their_seed_and_the_best_is_named(small_run):
    folder = run_experiment(compose.compose([*small_run, "repeats=3", "training.epochs=2"]))
    found = metrics(folder)
    values = [entry["test"]["digit"]["accuracy"] for entry in found["repeats"]]
    assert found["test"]["digit"]["accuracy"] == pytest.approx(np.mean(values))
    assert found["test"]["digit"]["best"]["accuracy"] == max(values)
    assert found["test"]["digit"]["n"] == 20
    assert load_config(folder / "repeats" / "2").seed == 2
    tables = [pd.read_parquet(folder / "repeats" / str(number) / "predictions.parquet") for number in range(3)]
    tables = [table[table["task"] == "digit"].set_index("clip_id") for table in tables]
    mean = sum(np.stack(table.loc[tables[0].index, "probabilities"]) for table in tables)
    right = np.array(["0", "1"])[mean.argmax(axis=1)] == tables[0]["label"].to_numpy()
    assert found["test"]["digit"]["ensemble"]["accuracy"] == pytest.approx(right.mean())
    assert "the answers of all repeats averaged" in (folder / "report.html").read_text()
    histories = [load_history(folder / "repeats" / str(number))["loss"][0] for number in range(3)]
    assert len(set(histories)) == 3
    assert "mean" in (folder / "report.html").read_text() and "3 repeats" in (folder / "report.html").read_text()
    (folder / "repeats" / "1" / "model.keras").unlink()
    with pytest.raises(UserError, match=r"repeats/1/model\.keras is missing"):
        load_model(folder)
    with pytest.raises(UserError, match="needs a single fold"):
        run_experiment(compose.compose([*small_run, "repeats=2", "split.strategy=k_fold"]))


def test_a_run_is_opened_with_its_configuration_and_classes(finished_run):
    assert load_config(finished_run).experiment == "fsdd"
    assert load_classes(finished_run) == {"digit": ["0", "1"], "speaker": ["jackson", "theo"]}
    with pytest.raises(UserError, match=r"nowhere/config\.yaml is missing"):
        load_config(ROOT.__class__("nowhere"))


def test_audio_left_out_is_counted_and_named(small_run, tmp_path):
    recordings = tmp_path / "data" / "fsdd" / "recordings"
    (recordings / "1_theo_7.wav").write_bytes(b"")
    with pytest.raises(UserError, match=r"audit found 1 empty.*1_theo_7\.wav.*audit\.on_error=skip"):
        run_experiment(compose.compose(small_run))
    folder = run_experiment(compose.compose([*small_run, "audit.on_error=skip", "training.epochs=1"]))
    assert metrics(folder)["clips"]["left_out"] == 1
    assert "1_theo_7" in (folder / "audit.csv").read_text()
    assert "1_theo_7" in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["corpora.fsdd.where={digit:['0']}"], "task digit: the training clips carry 1 class"),
        (["corpora.fsdd.where={digit:['7']}"], "leaves no clip"),
        (["corpora.fsdd.where={colour:['7']}"], "has no column colour. Known: accent, digit, gender, speaker"),
        (["tasks.digit.classes=['0','2']"], r"without a mapping: 1 \(24 clips\)"),
        (["frontend.n_fft=4096", "pipeline.clip_s=1"], "too_short.*shorter than 0.512 s"),
        (["split.strategy=held_out", "split.test_groups=[lucas]"], "speaker has the values jackson, theo"),
        (["pipeline.mixing=quota", "corpora.fsdd.mixing_weight=0"], "mixing_weight"),
        (["fold=7", "split.strategy=k_fold"], "there are 5 folds"),
        (["training.early_stopping_patience=2", "split.validation_fraction=0"], "validation_fraction"),
        (["frontend.window=nonesuch"], "window=nonesuch"),
        (["model.dropout=2"], "model.dropout=2: input should be less than 1"),
        (["model.filters=3"], "model.filters=3: input should be a list"),
        (["fold=3"], "has one division and no folds"),
        (["runs_dir=/proc/nowhere"], "runs_dir=/proc/nowhere: No such file or directory; give a folder"),
        (["runs_dir=/proc/version/runs"], "runs_dir=/proc/version/runs: /proc/version is not a folder; give a folder"),
        (["frontend.n_fft=abc"], "frontend.n_fft='abc': input should be a valid integer"),
        (["frontend.num_frames=0"], "num_frames=0: give at least 1"),
        (["pipeline.clip_s=0.001"], "pipeline.clip_s=0.001 is shorter than one analysis frame"),
        (["corpora.fsdd.crop_s=0.001"], "corpora.fsdd.crop_s=0.001 is shorter than one analysis frame"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_mistakes_in_data_are_explained(overrides, message, small_run):
    with pytest.raises(UserError, match=message):
        run_experiment(compose.compose([*small_run, *overrides]))


def test_a_value_the_model_refuses_leaves_no_run_folder(small_run, tmp_path):
    config = compose.compose([*small_run, "model.filters=3", f"runs_dir={tmp_path / 'runs'}"])
    with pytest.raises(UserError):
        run_experiment(config)
    assert not (tmp_path / "runs").exists()


def test_the_command_line_trains_evaluates_predicts_and_exports(small_run, tmp_path):
    def run(script, *arguments):
        command = [sys.executable, str(ROOT / "scripts" / script), *arguments]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert result.returncode == 0, result.stderr
        assert "Traceback" not in result.stderr
        return result.stdout.splitlines()

    folder = run("train.py", *small_run)[-1]
    assert folder.startswith("runs/fsdd/") and (tmp_path / folder / "metrics.json").is_file()
    assert any("speaker" in line for line in run("evaluate.py", f"run={folder}"))
    wav = str(tmp_path / "data" / "fsdd" / "recordings" / "0_theo_0.wav")
    assert set(json.loads(run("predict.py", f"run={folder}", wav)[0])) == {"file", "digit", "speaker"}
    version = run("export.py", f"run={folder}", "name=digits")[-1]
    assert version == "saved_models/digits/1"
    assert (tmp_path / version / "saved_model.pb").is_file()


def test_a_run_that_was_stopped_early_is_carried_on_to_the_weights_of_one_that_was_not(small_run):
    keys = [*small_run, "training.epochs=4", "training.learning_rate_schedule=cosine"]
    whole = run_experiment(compose.compose([*keys, "runs_dir=whole"]))
    early = run_experiment(compose.compose([*keys, "training.stop_after_epoch=2", "score_test=false"]))
    assert len(load_history(early)) == 2 and not (early / "report.html").exists()
    assert not (early / "predictions.parquet").exists(), "test clips were looked at"
    later = run_experiment(compose.compose([*keys, "training.stop_after_epoch=4", "score_test=false"]))
    scored = run_experiment(compose.compose(keys))
    assert early == later == scored and metrics(scored)["test"] == metrics(whole)["test"]
    one, other = (load_history(folder).drop(columns="seconds") for folder in (whole, scored))
    pd.testing.assert_frame_equal(one, other)
    for first, second in zip(load_model(whole).weights, load_model(scored).weights, strict=True):
        np.testing.assert_array_equal(first.numpy(), second.numpy())
    assert load_config(scored).score_test
