"""Proposes tasks, a division and lengths for a corpus that nobody has described."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from mtl_tf.annotations import TIMES, UNKNOWN, timed_events
from mtl_tf.config import SplitConfig
from mtl_tf.data.manifest import TEST, TRAIN, label_columns
from mtl_tf.errors import UserError, nearest_hint
from mtl_tf.tables import parse_boolean

SPEAKER = "speaker"
GENERIC = ("label", "labels", "class", "category", "target")  # which say nothing of what is asked
MOST_CLASSES = 200
SEPARATORS = (";", ",", "|")
FEWEST_CLIPS = 3  # of a class, on average
FEWEST_IN_ALL = 50  # a fifth of them is tested, and each is ten points of a score
MOST_NUMBERS = 20  # different values of a column of numbers that may still be classes
MOST_FOLDS, FEWEST_GROUPS = 5, 3
MOST_PLACED = 0.75  # share of clips with a part from which an official division is taken for one
FEW_CLASSES = 10  # of events, which are a task however few clips there are
HIGHEST_RATE_HZ = 16000
MOST_NAMED = 8
LONGEST_S, LONGEST_OF_FRAMES_S = 5.0, 10.0
WORD_S = 2.0  # clips up to this length are taken for words, in which the order of sounds matters


@dataclass(frozen=True)
class ProposedTask:
    """A question that a column of labels answers.

    Attributes:
        name: of the task.
        column: of the manifest.
        classes: in sorted order; None: those of the training clips (who speaks).
        spellings: native label to the class that is spelt alike and more frequent.
        separator: what stands between tags; None: each clip has one class.
        of_frames: the column holds events with their times, and every step is asked.
    """

    name: str
    column: str
    classes: tuple[str, ...] | None
    spellings: dict[str, str] = field(default_factory=dict)
    separator: str | None = None
    of_frames: bool = False


def propose_tasks(
    manifest: pd.DataFrame, asked: Sequence[str], corpus: str, taken: Collection[str]
) -> tuple[list[ProposedTask], list[str]]:
    """Makes a task of each column that looks like classes.

    Args:
        manifest: usable clips.
        asked: columns to take; empty: all that look like classes, but for who speaks.
        corpus: its name, which tasks get where their column's says nothing or is taken.
        taken: names of tasks that there are.

    Returns:
        The tasks, and a sentence for each column that is none.

    Raises:
        UserError: a column that was asked for is not there or has no two classes; or there is no task at all.
    """
    columns = [*label_columns(manifest), *([SPEAKER] if manifest[SPEAKER].notna().any() else [])]
    for column in asked:
        if column not in columns:
            raise UserError(f"task={column}: there is no such column.{nearest_hint(column, columns)}")
    tasks, left = [], []
    for column in columns:
        if asked and column not in asked:
            left.append(f"{column}: not asked for")
            continue
        others = {*taken, *(task.name for task in tasks)}
        if column.endswith(TIMES):
            base = column.removesuffix(TIMES)
            base = corpus if base.casefold() in GENERIC else base
            name = "events" if base == "event" else f"{base}_events"
            found = _events(manifest[column], column, _free_name(name, corpus, others))
            few = _why_no_events(manifest[column], found) if not asked else ""
            if found.classes and not few:
                tasks.append(found)
            else:
                left.append(
                    f"{column}: {few}; name it in task=[...] if it is to be one" if few else f"{column}: no event"
                )
            continue
        separator = None if column == SPEAKER else _separator(manifest[column].dropna().astype(str))
        if separator is not None:
            tasks.append(_tags(manifest[column], column, _free_name(column, corpus, others), separator))
            continue
        reason = _why_no_classes(manifest[column].dropna().astype(str), column, bool(asked))
        if reason and asked:
            raise UserError(f"task={column}: {reason}")
        if reason:
            left.append(f"{column}: {reason}; name it in task=[...] if it is to be one")
            continue
        tasks.append(_classes(manifest[column], column, _free_name(column, corpus, others)))
    if not tasks:
        raise UserError(
            "nothing that was read looks like classes or events"
            + (f" ({'; '.join(left)})" if left else "")
            + "; a column with two or more "
            "values, each in several clips, or with events, is wanted"
        )
    return tasks, left


def _why_no_classes(labels: pd.Series, column: str, asked: bool) -> str:
    """Says why a column is no task, else nothing."""
    count = labels.nunique()
    if count < 2:
        return f"{count} value{'' if count == 1 else 's'}, and two are needed"
    if asked:
        return ""
    if column == SPEAKER:
        return f"{count} speakers"
    if count > MOST_CLASSES or len(labels) / count < FEWEST_CLIPS:
        return f"{count} values in {len(labels)} clips"
    plain = labels.str.strip()
    numbers = plain.str.fullmatch(r"[+-]?\d+([.,]\d+)?").all()
    measured = numbers and plain.str.contains(r"[.,]").any()
    return f"{count} different numbers" if measured or (numbers and count > MOST_NUMBERS) else ""


def _separator(labels: pd.Series) -> str | None:
    """Finds what stands between tags: of the parts that it makes, one comes back in other company."""
    for separator in SEPARATORS:
        if not labels.str.contains(separator, regex=False).any():
            continue
        parts = labels.str.split(separator, regex=False).explode().str.strip()
        parts = parts[parts != ""]
        company = labels.loc[parts.index].groupby(parts.to_numpy(object)).nunique()
        if len(parts) / max(parts.nunique(), 1) >= FEWEST_CLIPS and (company > 1).any():
            return separator
    return None


def _tags(labels: pd.Series, column: str, name: str, separator: str) -> ProposedTask:
    parts = labels.dropna().astype(str).str.split(separator, regex=False).explode().str.strip()
    return ProposedTask(name, column, tuple(sorted(set(parts) - {""})), separator=separator)


def _events(cells: pd.Series, column: str, name: str) -> ProposedTask:
    labels = {event.label for cell in cells.dropna() for event in timed_events(str(cell))}
    return ProposedTask(
        name, column, tuple(sorted(label for label in labels if not label.startswith(UNKNOWN))), of_frames=True
    )


def _why_no_events(cells: pd.Series, task: ProposedTask) -> str:
    """Says why events are no task, else nothing."""
    clips = sum(len({event.label for event in timed_events(str(cell))}) for cell in cells.dropna())
    count = len(task.classes)
    rare = count > FEW_CLASSES and clips < FEWEST_CLIPS * count
    return f"{count} labels, each in {clips / count:.0f} clips or so" if count > MOST_CLASSES or rare else ""


def _free_name(column: str, corpus: str, taken: Collection[str]) -> str:
    """Names a task after its column, or after its corpus where the column's name says nothing."""
    plain = re.sub(r"\W+", "_", column, flags=re.ASCII).strip("_")
    if column.casefold() in GENERIC or not re.match(r"[A-Za-z]", plain):
        plain = corpus
    name = plain if plain not in taken else f"{corpus}_{plain}"
    number = 2
    while name in taken:
        name, number = f"{corpus}_{plain}_{number}", number + 1
    return name


