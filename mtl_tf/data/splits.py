"""Divides clips into training, validation and test, and asserts that what must be apart is apart."""

import numpy as np
import pandas as pd
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    ShuffleSplit,
    StratifiedShuffleSplit,
)

from mtl_tf.config import RunConfig, SplitConfig
from mtl_tf.errors import UserError

TRAIN, VALIDATION, TEST, UNUSED = "train", "validation", "test", "unused"
CROSS_VALIDATED = ("k_fold", "grouped_k_fold", "leave_one_group_out")
POOLED = ("random", "k_fold")
GROUPED = ("held_out", "grouped_k_fold", "leave_one_group_out")


def num_folds(manifest: pd.DataFrame, config: RunConfig) -> int:
    """Returns how many folds a run has; 1 where it is not a cross-validation.

    Raises:
        UserError: corpora of one run are divided into different numbers of folds.
    """
    counts = {}
    for corpus, rows in manifest.groupby("corpus"):
        split = _split_of(config, corpus)
        if split.strategy in ("k_fold", "grouped_k_fold"):
            counts[corpus] = split.num_folds
        elif split.strategy == "leave_one_group_out":
            counts[corpus] = _groups(rows, split).nunique()
        elif split.strategy == "predefined" and rows["official_fold"].notna().all():
            counts[corpus] = rows["official_fold"].nunique()
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{corpus} {count}" for corpus, count in counts.items())
        raise UserError(f"corpora of one cross-validation need equally many folds: {listed}; give fold=0 or the like")
    return next(iter(counts.values()), 1)


def split_clips(manifest: pd.DataFrame, config: RunConfig, fold: int) -> pd.DataFrame:
    """Assigns every clip.

    A closed-set task (who speaks) can be scored only on people the network knows. Where the test clips of a corpus are
    all of unknown groups, a share of the clips of the known groups (`known_fraction`) is therefore held out as well;
    on these clips closed-set tasks are scored and no other task is. The same holds for validation by group.

    Args:
        manifest: all clips of the run.
        config: `split`, `corpora.NAME.split`, and the tasks, for which of them is closed-set.
        fold: counted from 0.

    Returns:
        Index as in the manifest; `split` (`train`, `validation`, `test` or `unused`), and `closed_set_only` (bool): the
        clip is scored in closed-set tasks alone.

    Raises:
        UserError: the division asked for is impossible.
    """
    closed = [task for task in config.tasks.values() if task.closed_set]
    parts = []
    own = [corpus for corpus in config.corpora if _split_of(config, corpus) is not config.split]
    pools = [(_split_of(config, corpus), manifest[manifest["corpus"] == corpus]) for corpus in own]
    rest = manifest[~manifest["corpus"].isin(own)]
    if config.split.strategy in POOLED:
        pools.append((config.split, rest))
    else:
        pools += [(config.split, rows) for _, rows in rest.groupby("corpus")]
    for split, rows in pools:
        if len(rows):
            has_closed = any(set(task.labels) & set(rows["corpus"]) for task in closed)
            parts.append(_divide(rows, split, fold, has_closed))
    result = pd.concat(parts).loc[manifest.index]
    if config.split.scored_corpora:
        unscored = ~manifest["corpus"].isin(config.split.scored_corpora) & (result["split"] == TEST)
        result.loc[unscored, "split"] = UNUSED
    assert_disjoint(manifest, result, config)
    return result


def assert_disjoint(manifest: pd.DataFrame, division: pd.DataFrame, config: RunConfig) -> None:
    """Fails if a test clip's audio, or a group that must be unseen, is also in training.

    A group that must be unseen in the test must not be in validation either.

    Raises:
        UserError: names what is shared.
    """
    is_test = division["split"] == TEST
    identified = manifest["audio_sha1"] != ""
    shared = set(manifest["audio_sha1"][is_test & identified]) & set(manifest["audio_sha1"][~is_test & identified])
    if shared:
        clip = manifest.loc[manifest["audio_sha1"].isin(shared), "path"].iloc[0]
        raise UserError(f"{len(shared)} clips are in test and in training with the same audio, such as {clip}")
    for corpus, rows in manifest.groupby("corpus"):
        split, here = _split_of(config, corpus), division.loc[rows.index]
        if split.strategy in GROUPED:
            _assert_apart(corpus, split.group, _groups(rows, split), here, TEST, here["split"] != TEST)
        if split.validation_group is not None and not (rows["official_split"] == VALIDATION).any():
            groups = _values(rows, "validation_group", split.validation_group)
            _assert_apart(corpus, split.validation_group, groups, here, VALIDATION, here["split"] == TRAIN)


def _assert_apart(
    corpus: str, name: str, groups: pd.Series, division: pd.DataFrame, part: str, others: pd.Series
) -> None:
    unseen = (division["split"] == part) & ~division["closed_set_only"]
    both = set(groups[unseen]) & set(groups[others])
    if both:
        raise UserError(f"corpus {corpus}: {name} {', '.join(sorted(both))} is in {part} and in training")


