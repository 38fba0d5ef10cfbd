"""Options that are set and change nothing."""

from collections.abc import Sequence

from mtl_tf.augment.augmentation import Augmentation
from mtl_tf.augment.mixing import Mixing
from mtl_tf.config import RunConfig
from mtl_tf.frontends.frontend import FrontEnd


def without_effect(
    config: RunConfig, frontend: FrontEnd, augmentations: Sequence[Augmentation | Mixing], longest_s: float
) -> list[str]:
    """Finds options of a run that are set and change nothing.

    Args:
        config: of the run.
        frontend: of the run.
        augmentations: layers of the run.
        longest_s: length of the longest clip, in seconds.

    Returns:
        A sentence on each.
    """
    training, window_s = config.training, config.pipeline.window_s
    tasks = config.trained_tasks.values()
    reasons = {}
    if training.label_smoothing and not any(task.exclusive and not task.of_frames for task in tasks):
        reasons["training.label_smoothing"] = "no task asks for one class of a clip"
    if training.focal_loss and all(task.exclusive for task in tasks):
        reasons["training.focal_loss"] = "no task has tags"
    if training.warmup_epochs and training.learning_rate_schedule == "constant":
        reasons["training.warmup_epochs"] = "training.learning_rate_schedule is constant; cosine has a warm-up"
    if training.momentum and training.optimizer != "sgd":
        reasons["training.momentum"] = f"training.optimizer is {training.optimizer}; sgd has a momentum"
    if window_s is not None and window_s >= longest_s:
        reasons["pipeline.window_s"] = f"no clip is longer than {longest_s:.3g} s"
    for layer in augmentations:
        if isinstance(layer, Augmentation):
            name = layer.name.removeprefix("augment_")
            reasons |= {f"augment.{name}.{key}": why for key, why in layer.idle_options(frontend).items()}
    return [f"{key} has no effect: {why}" for key, why in reasons.items()]
