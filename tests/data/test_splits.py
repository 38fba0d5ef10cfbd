import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mtl_tf.config import CorpusConfig, RunConfig, SplitConfig, TaskConfig
from mtl_tf.data.splits import assert_disjoint, num_folds, split_clips
from mtl_tf.data.tested import note_known_speakers
from mtl_tf.errors import UserError


def manifest(corpus="c", speakers=6, takes=10, **columns):
    rows = pd.DataFrame(
        [{"speaker": f"s{speaker}", "take": take} for speaker in range(speakers) for take in range(takes)]
    )
    rows["corpus"] = corpus
    rows["clip_id"] = [f"{corpus}/{number}" for number in range(len(rows))]
    rows["path"] = rows["clip_id"] + ".wav"
    rows["audio_sha1"] = rows["recording"] = rows["clip_id"]
    rows["official_split"] = pd.Series([None] * len(rows), dtype="string")
    rows["official_fold"] = pd.Series([None] * len(rows), dtype="Int64")
    return rows.assign(**columns)


def config(split, corpora=("c",), closed=False, own=None):
    tasks = {"t": {"labels": {name: {"column": "take"} for name in corpora}}}
    if closed:
        tasks["speaker"] = {"closed_set": True, "labels": {name: {"column": "speaker"} for name in corpora}}
    return RunConfig(
        experiment="e",
        corpora={name: CorpusConfig(name=name, split=(own or {}).get(name)) for name in corpora},
        tasks=tasks,
        split=SplitConfig(**split),
        pipeline={"clip_s": 1.0},
        frontend={"name": "log_mel", "sample_rate": 8000},
        model={"name": "compact_cnn"},
    )


def parts(table, division):
    return {part: table[division["split"] == part] for part in ("train", "validation", "test")}


@pytest.mark.parametrize("strategy", ["grouped_k_fold", "leave_one_group_out"])
def test_grouped_folds_are_disjoint_and_cover_every_clip_once(strategy):
    table = manifest()
    setting = config({"strategy": strategy, "num_folds": 3})
    folds = num_folds(table, setting)
    assert folds == (3 if strategy == "grouped_k_fold" else 6)
    tested = []
    for fold in range(folds):
        found = parts(table, split_clips(table, setting, fold))
        assert not set(found["test"]["speaker"]) & set(found["train"]["speaker"])
        assert not set(found["test"]["speaker"]) & set(found["validation"]["speaker"])
        assert sum(map(len, found.values())) == len(table)
        tested += found["test"]["clip_id"].tolist()
    assert sorted(tested) == sorted(table["clip_id"])


def test_k_fold_covers_every_clip_once():
    table = manifest()
    setting = config({"strategy": "k_fold", "num_folds": 4})
    tested = np.concatenate([parts(table, split_clips(table, setting, fold))["test"]["clip_id"] for fold in range(4)])
    assert sorted(tested) == sorted(table["clip_id"])


def test_random_division_has_the_asked_size_and_its_own_seed():
    table = manifest()
    first = split_clips(table, config({"strategy": "random", "test_fraction": 0.2}), 0)
    assert (first["split"] == "test").sum() == 12
    assert first.equals(split_clips(table, config({"strategy": "random", "test_fraction": 0.2}), 0))
    assert not first.equals(split_clips(table, config({"strategy": "random", "seed": 1}), 0))


def test_held_out_speakers_are_unseen_and_the_closed_set_is_scored_on_known_ones():
    table = manifest()
    setting = config({"strategy": "held_out", "test_groups": ["s4", "s5"]}, closed=True)
    division = split_clips(table, setting, 0)
    test = division["split"] == "test"
    unseen = test & ~division["closed_set_only"]
    assert set(table["speaker"][unseen]) == {"s4", "s5"}
    assert set(table["speaker"][division["closed_set_only"]]) == {"s0", "s1", "s2", "s3"}
    assert not set(table["speaker"][division["split"] == "train"]) & {"s4", "s5"}
    without = split_clips(table, config({"strategy": "held_out", "test_groups": ["s4", "s5"]}), 0)
    assert not without["closed_set_only"].any()


def test_runs_with_and_without_a_closed_set_task_can_train_on_the_same_clips():
    table, split = manifest(), {"strategy": "leave_one_group_out", "hold_out_known": "always"}
    closed, alone = (split_clips(table, config(split, closed=known), 1) for known in (True, False))
    changed = closed["split"] != alone["split"]
    assert changed.any() and (closed["split"][changed] == "test").all() and (alone["split"][changed] == "unused").all()
    assert closed["closed_set_only"].equals(changed) and not alone["closed_set_only"].any()


