"""A whole run: data, every fold, scores."""

import gc
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mtl_tf.augment.build import build_augmentations
from mtl_tf.config import RunConfig
from mtl_tf.corpora import open_corpus
from mtl_tf.data.assemble import FoldData, RunData, assemble, divide, used_duration_s
from mtl_tf.data.clip_source import ClipSource, decoder_of
from mtl_tf.data.library_changes import check_library_changes
from mtl_tf.data.splits import CROSS_VALIDATED, num_folds
from mtl_tf.errors import UserError
from mtl_tf.frontends.build import build_frontend
from mtl_tf.models.build import build_trunk, check_augmentations, check_parts
from mtl_tf.models.steps import model_steps
from mtl_tf.models.windows import windows_of
from mtl_tf.progress import say
from mtl_tf.runs import names
from mtl_tf.runs.folder import LABEL, run_folder
from mtl_tf.runs.merge import merge_parts
from mtl_tf.runs.part import carry_out_part
from mtl_tf.runs.teachers import find_teachers
from mtl_tf.runs.together import describe_together
from mtl_tf.runs.without_effect import without_effect
from mtl_tf.tables import write_table


@dataclass(frozen=True)
class Clips:
    """What runs with the same corpora and front end have in common.

    Attributes:
        data: the clips and their audit.
        source: their samples.
    """

    data: RunData
    source: ClipSource


def walk(
    config: RunConfig, finish: Callable[[Path], object], clips_of: Callable[[RunConfig], Clips] | None = None
) -> Path:
    """Carries out a run and writes its folder.

    Args:
        config: of the run.
        finish: is given the folder once all scores are there, and makes `report.html` of it, by which a run counts as
            finished. It is not called with `score_test=false`, and the same configuration with `score_test=true`
            carries the run on.
        clips_of: gives the clips of the run; None: they are read.

    Returns:
        The folder, with the files of `mtl_tf.runs.names`; in a cross-validation those of one fold are also in
        `folds/K`, and models only there; likewise `repeats/K`.

    Raises:
        UserError: a mistake in configuration or data.
        OSError: the disk is full; what was written before is intact.
    """
    ready = prepare(config, clips_of or read_clips)
    kind, numbers = ready.kind, ready.numbers
    places = ["."] if len(numbers) == 1 else [f"{kind}s/{number}" for number in numbers]
    tables = {place: _listed(ready.data, division) for place, division in zip(places, ready.divisions, strict=True)}
    with run_folder(config, tables) as folder:
        write_table(ready.data.audit, folder / names.AUDIT)
        for number, place, division in zip(numbers, places, ready.divisions, strict=True):
            if not (folder / place / names.METRICS).is_file():
                if len(numbers) > 1 and not config.quiet:
                    print(f"{kind} {number}, {numbers.index(number) + 1} of {len(numbers)}", file=sys.stderr)
                own = config.of_repeat(number) if kind == "repeat" else config
                fold_number = number if kind == "fold" else own.fold or 0
                carry_out_part(own, ready.data, division, ready.source, folder / place, fold_number)
                gc.collect()
        if kind == "repeat" and len(numbers) > 1:
            describe_together(folder, [folder / place for place in places])
        if not config.score_test:
            return folder
        say("putting the scores together and writing the report", config.quiet)
        if len(numbers) > 1:
            merge_parts(folder, kind, numbers)
        finish(folder)
    return folder


@dataclass(frozen=True)
class Prepared:
    """What a run needs before it trains.

    Attributes:
        data: its clips and the audit.
        kind: what its parts are, `fold` or `repeat`.
        numbers: of its parts.
        divisions: one per part.
        source: samples of all clips.
    """

    data: RunData
    kind: str
    numbers: list[int]
    divisions: list[FoldData]
    source: ClipSource


def read_clips(config: RunConfig) -> Clips:
    """Reads and audits the clips of a run, and decodes them into stores if it uses them.

    Raises:
        UserError: a mistake in configuration or data.
    """
    frontend = build_frontend(config.frontend.name, config.options("frontend"))
    data = assemble(config, frontend.min_samples)
    data.manifest["decoder"] = decoder_of(data.manifest, config.pipeline, config.frontend.sample_rate)
    return Clips(data, build_source(config, data))


