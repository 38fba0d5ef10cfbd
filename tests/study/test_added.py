"""What a third task adds to two, and events of one scene and of several, by hand."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mtl_tf.config import TaskConfig
from mtl_tf.data.manifest import TRAIN
from mtl_tf.study.added import BETTER, SAME, added_gains
from mtl_tf.study.cell import Cell
from mtl_tf.study.evidence import GroupScore
from mtl_tf.study.partner_classes import count_partner_classes, unique_and_shared
from mtl_tf.study.results import Answers
from mtl_tf.tasks.task import Task

GROUPS, CLIPS = 12, 50


def test_a_third_task_is_held_against_the_pair():
    rng = np.random.default_rng(0)
    sets = [("a",), ("b",), ("c",), ("a", "b"), ("a", "c"), ("a", "b", "c")]
    task = TaskConfig(main_metric="accuracy", labels={"x": {"column": "label"}})
    speaker, known, cells = rng.integers(-3, 4, GROUPS), {}, []
    for seed in range(5):
        for tasks in sets:
            cell = Cell(tasks, seed)
            cells.append(cell)
            for name in tasks:
                right = (35 if name == "a" and len(tasks) == 3 else 25) + speaker + rng.integers(-1, 2, GROUPS)
                counts = np.zeros((GROUPS, 2, 2))
                counts[:, 0, 0], counts[:, 0, 1] = right, CLIPS - right
                clips = tuple(map(str, range(GROUPS * CLIPS)))
                groups = tuple(map(str, range(GROUPS)))
                known[cell, name, None] = GroupScore("accuracy", clips, ("x",) * len(clips), groups, counts)
    answers = Answers(Path(), cells, dict.fromkeys("abc", task), [None], known)
    table = added_gains(answers, 0.02).set_index(["task", "partners", "added"])
    # b and c alone as a pair were not trained, so what a adds to them is not known.
    assert set(table.index) == {("a", "b", "c"), ("b", "a", "c"), ("a", "c", "b"), ("c", "a", "b")}
    for partner, added in (("b", "c"), ("c", "b")):
        assert table.loc[("a", partner, added), "gain"] == pytest.approx(0.2, abs=0.01)
        assert table.loc[("a", partner, added), "verdict"] == BETTER
    assert table.loc[("b", "a", "c"), "verdict"] == SAME


@dataclass
class Division:
    """What `count_partner_classes` asks of a division."""

    tasks: dict
    names: pd.DataFrame

    def positions(self, part):
        assert part == TRAIN
        return np.arange(len(self.names))


def test_events_of_one_scene_and_of_several():
    tasks = {
        "event": Task("event", ("bird", "car", "dog"), exclusive=False, of_frames=True),
        "scene": Task("scene", ("park", "street")),
    }
    rows = [("dog@0-1;bird@1-2", "park"), ("dog@0-1", "street"), ("car@0-2;?bird", "street"), ("bird@0-1", None)]
    division = Division(tasks, pd.DataFrame(rows, columns=["event", "scene"]))
    changes = pd.DataFrame(
        {
            "task": ["event"] * 3 + ["scene", "event"],
            "partners": ["scene"] * 3 + ["event", "scene+x"],
            "class": ["bird", "car", "dog", "park", "dog"],
            "change": [0.1, 0.3, -0.2, 0.0, 0.0],
        }
    )
    found = count_partner_classes(changes, division)
    np.testing.assert_array_equal(found["partner_classes"], [1, 1, 2, np.nan, np.nan])
    (row,) = unique_and_shared(found)
    assert row["one"] == (pytest.approx(0.2), 2) and row["several"] == (pytest.approx(-0.2), 1)