def test_validation_by_group_shares_no_speaker():
    table = manifest()
    setting = config({"strategy": "held_out", "test_groups": ["s5"], "validation_group": "speaker"})
    found = parts(table, split_clips(table, setting, 0))
    assert len(found["validation"]) and not set(found["validation"]["speaker"]) & set(found["train"]["speaker"])


def official(table, rows):
    return table.assign(official_split=np.where(rows(table), "test", "train"))


@pytest.mark.parametrize(
    ("split", "change", "apart"),
    [
        ({"strategy": "held_out", "test_groups": ["s5"]}, lambda table: table, True),
        ({"strategy": "leave_one_group_out"}, lambda table: table, True),
        ({"strategy": "grouped_k_fold", "num_folds": 6}, lambda table: table, True),
        ({"strategy": "predefined"}, lambda table: official(table, lambda rows: rows["speaker"] == "s5"), True),
        ({"strategy": "predefined"}, lambda table: official(table, lambda rows: rows["take"] < 2), False),
        ({"strategy": "random"}, lambda table: table, False),
        ({"strategy": "held_out", "test_groups": ["s4", "s5"]}, lambda table: table, False),  # four train: too few
        ({"strategy": "held_out", "test_groups": ["s5"], "group": "nothing"}, lambda table: table, False),
        ({"strategy": "train_only"}, lambda table: table, False),
    ],
)
@pytest.mark.parametrize("closed", [False, True])
def test_validation_is_unseen_where_the_test_is(split, change, apart, closed):
    table = change(manifest())
    if split.get("group"):
        table = table.assign(nothing=np.where(table["take"] == 0, None, table["speaker"]))
        split = split | {"strategy": "predefined"}
        table = official(table, lambda rows: rows["speaker"] == "s5")
        split.pop("test_groups")
    division = split_clips(table, config(split | {"validation_group": "unseen"}, closed=closed), 0)
    found = parts(table[~division["closed_set_only"]], division[~division["closed_set_only"]])
    shared = set(found["validation"]["speaker"]) & set(found["train"]["speaker"])
    assert len(found["validation"]) and bool(shared) != apart


def test_official_split_and_official_folds():
    takes = manifest()
    takes["official_split"] = np.where(takes["take"] < 2, "test", "train")
    division = split_clips(takes, config({"strategy": "predefined"}, closed=True), 0)
    assert set(takes["take"][division["split"] == "test"]) == {0, 1}
    assert not division["closed_set_only"].any()  # every speaker is in training: no further clips are held out
    folds = manifest()
    folds["official_fold"] = folds["take"] % 5 + 1
    setting = config({"strategy": "predefined"})
    assert num_folds(folds, setting) == 5
    tested = folds[split_clips(folds, setting, 2)["split"] == "test"]
    assert set(tested["official_fold"]) == {3}


def test_helping_corpora_train_and_are_not_scored():
    table = pd.concat([manifest("a"), manifest("b")], ignore_index=True)
    by_group = split_clips(table, config({"strategy": "leave_one_group_out", "scored_corpora": ["a"]}, "ab"), 0)
    assert (by_group["split"][table["corpus"] == "b"] != "test").all()
    at_random = split_clips(table, config({"strategy": "random", "scored_corpora": ["a"]}, "ab"), 0)
    assert set(table["corpus"][at_random["split"] == "test"]) == {"a"}
    assert (at_random["split"] == "unused").sum() + (at_random["split"] == "test").sum() == 24


@pytest.mark.parametrize("strategy", ["random", "grouped_k_fold"])
def test_corpora_that_do_not_train_are_tested_all_the_same(strategy):
    table = pd.concat([manifest("a"), manifest("b")], ignore_index=True)
    whole = split_clips(table, config({"strategy": strategy}, "ab"), 0)
    found = split_clips(table, config({"strategy": strategy, "trained_corpora": ["a"]}, "ab"), 0)
    tested, here = whole["split"] == "test", table["corpus"] == "a"
    assert (found["split"][tested | here] == whole["split"][tested | here]).all()
    assert set(found["split"][~here]) == {"test", "unused"}


def test_a_corpus_can_have_its_own_division():
    table = pd.concat([manifest("a"), manifest("b")], ignore_index=True)
    own = {"b": SplitConfig(strategy="held_out", test_groups=["s1"])}
    division = split_clips(table, config({"strategy": "random"}, "ab", own=own), 0)
    tested = table[(division["split"] == "test") & (table["corpus"] == "b")]
    assert set(tested["speaker"]) == {"s1"} and len(tested) == 10


