"""Studies from the command line, on a small made corpus."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, SMALL_RUN
from sklearn.metrics import accuracy_score

from mtl_tf import compose as compose_module
from mtl_tf.compose import compose
from mtl_tf.data.assemble import divide
from mtl_tf.data.manifest import TRAIN
from mtl_tf.errors import UserError
from mtl_tf.runs.walk import prepare
from mtl_tf.study import carry_out
from mtl_tf.study import names as files
from mtl_tf.study.cell import Cell
from mtl_tf.study.session import open_study

STUDY = [
    *SMALL_RUN,
    "quiet=false",
    "training.epochs=2",
    "tasks.digit.main_metric=accuracy",
    "tasks.speaker.main_metric=accuracy",
]


def command(*arguments):
    return [sys.executable, str(ROOT / "scripts" / "compare.py"), *arguments]


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def compare(*arguments, code=0):
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=900, env=environment())
    assert done.returncode == code, done.stderr[-3000:]
    return (Path(done.stdout.splitlines()[-1]) if code == 0 else None), done.stderr + done.stdout


def score_of(folder, row, task):
    """Scores a cell by its run folder alone."""
    rows = pd.read_parquet(folder / row.run / "predictions.parquet")
    rows = rows[rows["task"] == task]
    return accuracy_score(rows["label"], rows["predicted"])


def test_a_study_its_tables_and_more_seeds(tone_corpus, tmp_path):
    arguments = [*STUDY, f"data_root={tone_corpus}", "controls=[permuted]"]
    folder, said = compare(*arguments, "seeds=1")
    assert folder.parent == Path("studies/fsdd") and "5 of 5" in said and "cannot be told" in said
    cells = pd.read_parquet(folder / files.CELLS)
    assert (cells["status"] == "completed").all() and cells["control"].tolist() == ["", "", "", "permuted", "permuted"]
    first = {row.cell: (folder / row.run / "metrics.json").stat().st_mtime_ns for row in cells.itertuples()}

    again, said = compare(*arguments, "seeds=2")
    assert again == folder and "10 cells, 5 of which are there" in said and "carrying on" in said
    cells = pd.read_parquet(folder / files.CELLS)
    assert len(cells) == 10
    for row in cells[cells["seed"] == 0].itertuples():
        assert (folder / row.run / "metrics.json").stat().st_mtime_ns == first[row.cell]
    # All cells are scored on the same clips, and the table says what their folders hold.
    clips = set()
    for row in cells.itertuples():
        for task in row.tasks.split("+"):
            if task != row.permuted:
                assert cells.loc[row.Index].get(f"{task}.accuracy") == pytest.approx(score_of(folder, row, task))
        clips.add(tuple(pd.read_parquet(folder / row.run / "splits.parquet")["split"]))
    assert len(clips) == 1
    gains = pd.read_csv(folder / files.GAINS, keep_default_na=True).set_index("task")
    plain = cells[cells["control"] == ""].set_index(["tasks", "seed"])
    for task in ("digit", "speaker"):
        alone, together = (
            np.mean([plain.loc[(names, seed), f"{task}.accuracy"] for seed in (0, 1)])
            for names in (task, "digit+speaker")
        )
        assert gains.loc[task, "gain"] == pytest.approx(together - alone) and gains.loc[task, "n_pairs"] == 2
        shuffled = cells[(cells["control"] == "permuted") & (cells["permuted"] != task)]
        assert gains.loc[task, "control_gain"] == pytest.approx(shuffled[f"{task}.accuracy"].mean() - alone)
    measured = pd.read_csv(folder / files.MEASUREMENTS).set_index("task")
    assert measured.loc["digit", "classes"] == 2 and measured.loc["digit", "label_entropy"] == pytest.approx(
        np.log(2), abs=0.02
    )
    page = (folder / files.REPORT).read_text()
    assert all(f'href="{row.run}"' in page for row in cells.itertuples())
    assert "http" not in page.replace("http://www.w3.org", "")


@pytest.mark.slow
def test_values_are_compared(tone_corpus):
    folder, said = compare(*STUDY, f"data_root={tone_corpus}", "training.learning_rate=0.0005,0.01", "seeds=2")
    settings = pd.read_csv(folder / files.SETTINGS)
    assert settings["setting"].tolist() == ["training.learning_rate=0.0005", "training.learning_rate=0.01"] * 2
    assert settings["gain"].isna().tolist() == [True, False] * 2
    score = settings.set_index(["task", "setting"])["score"]
    cells = pd.read_parquet(folder / files.CELLS)
    for (task, setting), value in score.items():
        own = cells[cells["setting"] == setting]
        assert value == pytest.approx(own[f"{task}.accuracy"].mean())
    assert "Settings, beside the first" in said


def test_mistakes_are_one_line_before_anything_is_trained(tone_corpus):
    for more, message in (
        (["folds=[1]"], "fsdd has one division and no folds"),
        (["only_tasks=[digit]"], r"give tasks=\[\.\.\.\]"),
        (["training.teachers=[somewhere]"], "training.teachers teaches every cell the true labels"),
        (["split.seed=1,2"], "split.seed=2: what is compared must be tested on the same clips"),
    ):
        with pytest.raises(UserError, match=message):
            carry_out.compare([*STUDY, f"data_root={tone_corpus}", *more])


def test_recipes_that_validate_on_other_clips_are_compared_where_they_test_on_the_same(tone_corpus):
    given = [*STUDY, f"data_root={tone_corpus}"]
    settings = [("split.validation_fraction=0.1",), ("split.validation_fraction=0.3",)]
    with open_study(given, settings, Path("studies")) as study:
        carry_out._check_settings(study)
        ready = prepare(study.config)
        carry_out._check_tested(study, ready)
        first, second = (divide(ready.data, config, 0) for config in study.settings.values())
        assert first.division["split"].tolist() != second.division["split"].tolist()
        ready.divisions[0].division["split"] = TRAIN
        with pytest.raises(UserError, match=r"split\.validation_fraction=0\.3: .* tested on the same clips"):
            carry_out._check_tested(study, ready)


def test_a_cell_of_another_budget_or_length_is_trained_again(tone_corpus):
    given = [*STUDY, f"data_root={tone_corpus}"]
    base = compose(given)
    cell = Cell(("digit",), 0)
    with open_study(given, [()], Path("studies")) as study:
        config = cell.config(base, str(study.place(cell)), None)
        compose_module.save(config, study.place(cell) / files.CELL)
        (study.place(cell) / files.RESULT).write_text('{"status": "completed"}')
        assert carry_out._is_done(study.place(cell), cell.config(base, "elsewhere", None))
        assert not carry_out._is_done(study.place(cell), cell.config(base, "elsewhere", 7))
        shorter = compose([*given, "training.stop_after_epoch=1"])
        assert not carry_out._is_done(study.place(cell), cell.config(shorter, "elsewhere", None))
    with open_study(given, [("seed=1",), ("seed=2",)], Path("studies")) as other:
        assert other.folder != study.folder


@pytest.mark.slow
def test_cells_that_fail_are_tried_once_more_and_left_out(tone_corpus):
    """One cell cannot write its folder: the others are compared, and it is named."""
    arguments = [*STUDY, f"data_root={tone_corpus}", "controls=[]", "seeds=2"]
    folder, _ = compare(*arguments)
    cell = folder / files.CELLS_DIR / "digit_seed1"
    shutil.rmtree(cell)
    cell.mkdir()
    (cell / "fsdd").write_text("in the way")
    _, said = compare(*arguments)
    assert "digit, seed 1: failed, and will be tried once more" in said and "failed again, and is left out" in said
    gains = pd.read_csv(folder / files.GAINS).set_index("task")
    assert gains.loc["digit", "n_pairs"] == 1 and gains.loc["speaker", "n_pairs"] == 2
    assert json.loads((cell / files.RESULT).read_text())["status"] == "failed"
    (cell / "fsdd").unlink()
    compare(*arguments)
    assert pd.read_csv(folder / files.GAINS)["n_pairs"].tolist() == [2, 2]


@pytest.mark.slow
def test_twenty_kills_change_nothing(tone_corpus, tmp_path):
    arguments = [*STUDY, f"data_root={tone_corpus}", "seeds=2"]
    expected, _ = compare(*arguments, "study_dir=whole")
    rng, killed, whole = random.Random(0), 0, 0
    while killed < 20:
        process = subprocess.Popen(
            command(*arguments, "study_dir=killed"),
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(rng.uniform(1, 25))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        elif killed < 19:  # it came to its end before the kill: the next one begins anew
            shutil.rmtree("killed/fsdd")
            whole += 1
        process.wait()
    assert whole < 10
    found, _ = compare(*arguments, "study_dir=killed")
    assert len(list(Path("killed/fsdd").iterdir())) == 1
    pd.testing.assert_frame_equal(*(pd.read_csv(folder / files.GAINS) for folder in (found, expected)))
    one, other = (pd.read_parquet(folder / files.CELLS) for folder in (found, expected))
    scores = ["cell", "status", "digit.accuracy", "speaker.accuracy", "epochs", "updates"]
    pd.testing.assert_frame_equal(one[scores], other[scores])
