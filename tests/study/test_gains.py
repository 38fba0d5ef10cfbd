"""Which gains need a control, and what a verdict says."""

from pathlib import Path

import numpy as np
import pytest

from mtl_tf.config import TaskConfig
from mtl_tf.study.cell import Cell
from mtl_tf.study.evidence import GroupScore
from mtl_tf.study.gains import HELPS, NOT_BEYOND, SAME, deciding_cells, find_gains
from mtl_tf.study.results import Answers

GROUPS, CLIPS, SEEDS = 12, 50, 5
RNG = np.random.default_rng(0)


def score_of(right):
    """A score of which the groups answer so many of their clips right."""
    counts = np.zeros((GROUPS, 2, 2))
    counts[:, 0, 0], counts[:, 0, 1] = right, CLIPS - right
    clips = tuple(f"c{number}" for number in range(GROUPS * CLIPS))
    return GroupScore("accuracy", clips, ("x",) * len(clips), tuple(map(str, range(GROUPS))), counts)


def answers_of(rights):
    """Answers to `a`, alone, with `b` and with `c`, beside shuffled labels, each group about so many right."""
    shapes = [("a",), ("b",), ("c",), ("a", "b"), ("a", "c")]
    cells = [Cell(tasks, seed) for seed in range(SEEDS) for tasks in shapes]
    cells += [Cell(tasks, seed, permuted=(tasks[1],)) for seed in range(SEEDS) for tasks in shapes[3:]]
    cells += [Cell(tasks, seed, permuted=(tasks[0],)) for seed in range(SEEDS) for tasks in shapes[3:]]
    task = TaskConfig(kind="single_label", main_metric="accuracy", labels={"x": {"column": "label"}})
    known = {}
    speaker = RNG.integers(-3, 4, GROUPS)
    for cell in cells:
        for name in cell.tasks:
            if name not in cell.permuted:
                own = rights.get((cell.tasks, cell.permuted), rights[("a",), ()]) if name == "a" else 30
                right = own + speaker + RNG.integers(-1, 2, GROUPS)
                key = (cell.tasks, cell.seed, (), cell.permuted, False, name)
                known[key] = score_of(right)
    return Answers(Path(), cells, {name: task for name in "abc"}, [None], known)


@pytest.mark.parametrize(("shuffled", "verdict"), [(25, HELPS), (35, NOT_BEYOND)])
def test_a_gain_counts_beyond_that_of_shuffled_labels(shuffled, verdict):
    rights = {(("a",), ()): 25, (("a", "b"), ()): 35, (("a", "b"), ("b",)): shuffled}
    gains = find_gains(answers_of(rights), 0.02).set_index(["task", "partners"])
    assert gains.loc[("a", "b"), "gain"] == pytest.approx(0.2, abs=0.01)
    assert gains.loc[("a", "b"), "verdict"] == verdict
    assert gains.loc[("a", "c"), "verdict"] == SAME == gains.loc[("c", "a"), "verdict"]


def test_shuffled_labels_are_learned_where_a_gain_is_held_against_them():
    answers = answers_of({(("a",), ()): 25, (("a", "b"), ()): 35})
    cells = deciding_cells(answers, 0.02)
    assert [cell for cell in cells if not cell.permuted] == [cell for cell in answers.cells if not cell.permuted]
    shuffled = [cell for cell in cells if cell.permuted]
    assert {(cell.tasks, cell.permuted) for cell in shuffled} == {(("a", "b"), ("b",))} and len(shuffled) == SEEDS
    nothing = deciding_cells(answers_of({(("a",), ()): 25}), 0.02)
    assert not any(cell.permuted for cell in nothing)