def test_validation_shares_no_source_with_training():
    table = manifest(source=[f"recording {number // 3}" for number in range(60)])
    found = parts(table, split_clips(table, config({"strategy": "random", "validation_group": "source"}), 0))
    assert len(found["validation"])
    assert not set(found["validation"]["source"]) & set(found["train"]["source"])


def test_a_group_in_validation_and_training_is_an_error():
    table, setting = manifest(), config({"strategy": "random", "validation_group": "speaker"})
    division = split_clips(table, setting, 0)
    moved = division.index[division["split"] == "validation"][0]
    division.loc[moved, "split"] = "train"
    with pytest.raises(UserError, match=f"{table['speaker'][moved]} is in validation and in training"):
        assert_disjoint(table, division, setting)


def test_recordings_that_are_tested_are_left_out_of_training_and_this_is_noted():
    table, notes = manifest(), []
    same = (table["speaker"] == "s0") & (table["take"] < 3) | (table["speaker"] == "s5") & (table["take"] == 0)
    table.loc[same, "recording"] = "one"
    setting = config({"strategy": "held_out", "test_groups": ["s5"]})
    division = split_clips(table, setting, 0, notes)
    assert (division["split"][same & (table["speaker"] == "s0")] == "unused").all()
    assert notes == [f"3 clips take no part, being the same recording as a test clip: such as {table['path'][0]}"]
    division["split"] = division["split"].replace("unused", "train")
    with pytest.raises(UserError, match="in test and in training with the same audio"):
        assert_disjoint(table, division, setting)


def test_a_random_division_says_that_its_test_speakers_train():
    def noted(split, table, **options):
        notes, setting = [], config(split, **options)
        note_known_speakers(table, split_clips(table, setting, 0), setting, notes)
        return notes

    def advice(note):
        """The keys that a note tells to type."""
        return dict(re.findall(r"(\S+)=(\w+)", note))

    table = manifest()
    (note,) = noted({"strategy": "random", "test_fraction": 0.2}, table, closed=True)
    assert note.startswith("test clips of c are of speakers that training hears, so t may score less with others")
    assert advice(note) == {"split.strategy": "grouped_k_fold"} and not noted({"strategy": "grouped_k_fold"}, table)
    assert not noted({"strategy": "random"}, table.assign(speaker=None))
    assert not noted({"strategy": "random"}, table.assign(speaker=table["clip_id"]))
    (note,) = noted({"strategy": "k_fold"}, table.assign(speaker="only"))
    assert not advice(note)
    two = table.assign(speaker=[f"s{number % 2}" for number in range(len(table))])
    (note,) = noted({}, two, own={"c": {"strategy": "random"}})
    assert advice(note) == {"corpora.c.split.strategy": "grouped_k_fold", "corpora.c.split.num_folds": "2"}
    kept = {key.rpartition(".")[2]: value for key, value in advice(note).items()}
    assert not noted({}, two, own={"c": kept})  # what is advised can be done
    both = pd.concat([table, manifest("d").assign(speaker=None)], ignore_index=True)
    assert not noted({"strategy": "random"}, both, corpora=("c", "d"), own={"c": {"strategy": "grouped_k_fold"}})


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"strategy": "held_out", "test_groups": ["s9"]}, "s0, s1, s2"),
        ({"strategy": "held_out"}, "name some of them"),
        ({"strategy": "predefined"}, "has no official split"),
        ({"strategy": "leave_one_group_out", "group": "nationality"}, "is no column"),
        ({"strategy": "random", "validation_group": "nationality"}, "validation_group=nationality is no column"),
        ({"strategy": "grouped_k_fold", "num_folds": 50}, "impossible"),
        ({"strategy": "held_out", "test_groups": [f"s{number}" for number in range(6)]}, "choose another division"),
    ],
)
def test_impossible_divisions_are_explained(split, message):
    with pytest.raises(UserError, match=message):
        split_clips(manifest(), config(split), 0)


def test_official_validation_is_set_aside_before_anything_is_held_out():
    """Speakers of official validation are none of training's: what the closed-set task needs comes from the rest."""
    table = manifest()
    parts_of = {"s0": "test", "s1": "validation"}
    table["official_split"] = table["speaker"].map(lambda name: parts_of.get(name, "train"))
    division = split_clips(table, config({"strategy": "predefined"}, closed=True), 0)
    official = table["official_split"] == "validation"
    assert (division["split"][official] == "validation").all() and not division["closed_set_only"][official].any()
    for part in ("test", "validation"):
        held = (division["split"] == part) & division["closed_set_only"]
        assert set(table["speaker"][held]) == {"s2", "s3", "s4", "s5"}
    assert (division["split"] != "unused").all()


