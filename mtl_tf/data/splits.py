"""Divides clips into training, validation and test, and asserts that what must be apart is apart."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.model_selection import (
    StratifiedShuffleSplit,
)

from mtl_tf.config import RunConfig, SplitConfig
from mtl_tf.data.manifest import COLUMNS, FACTS, TEST, TRAIN, VALIDATION
from mtl_tf.data.stratify import draw, draw_groups, folds, grouped_folds, tag_table
from mtl_tf.data.tested import POOLED, groups_of, tested_clips, validated_by, values_of
from mtl_tf.errors import UserError

UNUSED = "unused"
CROSS_VALIDATED = ("k_fold", "grouped_k_fold", "leave_one_group_out")
GROUPED = ("held_out", "grouped_k_fold", "leave_one_group_out")
MOST_NAMES = 8
FEWEST_GROUPS = 5  # of a column that is worth a suggestion


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
            counts[corpus] = groups_of(rows, split).nunique()
        elif split.strategy == "predefined" and rows["official_fold"].notna().all():
            counts[corpus] = rows["official_fold"].nunique()
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{corpus} {count}" for corpus, count in counts.items())
        raise UserError(f"corpora of one cross-validation need equally many folds: {listed}; give fold=0 or the like")
    return next(iter(counts.values()), 1)


def split_clips(manifest: pd.DataFrame, config: RunConfig, fold: int, notes: list[str] | None = None) -> pd.DataFrame:
    """Assigns every clip.

    A closed-set task (who speaks) can be scored only on people the network knows. Where the test clips of a corpus are
    all of unknown groups, a share of the clips of the known groups (`known_fraction`) is therefore held out as well;
    on these clips closed-set tasks are scored and no other task is. The same holds for validation by group. Official
    validation clips are set aside before anything is held out. A clip that is the same recording as a test clip takes
    no part.

    Args:
        manifest: all clips of the run.
        config: `split`, `corpora.NAME.split`, and the tasks, for which of them is closed-set.
        fold: counted from 0.
        notes: what a reader of the scores has to know of the division is added to them.

    Returns:
        Index as in the manifest; `split` (`train`, `validation`, `test` or `unused`), and `closed_set_only` (bool): the
        clip is scored in closed-set tasks alone.

    Raises:
        UserError: the division asked for is impossible.
    """
    notes = [] if notes is None else notes
    closed = [task for task in config.tasks.values() if task.closed_set]
    parts: list[pd.DataFrame] = []
    columns: dict[str, str | None] = {}
    tags = tag_table(config.tasks, manifest)
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
            divided, column = _divide(rows, split, fold, has_closed, notes, tags)
            parts.append(divided)
            columns |= dict.fromkeys(rows["corpus"], column)
    result = pd.concat(parts).loc[manifest.index]
    if config.split.scored_corpora:
        unscored = ~manifest["corpus"].isin(config.split.scored_corpora) & (result["split"] == TEST)
        result.loc[unscored, "split"] = UNUSED
    if config.split.trained_corpora:
        other = ~manifest["corpus"].isin(config.split.trained_corpora) & result["split"].isin([TRAIN, VALIDATION])
        result.loc[other, "split"] = UNUSED
    tested = set(manifest["recording"][result["split"] == TEST])
    again = manifest["recording"].isin(tested) & ~result["split"].isin([TEST, UNUSED])
    if again.any():
        result.loc[again, "split"] = UNUSED
        several = int(again.sum()) > 1
        notes.append(
            f"{again.sum()} clip{'s take' if several else ' takes'} no part, being the same recording as a test clip: "
            f"{'such as ' * several}{manifest['path'][again].iloc[0]}"
        )
    assert_disjoint(manifest, result, config, columns)
    return result


def assert_disjoint(
    manifest: pd.DataFrame, division: pd.DataFrame, config: RunConfig, columns: Mapping[str, str | None] | None = None
) -> None:
    """Fails if the recording of a test clip, or a group that must be unseen, is also in training.

    A group that must be unseen in the test must not be in validation either.

    Args:
        manifest: all clips of the run.
        division: of them, see `split_clips`.
        config: of the run.
        columns: corpus to the column that its validation was divided by, see `validated_by`; None: as the keys say.

    Raises:
        UserError: names what is shared.
    """
    is_test = division["split"] == TEST
    trained = division["split"].isin([TRAIN, VALIDATION])
    shared = set(manifest["recording"][is_test]) & set(manifest["recording"][trained])
    if shared:
        clip = manifest.loc[manifest["recording"].isin(shared), "path"].iloc[0]
        raise UserError(f"{len(shared)} clips are in test and in training with the same audio, such as {clip}")
    for corpus, rows in manifest.groupby("corpus"):
        split, here = _split_of(config, corpus), division.loc[rows.index]
        if split.strategy in GROUPED:
            _assert_apart(corpus, split.group, groups_of(rows, split), here, TEST, here["split"] != TEST)
        column = split.validation_group if columns is None else columns[corpus]
        if column is not None and not (rows["official_split"] == VALIDATION).any():
            groups = values_of(rows, "validation_group", column)
            _assert_apart(corpus, column, groups, here, VALIDATION, here["split"] == TRAIN)


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


def _divide(
    rows: pd.DataFrame,
    split: SplitConfig,
    fold: int,
    has_closed: bool,
    notes: list[str],
    tags: pd.DataFrame | None,
) -> tuple[pd.DataFrame, str | None]:
    groups = groups_of(rows, split)
    if split.strategy in GROUPED:
        _note_missing(rows, "group", split.group, notes)
    is_test = tested_clips(rows, split, fold, tags)
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
            chosen = _draw_of_each(rows[training], groups[training], fraction, seed, split.group, part, notes)
            result.loc[chosen, ["split", "closed_set_only"]] = [part if has_closed else UNUSED, has_closed]

    official = (rows["official_split"] == VALIDATION).fillna(False) & (result["split"] == TRAIN)
    if split.strategy == "predefined" and official.any():
        if split.validation_folds is not None:
            raise UserError(
                f"corpus {', '.join(sorted(set(rows['corpus'])))} has validation clips of its own, which every repeat "
                "would take; leave split.validation_folds away"
            )
        result.loc[official, "split"] = VALIDATION
    hold_out_known(TEST, split.known_fraction, split.seed + 1)
    split = split.model_copy(update={"validation_group": validated_by(rows, split, result)})
    training = result["split"] == TRAIN
    wanted = split.validation_folds is not None or split.validation_fraction > 0
    if not (result["split"] == VALIDATION).any() and wanted and training.any():
        if split.validation_group is not None:
            _note_missing(rows[training], "validation_group", split.validation_group, notes)
        result.loc[_validation(rows[training], split, tags), "split"] = VALIDATION
    if split.validation_group is None:
        _keep_known(result, groups)
    hold_out_known(VALIDATION, max(split.validation_fraction, 0.05), split.seed + 2)
    return result, split.validation_group


def _keep_known(division: pd.DataFrame, groups: pd.Series) -> None:
    """Gives groups whose clips are held out as known, and whose last other clip went to validation, that clip back."""
    known = set(groups[division["closed_set_only"]]) - set(groups[division["split"] == TRAIN])
    for group in sorted(known):
        spare = division.index[(groups == group) & (division["split"] == VALIDATION)]
        division.loc[spare[:1], "split"] = TRAIN


def _note_missing(rows: pd.DataFrame, key: str, column: str, notes: list[str]) -> None:
    """Refuses a division by groups that no clip has, and notes how many clips have none.

    Raises:
        UserError: no clip of a corpus has a group.
    """
    for corpus, own in rows.groupby("corpus"):
        if column not in own.columns:
            continue  # what is no column at all has an error of its own
        missing = int(own[column].isna().sum())
        if missing == len(own):
            others = [
                name
                for name in own.columns[own.notna().all()]
                if name not in {*COLUMNS, *FACTS, "recording", "same_because", "decoder"} - {"session"}
                and FEWEST_GROUPS <= own[name].nunique() < len(own)
            ]
            raise UserError(
                f"corpus {corpus}: no clip has a {column}, so clips cannot be divided by it; give another split.{key}"
                + (f", such as {', '.join(others[:6])}" if others else "")
                + ", or split.strategy=k_fold or random, which let speakers be in training and in test"
            )
        if missing:
            notes.append(
                f"{missing} of {len(own)} clips of {corpus} have no {column}; each was divided as a {column} of its own"
            )


def _validation(rows: pd.DataFrame, split: SplitConfig, tags: pd.DataFrame | None) -> pd.Index:
    if split.validation_folds is not None:
        return rows.index[_validation_fold(rows, split, tags)]
    if split.validation_group is None:
        try:
            return rows.index[draw(rows, split.validation_fraction, split.seed, tags)]
        except ValueError as error:
            raise UserError(f"cannot hold out {split.validation_fraction:.0%} of {len(rows)} clips: {error}") from error
    groups = values_of(rows, "validation_group", split.validation_group)
    try:
        return rows.index[draw_groups(groups, split.validation_fraction, split.seed, tags)]
    except ValueError as error:
        raise UserError(f"split.validation_group={split.validation_group} is impossible: {error}") from error


def _validation_fold(rows: pd.DataFrame, split: SplitConfig, tags: pd.DataFrame | None) -> np.ndarray:
    count, part = split.validation_folds, split.validation_part
    try:
        if split.validation_group is None:
            return folds(rows, count, split.seed, tags)[part]
        return grouped_folds(values_of(rows, "validation_group", split.validation_group), count, split.seed, tags)[part]
    except ValueError as error:
        raise UserError(f"split.validation_folds={count} is impossible: {error}") from error


def _draw_of_each(
    rows: pd.DataFrame, groups: pd.Series, fraction: float, seed: int, name: str, part: str, notes: list[str]
) -> pd.Index:
    """Draws a share of the rows of every group that has more than one, at least one row of each.

    Args:
        rows: to draw from.
        groups: of each row.
        fraction: share.
        seed: of the draw.
        name: of the column with the groups, for the note.
        part: what is drawn for, for the note.
        notes: groups with a single row, of which none can be held out, are added to them.
    """
    counts = groups.value_counts()
    single = sorted(counts.index[counts < 2])
    if single:
        names = ", ".join(single[:MOST_NAMES]) + (
            f" and {len(single) - MOST_NAMES} more" if len(single) > MOST_NAMES else ""
        )
        notes.append(f"{name} {names}: one clip only, which trains, so the {part} clips hold none")
    rows, groups = rows[~groups.isin(single)], groups[~groups.isin(single)]
    if rows.empty:
        return rows.index
    try:
        drawn = StratifiedShuffleSplit(1, test_size=fraction, random_state=seed).split(rows, groups)
        return rows.index[next(drawn)[1]]
    except ValueError:  # fewer clips than groups are asked for, or as many
        rng = np.random.default_rng(seed)
        chosen = [
            rng.choice(members.to_numpy(), max(1, int(fraction * len(members))), replace=False)
            for members in groups.groupby(groups).groups.values()
        ]
        return pd.Index(np.concatenate(chosen))
