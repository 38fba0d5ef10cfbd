"""Which cells a study has, and what their runs are."""

import re

import pytest

from mtl_tf.compose import compose
from mtl_tf.errors import UserError
from mtl_tf.runs.folder import NOT_COMPARED
from mtl_tf.study.arguments import read_study
from mtl_tf.study.cell import Cell
from mtl_tf.study.plan import plan_cells, study_tasks, task_sets

FOUR = "experiment=real_ravdess"


def cells_of(*arguments, folds=(None,)):
    given = read_study([FOUR, *arguments])
    return plan_cells(compose([*given.runs, *given.settings[0]]), folds, given.settings)


def test_every_task_alone_every_pair_and_all_together_with_controls():
    cells = cells_of("seeds=2")
    plain = [cell for cell in cells if not cell.control]
    assert [len(cell.tasks) for cell in plain] == [1] * 4 + [2] * 6 + [4] + [1] * 4 + [2] * 6 + [4]
    shuffled = {(cell.tasks, cell.permuted) for cell in cells if cell.control == "permuted"}
    assert len(shuffled) == 12 + 4 and (("emotion", "gender"), ("gender",)) in shuffled
    assert (study_tasks(compose([FOUR])), ("speech_song", "gender", "speaker")) in shuffled
    assert sum(cell.noise for cell in cells) == 8
    assert len({cell.name for cell in cells}) == len(cells) == 2 * (11 + 16 + 4)
    seeds = [cell.seed for cell in cells]
    assert seeds == sorted(seeds)  # whole seeds first, for a study that is stopped


def test_chosen_tasks_groups_and_folds():
    cells = cells_of("tasks=[emotion,gender,speaker]", "groups=[[speaker,emotion,gender]]", "seeds=1", "controls=[]")
    assert [cell.tasks for cell in cells][-1] == ("emotion", "gender", "speaker") and len(cells) == 3 + 3 + 1
    cells = cells_of("tasks=[emotion,gender]", "sets=[alone]", "seeds=1", "controls=[]", folds=(0, 1, 2))
    assert [cell.name for cell in cells[:2]] == ["emotion_seed0_fold0", "emotion_seed0_fold1"] and len(cells) == 6


def test_lists_of_values_are_compared_on_all_tasks():
    cells = cells_of("model=compact_cnn,crnn", "training.learning_rate=0.001,0.002", "seeds=2")
    assert len(cells) == 4 * 2 and {cell.tasks for cell in cells} == {study_tasks(compose([FOUR]))}
    assert ("model=crnn", "training.learning_rate=0.002") in {cell.setting for cell in cells}
    assert len({cell.name for cell in cells}) == len(cells)
    both = cells_of("model=compact_cnn,crnn", "tasks=[emotion,gender]", "seeds=1", "controls=[]")
    assert len(both) == 2 * 3
    # A comma within a list is none between values to compare.
    assert len(cells_of("split.test_groups=13,14", "seeds=1", "controls=[]")) == 11


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tasks=[emotion,sex]",), "study.tasks names the task sex"),
        (("groups=[[emotion,emotion]]",), "each once"),
        (("tasks=[emotion,gender]", "groups=[[emotion,speaker]]"), "must name some of emotion, gender"),
        (("sets=[]",), "there is nothing to train"),
        (("seeds=0",), "study.seeds"),
        (("controls=[permutted]",), "study.controls"),
        (("resume=maybe",), "resume=maybe: give true or false"),
        (("seedz=3",), "unknown key seedz"),
    ],
)
def test_mistakes_are_one_line(arguments, message):
    with pytest.raises(UserError, match=message.replace(".", r"\.")):
        task_sets(compose(read_study([FOUR, *arguments]).runs))


