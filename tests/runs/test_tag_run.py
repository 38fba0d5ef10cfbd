"""Tags from a table to training, scores, report, answers and the served model."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.metrics import average_precision_score

from mtl_tf.compose import compose
from mtl_tf.errors import UserError
from mtl_tf.experiment import run_experiment
from mtl_tf.reporting.tables import print_scores
from mtl_tf.runs.predict_files import predict_files
from mtl_tf.runs.read import load_decisions, load_division, load_metrics
from mtl_tf.runs.score_again import evaluate_run
from mtl_tf.serving.export import export_run

TONES_HZ = {"low": 300, "middle": 900, "high": 2700}
RATE = 8000
SMALL = (
    "model.filters=[8,16]",
    "model.embedding_units=16",
    "model.dropout=0",
    "frontend.num_mel_bins=24",
    "pipeline.batch_size=8",
    "training.epochs=25",
    "training.learning_rate=0.01",
    "quiet=true",
)


def write_mixtures(folder, count=160):
    """Writes noise with none to three tones, and a table of the tones in each clip."""
    rng = np.random.default_rng(3)
    (folder / "audio").mkdir(parents=True)
    lines = ["file;tones;split;pitch"]
    for number in range(count):
        time_s = np.arange(int(RATE * rng.uniform(0.4, 0.6))) / RATE
        there = [name for name in TONES_HZ if rng.uniform() < 0.4]
        samples = 0.05 * rng.standard_normal(len(time_s))
        for name in there:
            samples += 0.15 * np.sin(2 * np.pi * TONES_HZ[name] * rng.uniform(0.97, 1.03) * time_s)
        soundfile.write(folder / "audio" / f"{number}.wav", samples, RATE)
        part = ("train", "train", "validation", "test")[number % 4]
        lines.append(f'audio/{number}.wav;"{",".join(there)}";{part};{"some" if there else "none"}')
    (folder / "list.csv").write_text("\n".join(lines))
    for group, text in {
        "corpus": "# @package corpora.tones\nname: table\npath: " + str(folder),
        "task": "# @package tasks.tones\nkind: multi_label\nlabels: {tones: {column: tones}}",
        "experiment": "# @package _global_\ndefaults:\n  - override /corpus: [tones]\n  - override /task: [tones]\n"
        f"frontend: {{sample_rate: {RATE}, n_fft: 256, hop_length: 80}}\npipeline: {{clip_s: 0.6}}\n",
    }.items():
        (folder / "configs" / group).mkdir(parents=True)
        (folder / "configs" / group / "tones.yaml").write_text(text)
    pitch = "# @package tasks.pitch\nlabels: {tones: {column: pitch}}"
    (folder / "configs" / "task" / "pitch.yaml").write_text(pitch)


@pytest.fixture(scope="module")
def tag_run(tmp_path_factory):
    """A run of tags beside classes of the same clips."""
    folder = tmp_path_factory.mktemp("tags")
    write_mixtures(folder)
    places = (f"prepared_dir={folder / 'prepared'}", f"runs_dir={folder / 'runs'}", f"config_dir={folder / 'configs'}")
    return run_experiment(compose(["experiment=tones", "task=[tones,pitch]", *places, *SMALL]))


def test_tags_are_learned_and_scored_as_scikit_learn_does(tag_run, capsys):
    scores = load_metrics(tag_run)["test"]["tones"]
    assert scores["map"] > 0.9 and scores["macro_f1"] > 0.75 and scores["n"] == 40
    predictions = pd.read_parquet(tag_run / "predictions.parquet")
    rows = predictions[predictions["task"] == "tones"]
    targets, values = np.stack(rows["targets"]), np.stack(rows["probabilities"])
    expected = np.mean([average_precision_score(targets[:, tag], values[:, tag]) for tag in range(3)])
    assert math.isclose(scores["map"], expected, abs_tol=1e-12)
    assert scores["map_interval"][0] <= scores["map"] <= scores["map_interval"][1]
    truth = load_division(tag_run)["label.tones"]
    named = {"high", "low", "middle", ""}
    assert set(";".join(truth).split(";")) == named
    assert rows["label"].tolist() == [";".join(sorted(truth[name].split(";"))) for name in rows["clip_id"]]
    print_scores(tag_run)
    shown = capsys.readouterr().out
    assert "Test scores of tags" in shown and "Test scores of" in shown
    page = (tag_run / "report.html").read_text()
    assert "Precision and recall of tags" in page and "tones: tags" in page and "Confusion matrices" in page
    before = json.loads(json.dumps(scores))
    again = evaluate_run(tag_run)["tones"]
    assert {key: again[key] for key in before if key in again} == {key: before[key] for key in before if key in again}


def test_answers_name_the_tags_that_reach_their_decision(tag_run, tmp_path, capsys):
    time_s = np.arange(RATE // 2) / RATE
    noise = 0.05 * np.random.default_rng(9).standard_normal(len(time_s))
    high = 0.15 * np.sin(2 * np.pi * 2700 * time_s)
    for name, samples in {"both": noise + high + 0.15 * np.sin(2 * np.pi * 300 * time_s), "none": noise}.items():
        soundfile.write(tmp_path / f"{name}.wav", samples, RATE)
    predict_files(tag_run, [tmp_path / "both.wav", tmp_path / "none.wav"])
    both, none = (json.loads(line)["tones"] for line in capsys.readouterr().out.splitlines())
    assert both["tags"] == ["high", "low"] and none["tags"] == []
    decisions = load_decisions(tag_run)["tones"]
    for answer in (both, none):
        assert answer["tags"] == [tag for tag, value in answer["probabilities"].items() if value >= decisions[tag]]
    assert "pitch" not in load_decisions(tag_run)


def test_the_served_model_says_which_tasks_have_tags(tag_run, tmp_path):
    version = export_run(tag_run, tmp_path / "served")
    details = json.loads((version / "assets" / "model.json").read_text())
    assert details["decisions"] == load_decisions(tag_run) and set(details["classes"]) == {"tones", "pitch"}
    card = (version / "assets.extra" / "model_card.md").read_text()
    assert "of which none or several may be right" in card and "| tones |" in card and "| pitch |" in card


@pytest.mark.parametrize("model", ["svm", "cab_cnn"])
def test_a_model_of_one_answer_per_clip_refuses_tags(model, tag_run, tmp_path):
    folder = tag_run.parents[2]
    frontend = {"svm": "filter_bank_summary", "cab_cnn": "envelope"}[model]
    with pytest.raises(UserError, match="task tones has tags, and this model answers with one class alone"):
        run_experiment(
            compose(
                [
                    "experiment=tones",
                    f"model={model}",
                    f"frontend={frontend}",
                    f"config_dir={folder / 'configs'}",
                    f"prepared_dir={folder / 'prepared'}",
                    "quiet=true",
                ]
            )
        )


@pytest.mark.parametrize("kind", ["fold", pytest.param("repeat", marks=pytest.mark.slow)])
def test_folds_and_repeats_of_tags_are_put_together(kind, tag_run):
    folder = tag_run.parents[2]
    parts = {"fold": ["split.strategy=k_fold", "split.num_folds=2"], "repeat": ["repeats=2"]}[kind]
    places = (f"prepared_dir={folder / 'prepared'}", f"runs_dir={folder / kind}", f"config_dir={folder / 'configs'}")
    run = run_experiment(compose(["experiment=tones", *places, *SMALL, "training.epochs=2", *parts]))
    metrics = load_metrics(run)
    own = [entry["test"]["tones"] for entry in metrics[f"{kind}s"]]
    merged = metrics["test"]["tones"]
    for name in ("map", "macro_f1", "micro_f1"):
        assert merged[name] == pytest.approx(np.mean([scores[name] for scores in own]))
    assert merged["n"] == (160 if kind == "fold" else 40)
    predictions = pd.read_parquet(run / "predictions.parquet")
    targets, values = np.stack(predictions["targets"]), np.stack(predictions["probabilities"])
    if kind == "fold":  # the interval is of all clips together
        expected = np.mean([average_precision_score(targets[:, tag], values[:, tag]) for tag in range(3)])
        assert merged["pooled"]["map"] == pytest.approx(expected)
    else:
        assert merged["best"]["map"] == max(scores["map"] for scores in own)
    assert "tones" in (run / "report.html").read_text()
    assert evaluate_run(run)["tones"]["map"] == pytest.approx(merged["map"])