@pytest.mark.parametrize("strategy", ["grouped_k_fold", "leave_one_group_out"])
def test_a_division_by_groups_that_no_clip_has_is_refused(strategy):
    table = manifest(speaker=None, source=[f"recording {number // 3}" for number in range(60)])
    with pytest.raises(
        UserError, match=r"corpus c: no clip has a speaker.*split\.group, such as .*source.*k_fold or random"
    ):
        split_clips(table, config({"strategy": strategy}), 0)
    divided = split_clips(table, config({"strategy": strategy, "group": "source"}), 0)
    assert (divided["split"] == "test").any()
    with pytest.raises(UserError, match=r"no clip has a speaker.*split\.validation_group"):
        split_clips(table, config({"strategy": "random", "validation_group": "speaker"}), 0)


def test_clips_without_a_group_are_counted():
    table, notes = manifest(), []
    table.loc[:6, "speaker"] = None
    split_clips(table, config({"strategy": "grouped_k_fold", "num_folds": 3}), 0, notes)
    assert notes == ["7 of 60 clips of c have no speaker; each was divided as a speaker of its own"]


def test_what_can_be_held_out_is_and_who_cannot_be_scored_is_named():
    table = manifest(speakers=30, takes=3)
    table = table[~((table["speaker"] == "s3") & (table["take"] > 0))].reset_index(drop=True)  # one clip
    notes = []
    setting = config({"strategy": "held_out", "test_groups": ["s0"], "known_fraction": 0.05}, closed=True)
    division = split_clips(table, setting, 0, notes)
    held = (division["split"] == "test") & division["closed_set_only"]
    assert set(table["speaker"][held]) == {f"s{number}" for number in range(1, 30)} - {"s3"}
    assert (division["split"][table["speaker"] == "s3"] == "train").all()
    assert notes[0] == "speaker s3: one clip only, which trains, so the test clips hold none"
    trained = set(table["speaker"][division["split"] == "train"])
    assert trained >= {f"s{number}" for number in range(1, 30)}


COUNTS = st.lists(st.integers(1, 6), min_size=3, max_size=9)


@settings(max_examples=60, deadline=None)
@example(counts=[2, 1, 1], strategy="random", closed=True, fraction=0.5, seed=1)
@given(
    counts=COUNTS,
    strategy=st.sampled_from(["random", "k_fold", "grouped_k_fold", "held_out"]),
    closed=st.booleans(),
    fraction=st.floats(0.05, 0.5),
    seed=st.integers(0, 20),
)
def test_any_division_covers_every_clip_once_and_keeps_apart_what_must_be(counts, strategy, closed, fraction, seed):
    table = pd.concat([manifest(speakers=1, takes=count, speaker=f"s{number}") for number, count in enumerate(counts)])
    table = table.reset_index(drop=True)
    table["clip_id"] = table["recording"] = [f"c/{number}" for number in range(len(table))]
    split = {"strategy": strategy, "seed": seed, "known_fraction": fraction, "num_folds": 2, "test_groups": ["s1"]}
    try:
        division = split_clips(table, config(split, closed=closed), 0)
    except UserError:
        return  # too few clips for such a division is said, and is no other error
    assert division.index.equals(table.index) and set(division["split"]) <= {"train", "validation", "test", "unused"}
    unseen = table["speaker"][(division["split"] == "test") & ~division["closed_set_only"]]
    if strategy in ("grouped_k_fold", "held_out"):
        assert not set(unseen) & set(table["speaker"][division["split"] == "train"])
    known = table["speaker"][(division["split"] == "test") & division["closed_set_only"]]
    assert set(known) <= set(table["speaker"][division["split"] == "train"])


@pytest.mark.parametrize("strategy", ["random", "k_fold"])
def test_tags_have_their_share_in_every_part(strategy):
    """A random fifth of 200 clips has a tag that 5 % of them have twice, give or take one; unstratified often not."""
    rng = np.random.default_rng(0)
    shares = {"often": 0.5, "now and then": 0.2, "rarely": 0.05}
    for seed in range(5):
        cells = [",".join(tag for tag in shares if rng.uniform() < shares[tag]) for _ in range(200)]
        table = manifest(speakers=10, takes=20, heard=cells)
        setting = config({"strategy": strategy, "seed": seed, "validation_fraction": 0.2})
        task = TaskConfig(kind="multi_label", labels={"c": {"column": "heard"}})
        division = split_clips(table, setting.model_copy(update={"tasks": {"t": task}}), 0)
        for tag in shares:
            has = table["heard"].str.split(",").map(lambda tags, tag=tag: tag in tags)
            for part, share in (("test", 0.2), ("validation", 0.16)):
                assert abs((has & (division["split"] == part)).sum() - share * has.sum()) <= 1.5, (tag, part, seed)


