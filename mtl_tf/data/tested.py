"""Which clips of a corpus are tested."""

import numpy as np
import pandas as pd
from sklearn.model_selection import LeaveOneGroupOut

from mtl_tf.config import RunConfig, SplitConfig
from mtl_tf.data.manifest import TEST, TRAIN, VALIDATION
from mtl_tf.data.stratify import draw, folds, grouped_folds
from mtl_tf.errors import UserError

POOLED = ("random", "k_fold")  # strategies that heed no group
UNSEEN = "unseen"  # of split.validation_group
FEWEST_TO_SPARE = 5  # groups that train, where some are to validate


def tested_clips(rows: pd.DataFrame, split: SplitConfig, fold: int, tags: pd.DataFrame | None) -> np.ndarray:
    """Says which clips of one corpus are tested.

    Args:
        rows: manifest rows of the corpus.
        split: how it is divided.
        fold: counted from 0.
        tags: bool (clips, tags) to be shared evenly, where clips have tags.

    Returns:
        bool (clips,).

    Raises:
        UserError: the division is impossible.
    """
    groups = groups_of(rows, split)
    if split.strategy == "train_only":
        return np.zeros(len(rows), bool)
    if split.strategy == "held_out":
        missing = set(split.test_groups) - set(groups)
        if missing or not split.test_groups:
            raise UserError(
                f"split.test_groups={sorted(split.test_groups)}: {split.group} has the values "
                f"{', '.join(sorted(set(groups)))}; name some of them"
            )
        return groups.isin(split.test_groups).to_numpy()
    if split.strategy == "predefined":
        return _official(rows, fold)
    try:
        if split.strategy == "random":
            tests = [draw(rows, split.test_fraction, split.seed + fold, tags)]
        elif split.strategy == "k_fold":
            tests = folds(rows, split.num_folds, split.seed, tags)
        elif split.strategy == "grouped_k_fold":
            tests = grouped_folds(groups, split.num_folds, split.seed, tags)
        else:
            tests = [test for _, test in LeaveOneGroupOut().split(rows, groups=groups)]
    except ValueError as error:
        raise UserError(f"split.strategy={split.strategy} is impossible: {error}") from error
    if split.strategy != "random" and not 0 <= fold < len(tests):
        raise UserError(f"fold={fold}: there are {len(tests)} folds, counted from 0")
    mask = np.zeros(len(rows), bool)
    mask[tests[fold if split.strategy != "random" else 0]] = True
    return mask


def _official(rows: pd.DataFrame, fold: int) -> np.ndarray:
    if rows["official_split"].notna().all():
        return (rows["official_split"] == TEST).to_numpy(bool)
    if rows["official_fold"].notna().all():
        numbers = sorted(rows["official_fold"].unique())
        if not 0 <= fold < len(numbers):
            raise UserError(f"fold={fold}: there are {len(numbers)} official folds, counted from 0")
        return (rows["official_fold"] == numbers[fold]).to_numpy(bool)
    corpus = rows["corpus"].iloc[0]
    without = rows["path"][rows["official_split"].isna()]
    if len(without) < len(rows):
        raise UserError(
            f"corpus {corpus}: {len(without)} of {len(rows)} clips have no part in the official split, such as "
            f"{without.iloc[0]}; corpora.{corpus}.where={{official_split: [train, validation, test]}} leaves them out"
        )
    raise UserError(f"corpus {corpus} has no official split; choose split.strategy, such as grouped_k_fold")


def groups_of(rows: pd.DataFrame, split: SplitConfig) -> pd.Series:
    """Group of each clip; a clip without one is a group of its own, and corpora share none."""
    return values_of(rows, "group", split.group)


def values_of(rows: pd.DataFrame, key: str, column: str) -> pd.Series:
    """Returns the values of a column that a key of the split names, as `groups_of` does.

    Raises:
        UserError: there is no such column.
    """
    if column not in rows.columns:
        raise UserError(f"split.{key}={column} is no column of the corpus; there are {', '.join(rows.columns)}")
    values = rows[column].fillna(rows["clip_id"]).astype(str)
    return values if rows["corpus"].nunique() == 1 else rows["corpus"].astype(str) + "/" + values


def validated_by(rows: pd.DataFrame, split: SplitConfig, division: pd.DataFrame) -> str | None:
    """Returns the column whose values validation and training do not share.

    Args:
        rows: of one division.
        split: its keys. `validation_group=unseen` stands for `group`, where every clip has one, no test clip's group
            trains, and enough groups train that some can be spared.
        division: of these clips; `split` and `closed_set_only`.

    Returns:
        None: validation clips are drawn at random.
    """
    if split.validation_group != UNSEEN:
        return split.validation_group
    if split.group not in rows.columns or rows[split.group].isna().any():
        return None
    groups = groups_of(rows, split)
    is_test = (division["split"] == TEST) & ~division["closed_set_only"]
    trained = set(groups[division["split"].isin([TRAIN, VALIDATION])])
    apart = is_test.any() and not trained & set(groups[is_test])
    return split.group if apart and len(trained) >= FEWEST_TO_SPARE else None


def note_known_speakers(manifest: pd.DataFrame, division: pd.DataFrame, config: RunConfig, notes: list[str]) -> None:
    """Notes that test clips of a random division are of speakers that training hears.

    Args:
        manifest: all clips of the run.
        division: `split` per clip.
        config: `split`, `corpora.NAME.split` and the tasks; who speaks can be told of known speakers alone, so such
            tasks are not named.
        notes: to add to.
    """
    for name, corpus in config.corpora.items():
        split = corpus.split or config.split
        tasks = [task for task, entry in config.trained_tasks.items() if not entry.closed_set and name in entry.labels]
        speakers = manifest["speaker"][manifest["corpus"] == name].dropna()
        part = division["split"].loc[speakers.index]
        if split.strategy not in POOLED or not tasks or not speakers[part == TEST].isin(speakers[part == TRAIN]).any():
            continue
        key, count = f"corpora.{name}.split" if corpus.split else "split", speakers.nunique()
        fewer = f" {key}.num_folds={count}" if count < split.num_folds else ""
        notes.append(
            f"test clips of {name} are of speakers that training hears, so {' and '.join(tasks)} may score less with "
            + ("other speakers" if count < 2 else f"others; {key}.strategy=grouped_k_fold{fewer} tests on others")
        )
