"""A whole run: data, every fold, scores, report."""

import gc
import resource
import sys
from pathlib import Path

import pandas as pd

from mtl_tf.config import RunConfig
from mtl_tf.data.assemble import FoldData, RunData, assemble, divide
from mtl_tf.data.clip_source import SHARDS, ClipSource, decoder_of
from mtl_tf.data.manifest import write_table
from mtl_tf.data.splits import CROSS_VALIDATED, TEST, VALIDATION, num_folds
from mtl_tf.errors import UserError
from mtl_tf.evaluation.cross_validation import merge_parts
from mtl_tf.evaluation.predict import predict_clips, score_fold, tabulate
from mtl_tf.evaluation.scores import score_groups
from mtl_tf.evaluation.thresholds import find_thresholds
from mtl_tf.frontends.build import build_frontend
from mtl_tf.models.build import build_trunk, count_parameters
from mtl_tf.reporting.comparison import runs_by_protocol
from mtl_tf.reporting.report import write_report
from mtl_tf.training.fit import train_fold
from mtl_tf.training.fit_svm import train_svm
from mtl_tf.training.run_folder import METRICS, run_folder, write_json


def run_experiment(config: RunConfig) -> Path:
    """Carries out a run and writes its folder.

    Args:
        config: of the run.

    Returns:
        The folder, with `config.yaml`, `environment.json`, `audit.csv`, `splits.parquet`, `history.csv`,
        `predictions.parquet`, `speakers.csv`, `metrics.json`, `model.keras` and `report.html`; in a cross-validation
        these but the first three are also in `folds/K`, and models only there; likewise `repeats/K`.

    Raises:
        UserError: a mistake in configuration or data.
        OSError: the disk is full; what was written before is intact.
    """
    # A value that the layers refuse stops the run before anything is read or written.
    build_frontend(config.frontend.name, config.options("frontend"))
    build_trunk(config.model.name, config.options("model"))
    data = assemble(config)
    data.manifest["decoder"] = decoder_of(data.manifest, config.pipeline, config.frontend.sample_rate)
    folds = _folds(config, data)
    if len(folds) > 1 and config.repeats > 1:
        raise UserError(
            f"repeats={config.repeats} needs a single fold, and there are {len(folds)}; give fold=0 or the like"
        )
    kind = "repeat" if config.repeats > 1 else "fold"
    numbers = list(range(config.repeats)) if config.repeats > 1 else folds
    divisions = [divide(data, config, fold) for fold in (folds * config.repeats)]
    _announce_findings(data, divisions[0])
    source = build_source(config, data)
    with run_folder(config) as folder:
        write_table(data.audit, folder / "audit.csv")
        for number, division in zip(numbers, divisions, strict=True):
            place = folder if len(numbers) == 1 else folder / f"{kind}s" / str(number)
            place.mkdir(parents=True, exist_ok=True)
            if not (place / METRICS).is_file():
                if len(numbers) > 1 and not config.quiet:
                    print(f"{kind} {number}, {numbers.index(number) + 1} of {len(numbers)}", file=sys.stderr)
                own = config.model_copy(update={"seed": config.seed + number}) if kind == "repeat" else config
                _run_fold(own, data, division, source, place)
                gc.collect()
        if len(numbers) > 1:
            merge_parts(folder, kind, numbers)
        write_report(folder)
        for other in runs_by_protocol(folder, config).values():
            if other != folder:
                write_report(other)
    return folder


def _announce_findings(data: RunData, fold: FoldData) -> None:
    if fold.num_unlabelled():
        print(f"{fold.num_unlabelled()} clips carry no label of any task and take no part", file=sys.stderr)
    for left_out, fate in ((True, "left out"), (False, "used in spite of what was found")):
        findings = data.audit[data.audit["left_out"] == left_out]
        if len(findings):
            kinds = ", ".join(f"{count} {kind}" for kind, count in findings["kind"].value_counts().items())
            clips = findings["clip_id"].nunique()
            print(
                f"audit: {clips} clip{'s' if clips > 1 else ''} {fate} ({kinds}), listed in audit.csv", file=sys.stderr
            )


def build_source(config: RunConfig, data: RunData) -> ClipSource:
    """Gives the samples of all clips of a run, from shards if it asks for them."""
    source = ClipSource.from_manifest(
        data.manifest,
        data.roots,
        {name: corpus.crop_s for name, corpus in config.corpora.items()},
        config.frontend.sample_rate,
    )
    if config.pipeline.shards:
        identities = (data.manifest["clip_id"] + ":" + data.manifest["audio_sha1"]).tolist()
        folder = Path(config.prepared_dir) / SHARDS / f"{'+'.join(config.corpora)}-{config.frontend.sample_rate}"
        source.use_shards(folder, identities, config.pipeline.num_parallel_calls, config.quiet)
    return source


def _run_fold(config: RunConfig, data: RunData, fold: FoldData, source: ClipSource, folder: Path) -> None:
    division = pd.concat([data.manifest[["clip_id", "corpus", "speaker", "decoder"]], fold.division], axis=1)
    write_table(division, folder / "splits.parquet")
    write_json({name: list(task.classes) for name, task in fold.tasks.items()}, folder / "classes.json")
    if config.model.name == "svm":
        trained = train_svm(config, fold, source, folder)
    else:
        trained = train_fold(config, data, fold, source, folder)
    validation, together = fold.positions(VALIDATION), config.training.steps_per_execution
    if len(validation):
        answers = predict_clips(trained.model, source, validation, config.pipeline, together)
        write_json(find_thresholds(answers, validation, fold), folder / "thresholds.json")
    positions = fold.positions(TEST)
    probabilities = predict_clips(trained.model, source, positions, config.pipeline, together)
    predictions = tabulate(probabilities, positions, data, fold)
    write_table(predictions, folder / "predictions.parquet")
    write_table(score_groups(predictions), folder / "speakers.csv")
    parts = {part: len(fold.positions(part)) for part in ("train", "validation", "test")}
    decoders = data.manifest["decoder"].value_counts().to_dict()
    write_json(
        {
            "test": score_fold(probabilities, positions, fold),
            "clips": parts
            | {
                "left_out": int(data.audit.loc[data.audit["left_out"], "clip_id"].nunique()),
                "unlabelled": fold.num_unlabelled(),
            },
            "decoders": {name: int(count) for name, count in decoders.items()},
            "cost": {
                "parameters": count_parameters(trained.model),
                "train_seconds": trained.train_seconds(),
                "epochs": len(trained.history),
                "training_clips_per_second": trained.clips_per_epoch / trained.median_epoch_s(),
                "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            },
        },
        folder / METRICS,
    )


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
