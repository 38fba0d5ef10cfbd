"""Tables of a study on cells written by hand."""

import json

import pandas as pd
import pytest

from mtl_tf.study import names as files
from mtl_tf.study.tables import class_changes, costs
from mtl_tf.study.terminal import print_answers

SPEECH = {"alone": (0.4, 0.6, 0.5), "together": (0.7, 0.7, 0.7)}


def write_cells(folder):
    rows = []
    for tasks in ("events", "word", "events+word"):
        for seed in (0, 1, 2):
            together = "+" in tasks
            speech = SPEECH["together" if together else "alone"][seed]
            of_events = {
                "Speech": {"frame_f1": speech, "recall": 0.1, "n": 9},
                "dog": {"frame_f1": None, "recall": 0.1, "n": 0},
            }
            of_words = {"speech": {"recall": 0.5, "n": 3}, "yes": {"recall": 0.9 - 0.2 * together, "n": 2}}
            test = {"events": {"per_class": of_events}, "word": {"per_class": of_words}}
            run = f"{tasks}-{seed}"
            (folder / run).mkdir()
            content = {"test": {name: test[name] for name in tasks.split("+")}}
            (folder / run / "metrics.json").write_text(json.dumps(content))
            own = {"parameters": 10 * len(test), "model_mb": 1.0, "train_seconds": 2.0, "peak_memory_mb": 3.0}
            row = {"tasks": tasks, "setting": "", "seed": seed, "fold": pd.NA, "run": run, "control": ""}
            rows.append(row | {"status": "completed", "answer_ms": 2.0, "embedding_variance": 0.5} | own)
    return pd.DataFrame(rows).astype({"fold": "Int64"})


def test_classes_tags_and_events_are_compared_by_their_own_score(tmp_path):
    table = class_changes(tmp_path, write_cells(tmp_path)).set_index(["task", "class"])
    assert table.loc[("events", "Speech"), "measure"] == "frame_f1"
    assert table.loc[("events", "Speech"), "change"] == pytest.approx(0.2)
    assert table.loc[("events", "Speech"), "low"] == pytest.approx(0.2 - 2 * 0.1 / 3**0.5)  # of 0.3, 0.1, 0.2
    assert table.loc[("word", "yes"), "change"] == pytest.approx(-0.2) and ("events", "dog") not in table.index
    assert table["named_too"].to_dict() == {
        ("events", "Speech"): True,
        ("word", "yes"): False,
        ("word", "speech"): True,
    }


def test_a_shared_network_is_held_against_single_ones(tmp_path):
    table = write_cells(tmp_path)
    (row,) = costs(table, ["events", "word"]).to_dict("records")
    assert (row["answer_ms"], row["answer_ms_of_singles"]) == (2.0, 4.0)
    assert (row["embedding_variance"], row["embedding_variance_of_singles"]) == (0.5, 0.5)
    assert (row["peak_memory_mb"], row["peak_memory_mb_of_singles"]) == (3.0, 3.0)
    older = table.drop(
        columns=["answer_ms", "embedding_variance"]
    )  # of cells that were trained before these were measured
    (row,) = costs(older, ["events", "word"]).to_dict("records")
    assert row["parameters_of_singles"] == 40 and pd.isna(row["answer_ms"])


@pytest.mark.parametrize(("high", "explained"), [(-0.01, True), (0.01, False)])
def test_an_interval_without_zero_and_without_a_verdict_is_explained(tmp_path, capsys, high, explained):
    row = {"task": "word", "partners": "events", "model": "", "alone": 0.9, "gain": -0.1, "low": -0.2, "high": high}
    pd.DataFrame([row | {"verdict": "cannot be told"}]).to_csv(tmp_path / files.GAINS, index=False)
    print_answers(tmp_path)
    printed = capsys.readouterr().out
    assert "cannot be told" in printed and ("Holm" in printed) == explained
