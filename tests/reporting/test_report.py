import io
import json
import re
import shutil
from html.parser import HTMLParser

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from mtl_tf.compose import compose
from mtl_tf.evaluation.attention import attention_weights
from mtl_tf.experiment import run_experiment
from mtl_tf.frontends.log_mel import LogMel
from mtl_tf.frontends.spectrogram import Spectrogram
from mtl_tf.reporting import examples, figures
from mtl_tf.reporting.report import known_speakers, write_report
from mtl_tf.reporting.tables import print_audit, print_details, print_scores
from mtl_tf.reporting.words import check_thresholds, describe_fitting, describe_scores, percent, telling_speakers
from mtl_tf.runs.load_model import load_model


class Collector(HTMLParser):
    def __init__(self):
        super().__init__()
        self.links, self.text = [], []

    def handle_starttag(self, tag, attributes):
        self.links += [value for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data):
        self.text.append(data)


def page(folder):
    collector = Collector()
    collector.feed((folder / "report.html").read_text())
    return collector.links, " ".join(" ".join(collector.text).split())


def test_the_page_needs_nothing_from_outside(finished_run):
    links, _ = page(finished_run)
    assert links and all(link.startswith(("data:image/png;base64,", "data:audio/mpeg;base64,")) for link in links)
    assert "<script" not in (finished_run / "report.html").read_text()


def test_the_page_says_what_was_done(finished_run):
    _, text = page(finished_run)
    for piece in ("digit", "speaker", "FSDD", "CC BY-SA 4.0", "compact_cnn", "majority", "Learning curves"):
        assert piece in text
    assert "digit is tested on other clips of speakers that training heard." in text
    assert "speaker is tested on other clips of speakers that training heard, as only these can be recognised." in text
    assert re.search(r"25 training, 3 validation, 20 test clips", text)
    assert "tensorflow_io 48" in text


def test_speakers_that_training_heard_are_counted_over_folds(tmp_path):
    for fold, test_speaker in enumerate(("a", "b")):
        place = tmp_path / "folds" / str(fold)
        place.mkdir(parents=True)
        division = [("1", "one", "a", "train"), ("2", "two", "b", "train"), ("3", "one", test_speaker, "test")]
        columns = ["clip_id", "corpus", "speaker", "split"]
        pd.DataFrame([*division, ("4", "one", None, "test")], columns=columns).to_parquet(place / "splits.parquet")
        answers = [("3", "one", test_speaker, "keyword"), ("3", "one", test_speaker, "accent")]
        answers += [("4", "one", None, "keyword"), ("4", "one", None, "scene")]
        columns[3] = "task"
        pd.DataFrame(answers, columns=columns).to_parquet(place / "predictions.parquet")
    assert known_speakers(tmp_path) == {"keyword": (1, 2), "accent": (1, 2)}
    (tmp_path / "folds").rename(tmp_path / "repeats")
    assert known_speakers(tmp_path) == {"keyword": (1, 1), "accent": (1, 1)}


def test_published_figures_stand_beside_both_protocols(finished_run, tmp_path):
    import shutil

    from mtl_tf import compose

    experiment = tmp_path / "fsdd"
    published = [
        {"task": "digit", "metric": "accuracy", "value": 0.7, "n": 90, "printed_as": "UA", "source": "Someone 2020"}
    ]
    for protocol in ("printed", "speaker_independent"):
        folder = shutil.copytree(finished_run, experiment / protocol)
        config = compose.load(folder / "config.yaml").model_dump() | {"published": published}
        config |= {"protocol": protocol, "protocols": ["printed", "speaker_independent"]}
        compose.save(compose.validate(config), folder / "config.yaml")
    write_report(experiment / "printed")
    _, text = page(experiment / "printed")
    assert "Someone 2020" in text and "not run" not in text
    config = compose.load(experiment / "speaker_independent" / "config.yaml").model_dump()
    config["training"]["epochs"] = 1
    compose.save(compose.validate(config), experiment / "speaker_independent" / "config.yaml")
    write_report(experiment / "printed")
    _, text = page(experiment / "printed")
    assert "not run; python scripts/train.py experiment=fsdd protocol=speaker_independent" in text
    assert "60.5–79.5" in text  # 0.7 -+ 1.96 sqrt(0.7 * 0.3 / 90)


def test_examples_are_right_ones_and_wrong_ones_of_several_classes():
    table = pd.DataFrame(
        {
            "task": "t",
            "clip_id": [f"c{index}" for index in range(8)],
            "label": list("aaabbbab"),
            "predicted": list("aaabbbba"),
            "probability": np.linspace(0.9, 0.5, 8),
        }
    )
    chosen = examples.choose_examples(table, "t")
    assert chosen["clip_id"].tolist() == ["c0", "c3", "c1", "c6", "c7"]


