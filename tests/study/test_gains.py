"""Which gains need a control, and what a verdict says."""

from pathlib import Path

import numpy as np
import pytest

from mtl_tf.config import TaskConfig
from mtl_tf.study.cell import Cell
from mtl_tf.study.evidence import GroupScore
from mtl_tf.study.gains import HELPS, NOT_BEYOND, SAME, UNSURE, deciding_cells, find_gains
from mtl_tf.study.matrix import corpus_matrix, matrices
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
                known[cell, name, None] = score_of(right)
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


def test_a_gain_is_given_without_the_classes_that_the_partner_names_too():
    answers = answers_of({(("a",), ()): 25, (("a", "b"), ()): 35})
    cells = [Cell(("a", "b"), seed, left_out=(("b", ("x", "y")),)) for seed in range(SEEDS)]
    known = {(cell, "a", None): score_of(np.full(GROUPS, 28)) for cell in cells}
    more = Answers(Path(), [*answers.cells, *cells], answers.tasks, [None], answers._known | known)
    gains = find_gains(more, 0.02).set_index(["task", "partners"])
    assert gains.loc[("a", "b"), "left_out"] == "x+y" and gains.loc[("a", "b"), "gain"] > 0.15
    alone = gains.loc[("a", "b"), "alone"]
    assert gains.loc[("a", "b"), "left_out_gain"] == pytest.approx(28 / CLIPS - alone)
    assert gains.loc[("b", "a"), "left_out"] == "" and np.isnan(gains.loc[("b", "a"), "left_out_gain"])
    assert gains.loc[("a", "b"), "control_gain"] == pytest.approx(find_gains(answers, 0.02)["control_gain"][0])


def test_a_corpus_is_learned_from_others():
    """Of three corpora the first is answered better by its own network, and as well by that of all."""
    corpora = {"a": ("one", "two", "three"), "b": ("one",)}
    trained = {("one",): 40, ("two",): 20, ("one", "two", "three"): 40, ("two", "three"): 25}
    cells = [Cell(("a",), seed, corpora=names) for seed in range(SEEDS) for names in trained]
    speaker, known = RNG.integers(-3, 4, GROUPS), {}
    for cell in cells:
        for tested in corpora["a"]:
            right = (trained[cell.corpora] if tested == "one" else 30) + speaker + RNG.integers(-1, 2, GROUPS)
            known[cell, "a", tested] = score_of(right) if tested != "three" else None
    task = TaskConfig(kind="single_label", main_metric="accuracy", labels={"x": {"column": "label"}})
    answers = Answers(Path(), cells, {"a": task, "b": task}, [None], known)
    table = corpus_matrix(answers, corpora, 0.02).set_index(["trained_on", "tested_on"])
    assert not len(table[table.index.get_level_values("tested_on") == "three"])
    assert np.isnan(table.loc[("one", "one"), "gain"]) and table.loc[("one", "one"), "verdict"] == ""
    assert table.loc[("two", "one"), "gain"] == pytest.approx(-0.4, abs=0.02)
    assert table.loc[("two", "one"), "verdict"] == "worse" and table.loc[("two+three", "one"), "verdict"] == "worse"
    assert table.loc[("one+two+three", "one"), "verdict"] == UNSURE
    (shown,) = matrices(table.reset_index(), corpora)
    assert [words for words, _ in shown["rows"]] == ["one", "two", "all corpora", "all but one"]
    assert shown["rows"][1][1][0]["verdict"] == "worse" and shown["rows"][0][1][2] is None