def _split_of(config: RunConfig, corpus: str) -> SplitConfig:
    """The division of one corpus: its own, the run's, or none for a corpus that only helps in training."""
    own = config.corpora[corpus].split
    scored = config.split.scored_corpora
    if own is None and scored and corpus not in scored and config.split.strategy not in POOLED:
        return config.split.model_copy(update={"strategy": "train_only"})
    return own or config.split


def _divide(rows: pd.DataFrame, split: SplitConfig, fold: int, has_closed: bool) -> pd.DataFrame:
    groups = _groups(rows, split)
    is_test = _test_mask(rows, split, fold)
    if split.strategy != "train_only" and (not is_test.any() or is_test.all()):
        raise UserError(
            f"corpus {', '.join(sorted(set(rows['corpus'])))}: split.strategy={split.strategy} puts {is_test.sum()} of "
            f"{len(rows)} clips into test; choose another division"
        )
    result = pd.DataFrame({"split": np.where(is_test, TEST, TRAIN), "closed_set_only": False}, index=rows.index)

    def hold_out_known(part: str, fraction: float, seed: int) -> None:
        held = result["split"] == part
        training = result["split"] == TRAIN
        wanted = has_closed or split.hold_out_known == "always"
        if wanted and held.any() and not groups[held].isin(groups[training]).any():
            chosen = _draw(rows[training], groups[training], fraction, seed)
            result.loc[chosen, ["split", "closed_set_only"]] = [part if has_closed else UNUSED, has_closed]

    hold_out_known(TEST, split.known_fraction, split.seed + 1)
    training = result["split"] == TRAIN
    official = (rows["official_split"] == VALIDATION).fillna(False) & training
    if split.strategy == "predefined" and official.any():
        result.loc[official, "split"] = VALIDATION
    elif split.validation_fraction > 0 and training.any():
        result.loc[_validation(rows[training], split), "split"] = VALIDATION
    hold_out_known(VALIDATION, max(split.validation_fraction, 0.05), split.seed + 2)
    return result


def _test_mask(rows: pd.DataFrame, split: SplitConfig, fold: int) -> np.ndarray:
    groups = _groups(rows, split)
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
    splitters = {
        "random": lambda: ShuffleSplit(1, test_size=split.test_fraction, random_state=split.seed + fold),
        "k_fold": lambda: KFold(split.num_folds, shuffle=True, random_state=split.seed),
        "grouped_k_fold": lambda: GroupKFold(split.num_folds, shuffle=True, random_state=split.seed),
        "leave_one_group_out": LeaveOneGroupOut,
    }
    try:
        folds = list(splitters[split.strategy]().split(rows, groups=None if split.strategy in POOLED else groups))
    except ValueError as error:
        raise UserError(f"split.strategy={split.strategy} is impossible: {error}") from error
    if split.strategy != "random" and not 0 <= fold < len(folds):
        raise UserError(f"fold={fold}: there are {len(folds)} folds, counted from 0")
    mask = np.zeros(len(rows), bool)
    mask[folds[fold if split.strategy != "random" else 0][1]] = True
    return mask


def _official(rows: pd.DataFrame, fold: int) -> np.ndarray:
    if rows["official_split"].notna().all():
        return (rows["official_split"] == TEST).to_numpy(bool)
    if rows["official_fold"].notna().all():
        folds = sorted(rows["official_fold"].unique())
        if not 0 <= fold < len(folds):
            raise UserError(f"fold={fold}: there are {len(folds)} official folds, counted from 0")
        return (rows["official_fold"] == folds[fold]).to_numpy(bool)
    corpus = rows["corpus"].iloc[0]
    raise UserError(f"corpus {corpus} has no official split; choose split.strategy, such as grouped_k_fold")


def _validation(rows: pd.DataFrame, split: SplitConfig) -> pd.Index:
    if split.validation_group is None:
        return _draw(rows, None, split.validation_fraction, split.seed)
    groups = _values(rows, "validation_group", split.validation_group)
    splitter = GroupShuffleSplit(1, test_size=split.validation_fraction, random_state=split.seed)
    try:
        return rows.index[next(splitter.split(rows, groups=groups))[1]]
    except ValueError as error:
        raise UserError(f"split.validation_group={split.validation_group} is impossible: {error}") from error


def _draw(rows: pd.DataFrame, strata: pd.Series | None, fraction: float, seed: int) -> pd.Index:
    """Draws a share of rows at random, evenly over the strata if given."""
    kind = ShuffleSplit if strata is None else StratifiedShuffleSplit
    try:
        return rows.index[next(kind(1, test_size=fraction, random_state=seed).split(rows, strata))[1]]
    except ValueError as error:
        raise UserError(f"cannot hold out {fraction:.0%} of {len(rows)} clips: {error}") from error


def _groups(rows: pd.DataFrame, split: SplitConfig) -> pd.Series:
    """Group of each clip; a clip without one is a group of its own, and corpora share none."""
    return _values(rows, "group", split.group)


def _values(rows: pd.DataFrame, key: str, column: str) -> pd.Series:
    if column not in rows.columns:
        raise UserError(f"split.{key}={column} is no column of the corpus; there are {', '.join(rows.columns)}")
    values = rows[column].fillna(rows["clip_id"]).astype(str)
    return values if rows["corpus"].nunique() == 1 else rows["corpus"].astype(str) + "/" + values
