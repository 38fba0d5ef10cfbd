"""Trains one model on one fold, from wherever its run folder stands."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from mtl_tf.augment.augmentation import Augmentation
from mtl_tf.augment.build import build_augmentations
from mtl_tf.augment.mixing import Mixing
from mtl_tf.config import RunConfig, TrainingConfig
from mtl_tf.data.assemble import FoldData, RunData
from mtl_tf.data.clip_source import ClipSource
from mtl_tf.data.kept_features import RawFeatures
from mtl_tf.data.manifest import TEST, TRAIN, VALIDATION
from mtl_tf.data.mapping import map_batches
from mtl_tf.data.partners import Partners, without_partners
from mtl_tf.data.pipeline import evaluation_dataset, training_dataset
from mtl_tf.data.sampling import EpochSampler
from mtl_tf.errors import UserError
from mtl_tf.frontends.build import build_frontend
from mtl_tf.frontends.frame_sums import FrameSums
from mtl_tf.frontends.frontend import FrontEnd
from mtl_tf.models.build import build_model, build_trunk, count_parameters, without_augmentations
from mtl_tf.models.steps import steps_of
from mtl_tf.models.windows import windows_of
from mtl_tf.progress import say
from mtl_tf.runs import names
from mtl_tf.training.averaging import AveragedWeights
from mtl_tf.training.balanced_model import BalancedModel
from mtl_tf.training.callbacks import EpochKeeper, EpochLogs, RichProgress, best_checkpoint, exhausted, last_checkpoint
from mtl_tf.training.checkpoint import save_model
from mtl_tf.training.compile import compile_model
from mtl_tf.training.group_statistics import frontend_raw
from mtl_tf.training.on_features import features_model, finish_features, raw_features
from mtl_tf.training.teaching import Teaching, check_teacher, teaching_of

_BLOCK = 256  # clips whose kept features are looked at together


@dataclass
class TrainedModel:
    """A fitted model.

    Attributes:
        model: with the weights of the best epoch.
        history: one dict per epoch.
        clips_per_epoch: how many clips an epoch trains on.
    """

    model: keras.Model
    history: list[dict]
    clips_per_epoch: int

    def train_seconds(self) -> float:
        """Returns the time spent in epochs, over all starts of the run."""
        return sum(row["seconds"] for row in self.history)

    def median_epoch_s(self) -> float:
        """Returns the time an epoch takes, its validation included."""
        return float(np.median([row["seconds"] for row in self.history]))


def train_fold(
    config: RunConfig,
    data: RunData,
    fold: FoldData,
    source: ClipSource,
    folder: Path,
    teachers: Mapping[str, keras.Model] | None = None,
) -> TrainedModel:
    """Trains to the last epoch or until early stopping, carrying on from the folder's last checkpoint.

    The result does not depend on whether and where the run was interrupted.

    Args:
        config: of the run.
        data: its clips.
        fold: their division, labels and weights.
        source: their samples.
        folder: of this fold; checkpoints, `history.csv`, `model.keras` (best epoch) and `last.keras` go there.
        teachers: name to network whose answers are learned beside the labels.

    Raises:
        UserError: a clip or a checkpoint cannot be read, the loss or a weight is no longer finite, or a teacher hears
            something else than the network that is trained.
        OSError: the disk is full; earlier checkpoints are intact.
    """
    options = config.training
    seed_everything(config.seed, options)
    positions = fold.positions(TRAIN)
    steps = options.steps_per_epoch or math.ceil(len(positions) / config.pipeline.batch_size)
    sampler = EpochSampler(
        corpus_of_clip=_corpus_numbers(data, config)[positions],
        corpus_weights=np.array([corpus.mixing_weight for corpus in config.corpora.values()]),
        mixing=config.pipeline.mixing,
        temperature=config.pipeline.temperature,
        seed=config.seed,
        clips_per_epoch=options.steps_per_epoch and options.steps_per_epoch * config.pipeline.batch_size,
        group_of_clip=None if fold.drawn_by is None else fold.drawn_by[positions],
    )
    validation_positions = fold.positions(VALIDATION)
    traits = build_frontend(config.frontend.name, config.options("frontend")).traits
    augmentations = build_augmentations(config.augment_options(), **traits)
    partners = next((Partners(own.prob, own.concentration) for own in augmentations if isinstance(own, Mixing)), None)
    teaching = teaching_of(options, fold, teachers) if teachers else None
    whole = build_run_model(config, fold, augmentations, teaching)
    frontend, step_times = whole.get_layer("frontend"), steps_of(whole, fold.tasks)
    used = np.concatenate([positions, validation_positions])
    augmented = any(isinstance(own, Mixing) or not own.on_features for own in augmentations)
    raw = raw_features(config, data, used, source, frontend, augmented)
    model = compile_model(whole if raw is None else features_model(whole), config, fold, steps)
    history = last_checkpoint(folder).restore(model)
    if not history or raw is not None:
        say("measuring the features of the training clips", config.quiet or not frontend.is_fitted)
        fit_normalization(frontend, source, positions, config, raw)
    for name, teacher in (teachers or {}).items():
        check_teacher(teacher, whole, name)
    features = None if raw is None else finish_features(frontend, raw, used, source, config.pipeline)
    first = len(history)
    last = min(options.epochs, options.stop_after_epoch or options.epochs)
    scored = fold.scored_tasks(VALIDATION)
    callbacks = [
        EpochLogs(fold.task_weights, scored),
        EpochKeeper(
            folder, history, options.monitor, _only(config.judging_metrics(), scored), options.early_stopping_patience
        ),
    ]
    if options.average_weights:
        callbacks.append(AveragedWeights())
    if not config.quiet:
        resumed = f"; carrying on after epoch {first}" if first else ""
        below = "scores below are in %, on validation clips" if scored else "no validation clips, so no scores below"
        announce(config, fold, f"{count_parameters(model):,} parameters; {below}{resumed}")
        callbacks.append(RichProgress(last, steps, _only(config.judging_metrics(), scored)))
    if options.tensorboard:
        callbacks.append(keras.callbacks.TensorBoard(folder / names.TENSORBOARD, write_graph=False))
    validation, known, epochs = None, (fold.labels, fold.weights), range(first, last)
    if len(validation_positions) and features is not None:
        validation = features.evaluation(validation_positions, *known, config.pipeline.batch_size, step_times)
    elif len(validation_positions):
        validation = evaluation_dataset(source, validation_positions, *known, config.pipeline, step_times)
        validation = validation if partners is None else validation.map(without_partners)
    if epochs and not exhausted(history, options.early_stopping_patience):
        if features is not None:
            batches = features.training(positions, *known, sampler, config.pipeline, epochs, step_times)
        else:
            planned = sampler, config.pipeline, epochs, step_times, partners
            batches = training_dataset(source, positions, *known, *planned)
        say("compiling; the first epoch takes longer by it", config.quiet)
        try:
            model.fit(
                batches,
                initial_epoch=first,
                epochs=last,
                steps_per_epoch=steps,
                validation_data=validation,
                shuffle=False,
                callbacks=callbacks,
                verbose=0,
            )
        except tf.errors.OpError as error:
            raise source.explain(error) from error
    if options.average_weights:  # a run that had ended already was not given the mean by Keras
        model.optimizer.finalize_variable_values(model.trainable_variables)
    alone = whole if raw is not None else model.plain() if isinstance(model, BalancedModel) else model
    changed = bool(augmentations or teachers)
    alone = without_augmentations(alone, build_run_model(config, fold)) if changed else alone
    save_model(alone, folder / names.LAST_MODEL)
    best = best_checkpoint(folder, history)
    if not best.restore(model, optimizer=False):
        raise UserError(f"{best.path} is missing; give resume=false to start anew")
    alone = without_augmentations(whole, alone) if changed else alone
    save_model(alone, folder / names.MODEL)
    return TrainedModel(alone, history, int(sampler.counts().sum()))


def announce(config: RunConfig, fold: FoldData, remark: str) -> None:
    """Prints what is about to be trained on what."""
    counts = ", ".join(f"{len(fold.positions(part))} {part}" for part in (TRAIN, VALIDATION, TEST))
    print(f"{config.experiment}: {', '.join(fold.tasks)}; {counts} clips; {remark}", file=sys.stderr)


def build_run_model(
    config: RunConfig,
    fold: FoldData,
    augmentations: Sequence[Augmentation | Mixing] = (),
    teaching: Teaching | None = None,
) -> keras.Model:
    """Builds the model of a run, to be trained with augmentations and teachers or to be used without."""
    frontend = build_frontend(config.frontend.name, config.options("frontend"))
    trunk = build_trunk(config.model.name, config.options("model"))
    windows = windows_of(frontend, config.pipeline.window_s, config.pipeline.window_hop_s)
    return build_model(frontend, trunk, fold.tasks, augmentations, teaching, windows)


def seed_everything(seed: int, options: TrainingConfig) -> None:
    """Sets seeds, determinism and precision for the model about to be built."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy("mixed_float16" if options.mixed_precision else "float32")
    if options.deterministic:
        tf.config.experimental.enable_op_determinism()