def test_a_cell_is_the_run_of_all_tasks_but_for_what_is_trained():
    base = compose([FOUR, "training.monitor=speaker.accuracy", "training.loss_weights={emotion: 2, speaker: 3}"])
    run = Cell(("emotion", "gender"), 3).config(base, "there", None)
    assert run.only_tasks == ["emotion", "gender"] and list(run.tasks) == list(base.tasks) and run.seed == 3
    assert run.training.monitor == "mean" and run.training.loss_weights == {"emotion": 2.0}
    left_out = NOT_COMPARED | dict.fromkeys(("seed", "only_tasks", "training", "published"), True)
    assert run.model_dump(exclude=left_out) == {
        **base.model_dump(exclude=left_out),
        "pipeline": base.pipeline.model_dump() | {"keep_features": True},
    }
    assert run.model_validate(run.model_dump()) == run
    shuffled = Cell(("emotion", "gender"), 3, permuted=("gender",)).config(base, "there", 7)
    assert shuffled.tasks["gender"].permute_seed == 3 and shuffled.tasks["emotion"].permute_seed is None
    assert shuffled.judging_metrics() == {"emotion": "uar"} and shuffled.training.steps_per_epoch == 7
    noise = Cell(("emotion",), 3, noise=True).config(base, "there", None)
    assert noise.seed not in range(1000) and noise.only_tasks == ["emotion"]


TWO = ["experiment=real_ravdess", "corpus=[ravdess,emodb]", "task=[emotion,gender,speech_song]"]


def test_a_task_of_several_corpora_is_learned_from_each_from_all_and_from_all_but_one():
    given = read_study([*TWO, "sets=[]", "controls=[]", "seeds=1", "corpora=[alone,pooled,left_out]"])
    cells = plan_cells(compose(given.runs), [None])
    parts = [("ravdess",), ("emodb",), ("ravdess", "emodb")]  # of two, all but one is the other
    assert [(cell.tasks, cell.corpora) for cell in cells] == [((t,), p) for t in ("emotion", "gender") for p in parts]
    config = cells[0].config(compose(given.runs), "there", None)
    assert config.split.trained_corpora == ["ravdess"] and config.only_tasks == ["emotion"]
    assert list(config.corpora) == ["ravdess", "emodb"] and cells[0].control == "corpora"
    assert len({cell.name for cell in cells}) == len(cells)
    unnamed = [*TWO, "tasks.emotion.classes=null", "corpora=[alone]"]
    with pytest.raises(UserError, match=r"name the classes of emotion with tasks\.emotion\.classes"):
        plan_cells(compose(read_study(unnamed).runs), [None])
    two = plan_cells(compose(read_study([*TWO, "sets=[]", "controls=[]", "corpora=[left_out]"]).runs), [None])
    assert {cell.corpora for cell in two} == {("ravdess",), ("emodb",)}
    with pytest.raises(UserError, match="that is not closed-set; there is none"):
        plan_cells(compose(read_study([FOUR, "corpora=[alone]"]).runs), [None])


def test_a_pair_is_learned_again_without_what_both_name():
    given = read_study([*TWO, "controls=[]", "seeds=1", "overlaps={gender: {emotion: [happy, sad]}}"])
    cells = [cell for cell in plan_cells(compose(given.runs), [None]) if cell.left_out]
    (cell,) = cells
    assert cell.tasks == ("emotion", "gender") and cell.changed == ("emotion",) and cell.control == "overlap"
    config = cell.config(compose(given.runs), "there", None)
    labels = config.tasks["emotion"].labels
    assert set(labels["emodb"].ignore) == {"boredom", "happiness", "sadness", "happy", "sad"}
    assert set(labels["ravdess"].ignore) == {"happy", "sad"} and not config.tasks["gender"].labels["ravdess"].ignore


@pytest.mark.parametrize(
    ("overlaps", "message"),
    [
        ("{gender: {mood: [sad]}}", "study.overlaps.gender.mood: there is no task mood"),
        ("{gender: {emotion: [bored]}}", "study.overlaps.gender.emotion=['bored']: give some of the classes"),
        (
            "{gender: {emotion: [calm, happy, sad, angry, fearful, disgust, surprised]}}",
            "at least two classes of emotion",
        ),
        ("{gender: {emotion: []}}", "give some of the classes of emotion"),
    ],
)
def test_overlaps_that_cannot_be_left_out_are_one_line(overlaps, message):
    with pytest.raises(UserError, match=re.escape(message)):
        plan_cells(compose(read_study([*TWO, f"overlaps={overlaps}"]).runs), [None])


def test_long_names_stay_files_and_apart():
    settings = [(f"model.filters=[{'8,' * 100}{number}]",) for number in range(2)]
    names = [Cell(("a",), 0, setting=setting).name for setting in settings]
    assert len(set(names)) == 2 and all(len(name) < 200 and "/" not in name for name in names)