def test_examples_are_read_as_the_run_reads_them(finished_run):
    table = pd.read_parquet(finished_run / "predictions.parquet").head(2)
    roots = {"fsdd": finished_run.parents[2] / "data" / "fsdd"}
    first = examples.load_examples(8000, table, roots, {"fsdd": None})[0]
    expected, _ = soundfile.read(roots["fsdd"] / table["path"].iloc[0], dtype="float32")
    np.testing.assert_array_equal(first, expected)
    assert len(examples.load_examples(8000, table, roots, {"fsdd": 0.1})[0]) == 800
    part = table.assign(start_frame=400, num_frames=800)
    np.testing.assert_array_equal(examples.load_examples(8000, part, roots, {})[0], expected[400:1200])


def test_attention_is_read_out_and_drawn(small_run):
    rest = [text for text in small_run if not text.startswith(("model.", "frontend."))]
    folder = run_experiment(compose([*rest, "model=cab_cnn", "frontend=envelope", "training.epochs=1"]))
    model = load_model(folder)
    weights = attention_weights(model, np.ones(8000 * 3 // 4, np.float32), "digit")
    assert weights.shape == (30, 40)  # 40 steps a second
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    report = (folder / "report.html").read_text()
    assert report.count('alt="attention in') == report.count('alt="features of') > 2


def test_figures_are_pngs_for_odd_inputs():
    history = pd.DataFrame({"epoch": [0, 1], "loss": [2.0, 1.0]})
    scores = {"t": {"uar": 0.4, "chance": 0.2, "majority": {"uar": None}}}
    drawn = (
        figures.learning_curves(history, {"t": "uar"}),
        figures.confusion_matrix(np.zeros((40, 40), int), [str(index) for index in range(40)], "many"),
        figures.score_bars(scores, {"t": "uar"}),
        figures.clip_features(np.zeros((5, 4)), 0.01, np.array([0.0, 100.0, 200.0, 300.0])),
        figures.clip_attention(np.full((5, 4), 0.25)),
        *(figures.clip_features(np.ones(shape), 0.01) for shape in ((6, 6, 3), (6, 6, 1), (9, 1), (1, 9), (5, 4))),
    )
    assert all(image.startswith(b"\x89PNG") for image in drawn)


def test_tables_are_printed(finished_run, capsys):
    from mtl_tf.corpora import get_corpus
    from mtl_tf.runs.score_again import evaluate_run

    evaluate_run(finished_run)
    print_scores(finished_run)
    print_details(finished_run)
    prepared = finished_run.parents[2] / "prepared" / "fsdd"
    print_audit(get_corpus("fsdd"), pd.read_parquet(prepared / "manifest.parquet"), prepared)
    shown = capsys.readouterr().out
    for piece in ("majority", "per class", "per speaker", "theo", "every clip decodes", "3000 clips are published"):
        assert piece in shown
    assert percent(0.5) == "50.0" and percent(0.5, 0.1) == "50.0 ± 10.0" and percent(None) == "-"


def test_tasks_whose_folds_have_other_classes_have_no_table_of_classes(finished_run, tmp_path, capsys):
    metrics = json.loads((finished_run / "metrics.json").read_text())
    del metrics["test"]["speaker"]["per_class"]
    (tmp_path / "evaluation.json").write_text(json.dumps(metrics))
    shutil.copy(finished_run / "speakers.csv", tmp_path)
    print_details(tmp_path)
    shown = capsys.readouterr().out
    assert "digit: per class" in shown and "speaker: per class" not in shown


def test_scores_are_said_in_words():
    scores = {"classes": ["yes", "no"], "confusion": [[5, 1], [4, 0]], "majority": {"accuracy": 0.6}}
    guess = "always answering the most frequent class gets 6."
    assert describe_scores(scores) == (
        f"5 of 10 clips right; {guess} Most often mistaken: no for yes (4), yes for no (1)."
    )
    scores["confusion"] = [[6, 0], [0, 4]]
    assert describe_scores(scores) == f"10 of 10 clips right; {guess}"


def test_a_fold_that_tests_one_class_alone_says_that_its_score_means_little(finished_run, tmp_path, capsys):
    metrics = json.loads((finished_run / "metrics.json").read_text())
    digit = metrics["test"]["digit"]
    count = len(digit["classes"])
    digit["confusion"] = [[4] + [0] * (count - 1)] + [[0] * count for _ in range(count - 1)]
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    print_scores(tmp_path)
    name = digit["classes"][0]
    warning = f"All of these clips are {name}, so the score does not say how {name} is told from the other classes."
    shown = " ".join(capsys.readouterr().out.split())
    assert f"digit: {warning}" in shown and "speaker: All" not in shown
    assert describe_scores(digit).endswith(warning)


def test_a_network_that_knows_its_training_clips_by_heart_is_told_of():
    history = pd.DataFrame(
        {"epoch": [0, 1, 2], "score": [0.4, 0.6, 0.5], "a_uar": [0.5, 0.9, 1], "val_a_uar": [0.4, 0.6, 0.5]}
    )
    metrics = {"a": "uar"}
    (gap,) = describe_fitting(history, metrics, 500)
    assert gap.startswith("a: 90.0 % UAR on training clips and 60.0 % on validation clips.")
    assert describe_fitting(history.assign(a_uar=0.7), metrics, 500) == []
    (few,) = describe_fitting(history.assign(a_uar=0.7), metrics, 30)
    assert "chosen on 30 validation clips" in few
    assert describe_fitting(history.drop(columns="val_a_uar"), metrics, 0) == []
    folds = pd.concat([history.assign(fold=0), history.assign(fold=1, a_uar=0.7)])
    assert describe_fitting(folds, metrics, 500)[0].startswith("a: 80.0 % UAR")
    unscored = history.assign(score=np.nan)
    assert describe_fitting(unscored, metrics, 30)[0].startswith("a: 100.0 % UAR on training clips and 50.0 %")


def test_thresholds_are_held_to_test_clips():
    columns = {"task": "a", "label": ["x", "x", "y", "y"], "predicted": ["x", "y", "y", "y"]}
    predictions = pd.DataFrame(columns | {"probability": [0.9, 0.8, 0.7, 0.6]})
    entries = [{"share_right": share, "min_probability": least} for share, least in ((0.9, 0.65), (0.99, 0.95))]
    first, second = check_thresholds({"a": entries, "b": []}, predictions)["a"]
    assert first["test_answered"] == 0.75 and first["test_right"] == pytest.approx(2 / 3)
    assert second["test_answered"] == 0 and second["test_right"] is None
    assert check_thresholds({"a": entries, "b": []}, predictions)["b"] == []
    assert check_thresholds({"a": [], "b": []}, predictions) == {}
    alike = [entries[0] | {"share_right": share} for share in (0.9, 0.95)]
    assert [entry["share_right"] for entry in check_thresholds({"a": alike}, predictions)["a"]] == [0.95]


def test_speakers_are_not_listed_where_they_are_the_classes():
    speakers = pd.DataFrame({"task": ["digit", "digit", "who"], "speaker": ["ann", "bob", "ann"]})
    tasks = {"digit": {"classes": ["0", "1"]}, "who": {"classes": ["ann", "bob"]}}
    assert list(telling_speakers(speakers, tasks)["task"]) == ["digit", "digit"]


def test_frequency_ticks_lie_where_librosa_puts_the_bins():
    linear = Spectrogram(16000, n_fft=512, hop_length=160).frequencies_hz
    np.testing.assert_allclose(linear, librosa.fft_frequencies(sr=16000, n_fft=512))
    assert figures.frequency_ticks(linear) == {0.0: "0", 32.0: "1", 64.0: "2", 128.0: "4", 192.0: "6", 256.0: "8"}
    mel = LogMel(16000, 64, n_fft=512, hop_length=160).frequencies_hz
    filters = librosa.filters.mel(sr=16000, n_fft=2**16, n_mels=64)
    peaks = librosa.fft_frequencies(sr=16000, n_fft=2**16)[filters.argmax(axis=1)]
    np.testing.assert_allclose(mel, peaks, atol=0.3)
    for place, name in figures.frequency_ticks(mel).items():
        assert np.interp(place, np.arange(64), peaks) == pytest.approx(1000 * float(name), rel=1e-3)


@pytest.mark.parametrize(("sample_rate", "media"), [(8000, "audio/mpeg"), (48000, "audio/mpeg"), (10000, "audio/flac")])
def test_example_clips_are_the_clips(sample_rate, media):
    clip = 0.5 * np.sin(2 * np.pi * 440 * np.arange(sample_rate) / sample_rate).astype(np.float32)
    found, content = examples.playable(clip, sample_rate)
    again, rate = soundfile.read(io.BytesIO(content), dtype="float32")
    assert (found, rate) == (media, sample_rate)
    assert np.abs(np.fft.rfft(again[:sample_rate], sample_rate)).argmax() == 440


def test_the_report_holds_a_sound_for_every_example_unless_told_not_to(finished_run, tmp_path):
    assert len([link for link in page(finished_run)[0] if link.startswith("data:audio")]) >= 6
    copy = tmp_path / "run"
    shutil.copytree(finished_run, copy)
    config = yaml.safe_load((copy / "config.yaml").read_text())
    (copy / "config.yaml").write_text(yaml.safe_dump(config | {"report_audio": False}))
    write_report(copy)
    assert not [link for link in page(copy)[0] if link.startswith("data:audio")]
