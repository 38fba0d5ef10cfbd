"""Gives a model its losses, its optimizer and how these become one step."""

from collections.abc import Sequence

import keras

from mtl_tf.config import RunConfig, TrainingConfig
from mtl_tf.data.assemble import FoldData
from mtl_tf.errors import UserError
from mtl_tf.tasks.task import Task
from mtl_tf.training.affinity import AffinityMeter
from mtl_tf.training.balanced_model import BalancedModel
from mtl_tf.training.balancing.build import build_balancing
from mtl_tf.training.balancing.equal import EqualWeighting
from mtl_tf.training.losses import TaskLoss
from mtl_tf.training.metrics import tracked_metrics
from mtl_tf.training.step_loss import StepLoss
from mtl_tf.training.tag_loss import TagLoss
from mtl_tf.training.teaching import Teaching

FEWEST_MEANS = 10  # so many times as long as the mean of the weights reaches back training has to be


def compile_model(model: keras.Model, config: RunConfig, fold: FoldData, steps_per_epoch: int) -> keras.Model:
    """Compiles the model of a run, or the part of it that is trained.

    Args:
        model: of `build_run_model`, or of `features_model`.
        config: of the run.
        fold: for its tasks and their weights.
        steps_per_epoch: batches of an epoch.
    """
    options = config.training
    losses = {name: _loss_of(task, options, fold.class_weights[name]) for name, task in fold.tasks.items()}
    balancing = build_balancing(options.balancing, len(losses), config.seed, options.balancing_cap)
    measured = options.affinity_every is not None and len(losses) > 1
    balanced = measured or not isinstance(balancing, EqualWeighting)
    if balanced:
        if options.teachers:
            raise UserError(
                "training.teachers goes with training.balancing=equal and without training.affinity_every; "
                "leave one away"
            )
        model = BalancedModel(model.input, model.output)
        affinity = AffinityMeter(list(losses), options.affinity_every) if measured else None
        model.balance(balancing, losses, fold.task_weights, affinity)
    model.compile(
        optimizer=build_optimizer(options, steps_per_epoch),
        loss=losses,
        loss_weights=_label_weights(model, options, fold),
        weighted_metrics={
            name: tracked_metrics(task, prefix=f"{name}_" if len(fold.tasks) == 1 else "")
            for name, task in fold.tasks.items()
        },
        steps_per_execution=_largest_divisor(steps_per_epoch, options.steps_per_execution),
        jit_compile=options.jit_compile,
    )
    if balanced:
        if balancing.learned and options.average_weights:
            raise UserError(
                f"training.average_weights={options.average_weights} does not go with {options.balancing}, "
                "which learns beside the network; give training.average_weights=0"
            )
        if balancing.learned:
            model.optimizer.exclude_from_weight_decay(var_list=balancing.learned)
        model.optimizer.build([*model.trainable_variables, *balancing.learned])
    return model


def build_optimizer(options: TrainingConfig, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """Builds the optimizer with its learning-rate schedule, a function of the steps done and so safe to resume."""
    rate = options.learning_rate
    if options.learning_rate_schedule == "cosine":
        total, rising = options.epochs * steps_per_epoch, round(options.warmup_epochs * steps_per_epoch)
        if rising:
            rate = keras.optimizers.schedules.CosineDecay(
                0.0, max(total - rising, 1), warmup_target=rate, warmup_steps=rising
            )
        else:
            rate = keras.optimizers.schedules.CosineDecay(rate, total)
    values = {"learning_rate": rate, "weight_decay": options.weight_decay or None}
    values["global_clipnorm"] = options.clip_norm
    if options.average_weights:
        # The mean begins with the first weights, of which little may be left at the end of a short training.
        longest = 1.0 - FEWEST_MEANS / max(options.epochs * steps_per_epoch, FEWEST_MEANS)
        values |= {"use_ema": True, "ema_momentum": min(options.average_weights, longest)}
    if options.optimizer == "adamw" and not options.weight_decay:
        del values["weight_decay"]
    if options.optimizer == "sgd":
        values["momentum"] = options.momentum
    return keras.optimizers.get({"class_name": options.optimizer, "config": values})


def _label_weights(model: keras.Model, options: TrainingConfig, fold: FoldData) -> dict[str, float]:
    """What the labels of each task weigh: less where teachers answer beside them."""
    taught = next((layer.tasks for layer in model.layers if isinstance(layer, Teaching)), {})
    left = 1.0 - options.teachers_share
    return {name: weight * (left if name in taught else 1.0) for name, weight in fold.task_weights.items()}


def _loss_of(task: Task, options: TrainingConfig, class_weights: Sequence[float] | None) -> keras.losses.Loss:
    if not task.exclusive:
        return TagLoss(options.reduction, class_weights, options.focal_loss)
    if task.of_frames:
        return StepLoss(options.reduction, class_weights)
    return TaskLoss(options.reduction, class_weights, options.label_smoothing)


def _largest_divisor(steps: int, limit: int) -> int:
    """Executions that do not divide an epoch would take batches of the next one."""
    return max(count for count in range(1, limit + 1) if steps % count == 0)