def prepare(config: RunConfig, clips_of: Callable[[RunConfig], Clips] = read_clips) -> Prepared:
    """Reads and checks everything of a run but its training.

    Args:
        config: of the run.
        clips_of: gives its clips.

    Raises:
        UserError: a mistake in configuration or data.
    """
    # A value that the layers refuse stops the run before anything is read or written.
    frontend = build_frontend(config.frontend.name, config.options("frontend"))
    trunk = build_trunk(config.model.name, config.options("model"))
    if any(task.of_frames for task in config.trained_tasks.values()):
        model_steps(frontend, trunk)
    windows = windows_of(frontend, config.pipeline.window_s, config.pipeline.window_hop_s)
    if windows is not None and config.model.name == "svm":
        raise UserError("pipeline.window_s is for networks, and model=svm is none; leave it away")
    check_parts(frontend, trunk, config.trained_tasks, windows)
    augmentations = build_augmentations(config.augment_options(), **frontend.traits)
    check_augmentations(frontend, config.trained_tasks, augmentations)
    check_library_changes(config)
    clips = clips_of(config)
    data = clips.data
    for note in without_effect(config, frontend, augmentations, float(used_duration_s(data.manifest, config).max())):
        print(f"note: {note}", file=sys.stderr)
    folds = _folds(config, data)
    if len(folds) > 1 and config.repeats > 1:
        raise UserError(
            f"repeats={config.repeats} needs a single fold, and there are {len(folds)}; give fold=0 or the like"
        )
    kind = "repeat" if config.repeats > 1 else "fold"
    numbers = list(range(config.repeats)) if config.repeats > 1 else folds
    if kind == "repeat":
        divisions = [divide(data, config.of_repeat(number), folds[0]) for number in numbers]
    else:
        divisions = [divide(data, config, fold) for fold in folds]
    for number, division in zip(numbers, divisions, strict=True):
        find_teachers(config, data, division, number if kind == "fold" else config.fold or 0)
    _announce_findings(data, divisions)
    return Prepared(data, kind, numbers, divisions, clips.source)


def build_source(config: RunConfig, data: RunData) -> ClipSource:
    """Gives the samples of all clips of a run, from stores if it asks for them."""
    source = ClipSource.from_manifest(
        data.manifest,
        data.roots,
        {name: corpus.crop_s for name, corpus in config.corpora.items()},
        config.frontend.sample_rate,
    )
    if config.pipeline.shards:
        folders = {
            name: Path(config.prepared_dir) / open_corpus(name, corpus).name for name, corpus in config.corpora.items()
        }
        source.use_stores(data.manifest, folders, config.pipeline.num_parallel_calls, config.quiet)
    return source


def _listed(data: RunData, fold: FoldData) -> pd.DataFrame:
    """Lists the clips of a fold as `splits.parquet` does: what they are, where they are, and their labels."""
    columns = ["clip_id", "corpus", "speaker", "official_split", "decoder", "audio_sha1"]
    labels = fold.names.add_prefix(LABEL)
    table = pd.concat([data.manifest[columns], fold.division, labels], axis=1)
    return table.assign(group=fold.groups)


def _announce_findings(data: RunData, folds: list[FoldData]) -> None:
    if folds[0].num_unlabelled():
        print(f"{folds[0].num_unlabelled()} clips carry no label of any task and take no part", file=sys.stderr)
    for left_out, fate in ((True, "left out"), (False, "used in spite of what was found")):
        findings = data.audit[data.audit["left_out"] == left_out]
        if len(findings):
            kinds = ", ".join(f"{count} {kind}" for kind, count in findings["kind"].value_counts().items())
            clips = findings["clip_id"].nunique()
            print(
                f"audit: {clips} clip{'s' if clips > 1 else ''} {fate} ({kinds}), listed in {names.AUDIT}",
                file=sys.stderr,
            )
    for note in dict.fromkeys(note for fold in folds for note in fold.notes):
        print(f"note: {note}", file=sys.stderr)


def _folds(config: RunConfig, data: RunData) -> list[int]:
    strategies = {(corpus.split or config.split).strategy for corpus in config.corpora.values()}
    if config.fold is not None:
        has_folds = strategies & set(CROSS_VALIDATED) or data.manifest["official_fold"].notna().any()
        if config.fold and not has_folds:
            raise UserError(f"fold={config.fold}: {config.experiment} has one division and no folds; leave it away")
        return [config.fold]
    if strategies & {*CROSS_VALIDATED, "predefined"}:
        return list(range(num_folds(data.manifest, config)))
    return [0]