def test_folds_of_groups_share_none_and_each_has_its_share_of_every_tag():
    """Each of 30 speakers has a tag in all clips or in none, so that folds by speaker alone often miss rare ones."""
    rng = np.random.default_rng(0)
    task = TaskConfig(kind="multi_label", labels={"c": {"column": "heard"}})
    for seed in range(5):
        who = {tag: set(rng.choice(30, size, replace=False)) for tag, size in (("often", 15), ("rarely", 5))}
        cells = [",".join(tag for tag in who if speaker in who[tag]) for speaker in range(30) for _ in range(4)]
        table = manifest(speakers=30, takes=4, heard=cells)
        setting = config({"strategy": "grouped_k_fold", "num_folds": 5, "seed": seed, "validation_fraction": 0})
        setting = setting.model_copy(update={"tasks": {"t": task}})
        tested = []
        for fold in range(5):
            is_test = split_clips(table, setting, fold)["split"] == "test"
            assert not set(table["speaker"][is_test]) & set(table["speaker"][~is_test])
            has = table["heard"].str.split(",").map(lambda tags: "rarely" in tags)
            assert 1 <= table["speaker"][has & is_test].nunique() <= 2, (seed, fold)
            tested += list(table["clip_id"][is_test])
        assert sorted(tested) == sorted(table["clip_id"])


def test_validation_clips_of_groups_hold_their_share_of_every_tag():
    """Of 30 speakers 10 have a rare tag; a quarter of the speakers drawn by chance alone often has none or five."""
    rng = np.random.default_rng(0)
    task = TaskConfig(kind="multi_label", labels={"c": {"column": "heard"}})
    for seed in range(8):
        has_tag = set(rng.choice(30, 10, replace=False))
        cells = ["rarely" if speaker in has_tag else "" for speaker in range(30) for _ in range(4)]
        table = manifest(speakers=30, takes=4, heard=cells)
        keys = {"strategy": "train_only", "seed": seed, "validation_fraction": 0.25, "validation_group": "speaker"}
        division = split_clips(table, config(keys).model_copy(update={"tasks": {"t": task}}), 0)["split"]
        held_out = division == "validation"
        assert not set(table["speaker"][held_out]) & set(table["speaker"][division == "train"])
        assert 7 <= table["speaker"][held_out].nunique() <= 8
        assert 2 <= table["speaker"][held_out & (table["heard"] == "rarely")].nunique() <= 3, seed


@pytest.mark.parametrize("group", ["speaker", None])
def test_over_as_many_repeats_every_training_clip_validates_once(group):
    table = manifest()
    keys = {"strategy": "held_out", "test_groups": ["s5"], "validation_group": group, "validation_folds": 3}
    setting = config(keys)
    seen = []
    for number in range(3):
        found = parts(table, split_clips(table, setting.of_repeat(number), 0))
        assert found["test"]["speaker"].unique().tolist() == ["s5"]
        if group:
            assert not set(found["validation"]["speaker"]) & set(found["train"]["speaker"])
        seen += found["validation"]["clip_id"].tolist()
    assert sorted(seen) == sorted(table.loc[table["speaker"] != "s5", "clip_id"])
    assert setting.of_repeat(4).split.validation_part == 1


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"validation_folds": 9, "validation_group": "speaker"}, "validation_folds=9 is impossible"),
        ({"validation_folds": 2, "strategy": "predefined"}, "validation clips of its own"),
    ],
)
def test_folds_that_cannot_be_are_refused(keys, reason):
    table = manifest()
    table["official_split"] = np.resize(["train", "validation", "test"], len(table))
    with pytest.raises(UserError, match=reason):
        split_clips(table, config({"strategy": "random"} | keys), 0)
    with pytest.raises(ValueError, match="validation_part=2: give one from 0 to 1"):
        SplitConfig(validation_folds=2, validation_part=2)


def test_folds_validate_where_no_share_is_asked():
    table = manifest()
    keys = {"strategy": "held_out", "test_groups": ["s5"], "validation_fraction": 0, "validation_folds": 5}
    assert len(parts(table, split_clips(table, config(keys), 0))["validation"]) == 10