def fit_normalization(
    frontend: FrontEnd,
    source: ClipSource,
    positions: np.ndarray,
    config: RunConfig,
    raw: RawFeatures | None = None,
) -> None:
    """Computes mean and deviation of every bin over the frames of the training clips, padding left out.

    Args:
        frontend: its statistics are set; nothing is done where it normalises nothing.
        source: samples of all clips.
        positions: the training clips.
        config: of the run.
        raw: the features, where they are kept.
    """
    if not frontend.is_fitted:
        return
    key = ("mean and deviation", str(config.frontend), positions.tobytes(), raw is None)
    if key not in source.measured:
        sums = FrameSums()
        if raw is not None:
            blocks = np.array_split(positions, -(-len(positions) // _BLOCK))
            batches = (raw.of(block, source)[:2] for block in blocks)
        else:
            batches = map_batches(frontend_raw(frontend), source, positions, config.pipeline)
        for features, mask in batches:
            sums.add(features[mask])
        source.measured[key] = sums.statistics()
    frontend.set_statistics(*source.measured[key])


def _only(values: dict[str, str], names: list[str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name in names}


def _corpus_numbers(data: RunData, config: RunConfig) -> np.ndarray:
    number = {name: index for index, name in enumerate(config.corpora)}
    return data.manifest["corpus"].map(number).to_numpy(int)