def _classes(labels: pd.Series, column: str, name: str) -> ProposedTask:
    counts = labels.dropna().astype(str).value_counts()
    if column == SPEAKER:
        return ProposedTask(name, column, None)
    leaders: dict[str, str] = {}
    for label in counts.index:  # the most frequent spelling first
        leaders.setdefault(re.sub(r"[\s_-]+", "", label).casefold(), label)
    spellings = {
        label: leader
        for label in counts.index
        if (leader := leaders[re.sub(r"[\s_-]+", "", label).casefold()]) != label
    }
    return ProposedTask(name, column, tuple(sorted(set(counts.index) - set(spellings))), spellings)


def doubts(manifest: pd.DataFrame, tasks: Sequence[ProposedTask]) -> list[str]:
    """Says what of the proposed tasks a person should look at.

    Args:
        manifest: usable clips.
        tasks: the proposal.
    """
    found = []
    if len(manifest) < FEWEST_IN_ALL and not any(task.of_frames for task in tasks):
        found.append(f"{len(manifest)} clips are few: scores of the few that are tested say next to nothing")
    for task in tasks:
        labels = manifest[task.column].dropna().astype(str)
        if task.of_frames:
            labels = labels.map(lambda cell: sorted({event.label for event in timed_events(cell)})).explode().dropna()
            labels = labels[~labels.str.startswith(UNKNOWN)]
        if task.separator is not None:
            labels = labels.str.split(task.separator, regex=False).explode().str.strip()
        counts = labels.replace(task.spellings).value_counts()
        few = sorted(counts.index[(counts < FEWEST_CLIPS) & (counts.index != "")])
        if few:
            listed = ", ".join(few[:MOST_NAMED])
            verb = "is" if len(few) == 1 else "are"
            found.append(f"{task.name}: {listed} {verb} in fewer than {FEWEST_CLIPS} clips, too few to learn and test")
        binary = not task.of_frames and task.classes is not None and len(task.classes) == 2
        if binary and all(_is_yes_or_no(label) for label in task.classes):
            found.append(f"{task.name} is yes or no; several such columns may be tags, see docs/own_corpora.md")
    depth = int(manifest["path"].str.count("/").max())
    if any(task.column == "label" for task in tasks) and depth > 1 and manifest["official_split"].isna().all():
        found.append("there are folders within the class folders; levels=[speaker,label] says what they stand for")
    return found


