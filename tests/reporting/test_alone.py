"""A run of several tasks names the runs of single tasks that it may be held against."""

import shutil

import pytest

from mtl_tf import compose
from mtl_tf.reporting.alone import scores_alone
from mtl_tf.reporting.report import write_report
from mtl_tf.runs.names import CONFIG
from mtl_tf.runs.read import load_config, load_metrics


@pytest.fixture
def runs(finished_run, tmp_path):
    """The folder of a run of two tasks, and what makes another run beside it of a single one."""
    folder = tmp_path / "runs" / "together"
    shutil.copytree(finished_run, folder)

    def beside(name, **changes):
        shutil.copytree(finished_run, folder.parent / name)
        config = load_config(finished_run).model_copy(update=changes)
        compose.save(config, folder.parent / name / CONFIG)

    return folder, beside


def test_the_latest_run_of_the_same_network_and_clips_is_named(runs):
    folder, beside = runs
    config = load_config(folder)
    assert scores_alone(folder, config) == {}
    beside("b-other-seed", only_tasks=["digit"], seed=5)
    score = load_metrics(folder)["test"]["digit"]["accuracy"]
    assert scores_alone(folder, config) == {"digit": (score, "b-other-seed")}
    beside("a-same-seed", only_tasks=["digit"])
    beside("c-other-seed", only_tasks=["digit"], seed=7)
    assert scores_alone(folder, config)["digit"] == (score, "a-same-seed")
    alone = load_config(folder.parent / "a-same-seed")
    assert scores_alone(folder.parent / "a-same-seed", alone) == {}
    assert (
        "learned alone:" in write_report(folder).read_text()
        and 'href="../a-same-seed/report.html"' in write_report(folder).read_text()
    )


def test_runs_that_do_not_compare_are_not_named(runs):
    folder, beside = runs
    config = load_config(folder)
    longer = config.training.model_copy(update={"epochs": 99})
    network = config.model.model_copy(update={"dropout": 0.6})
    beside("longer", only_tasks=["digit"], training=longer)
    beside("wider", only_tasks=["digit"], model=network)
    beside("both")
    beside("unfinished", only_tasks=["digit"])
    (folder.parent / "unfinished" / "metrics.json").unlink()
    beside("damaged", only_tasks=["digit"])
    (folder.parent / "damaged" / "metrics.json").write_text("{")
    assert scores_alone(folder, config) == {}
