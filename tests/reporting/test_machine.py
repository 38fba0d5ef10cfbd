"""The line to beat stands in the report of a network, where a machine was asked the same of the same clips."""

import shutil

import pandas as pd
import pytest

from mtl_tf import compose
from mtl_tf.reporting.machine import machine_scores
from mtl_tf.reporting.report import write_report
from mtl_tf.runs.names import CONFIG, PREDICTIONS
from mtl_tf.runs.read import load_config, load_metrics
from mtl_tf.tables import write_table


@pytest.fixture
def runs(finished_run, tmp_path):
    folder = tmp_path / "runs" / "network"
    shutil.copytree(finished_run, folder)

    def beside(name, **changes):
        shutil.copytree(finished_run, folder.parent / name)
        config = load_config(finished_run)
        model = config.model.model_copy(update={"name": "svm"})
        compose.save(config.model_copy(update={"model": model, **changes}), folder.parent / name / CONFIG)
        return folder.parent / name

    return folder, beside


def test_the_latest_machine_on_the_same_clips_is_named(runs):
    folder, beside = runs
    config = load_config(folder)
    assert machine_scores(folder, config) == {}
    beside("a", only_tasks=["digit"])
    machine = beside("b")
    scores = load_metrics(folder)["test"]
    wanted = {task: (scores[task][metric], "log_mel", "b") for task, metric in config.main_metrics().items()}
    assert machine_scores(folder, config) == wanted
    assert machine_scores(machine, load_config(machine)) == {}
    text = write_report(folder).read_text()
    assert "support vector machine on log_mel, same clips:" in text and 'href="../b/report.html"' in text


def test_a_machine_that_was_asked_of_other_clips_is_not_named(runs):
    folder, beside = runs
    machine = beside("a")
    table = pd.read_parquet(machine / PREDICTIONS)
    write_table(table.iloc[1:], machine / PREDICTIONS)
    first = table["task"].iloc[0]
    assert set(machine_scores(folder, load_config(folder))) == set(table["task"]) - {first}
    (machine / "metrics.json").write_text("{")
    assert machine_scores(folder, load_config(folder)) == {}