def _is_yes_or_no(label: str) -> bool:
    try:
        parse_boolean(label)
    except ValueError:
        return False
    return True


def propose_split(manifest: pd.DataFrame, of_speakers: bool = False) -> tuple[SplitConfig, dict[str, object], str]:
    """Proposes a division: the official one, by speakers, or at random.

    Args:
        manifest: usable clips.
        of_speakers: whether who speaks is all that is asked, so that test clips are of speakers that train.

    Returns:
        The division, further keys of a run (`fold`, where there are several), and a sentence.
    """
    parts = set(manifest["official_split"].dropna())
    speakers = manifest[SPEAKER].nunique() if manifest[SPEAKER].notna().all() else 0
    by_speaker = {"validation_group": SPEAKER} if speakers >= FEWEST_GROUPS else {}
    placed = manifest["official_split"].notna()
    if placed.mean() >= MOST_PLACED and {TRAIN, TEST} <= parts:
        rest = "" if placed.all() else f"; {(~placed).sum()} of {len(placed)} clips are of no part and take none"
        return SplitConfig(strategy="predefined", **by_speaker), {}, f"the official division{rest}"
    if manifest["official_fold"].notna().all() and manifest["official_fold"].nunique() > 1:
        return SplitConfig(strategy="predefined", **by_speaker), {"fold": 0}, "fold 0 of the official folds"
    if of_speakers:
        return SplitConfig(strategy="random"), {}, "a random fifth of the clips, as only known speakers can be told"
    if speakers >= FEWEST_GROUPS:
        folds = min(MOST_FOLDS, speakers)
        split = SplitConfig(strategy="grouped_k_fold", num_folds=folds, **by_speaker)
        return split, {"fold": 0}, f"fold 0 of {folds}, on speakers that training does not have"
    without, named = manifest["path"][manifest[SPEAKER].isna()], manifest[SPEAKER].nunique()
    if not named:
        why = "no speakers or parts are named"
    elif len(without):
        why = f"{len(without)} of {len(manifest)} clips have no speaker, such as {without.iloc[0]}"
    else:
        why = f"{named} speaker{'s are' if named > 1 else ' is'} too few to keep some for the test"
    return SplitConfig(strategy="random"), {}, f"a random fifth of the clips, as {why}"


def propose_lengths(manifest: pd.DataFrame, of_frames: bool = False) -> dict[str, dict[str, object]]:
    """Proposes rate, length and batch size, by the clips' rates and lengths.

    Args:
        manifest: usable clips.
        of_frames: whether a task asks every step, for which the network is a crnn.

    Returns:
        Keys of `frontend`, `model` and `pipeline`.
    """
    rate = min(int(manifest["sample_rate"].mode().iloc[0]), HIGHEST_RATE_HZ)
    seconds = (manifest["num_frames"] / manifest["sample_rate"]).to_numpy()
    longest_s = LONGEST_OF_FRAMES_S if of_frames else LONGEST_S
    clip_s = float(min(np.ceil(np.quantile(seconds, 0.95) * 20) / 20, longest_s))
    windows = {} if rate == HIGHEST_RATE_HZ else {"n_fft": 2 ** round(np.log2(rate * 0.032)), "hop_length": rate // 100}
    if of_frames:
        windows |= {"hop_length": rate // 50, "num_mel_bins": 40}
        return {
            "frontend": {"sample_rate": rate, **windows, "normalize": "global"},
            "model": {"time_pools": [2, 1, 1]},
            "pipeline": {"clip_s": round(clip_s, 2), "batch_size": 8, "shards": True},
        }
    return {
        "frontend": {"sample_rate": rate, **windows, "normalize": "global"},
        "model": {"time_segments": 6 if clip_s <= WORD_S else 1},
        "pipeline": {"clip_s": round(clip_s, 2), "batch_size": 16, "noise_db": [-80, -30], "shards": True},
    }
