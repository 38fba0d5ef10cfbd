"""What the benchmarks of models measure: the papers' models at the papers' sizes."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from mtl_tf.config_files import shipped_options
from mtl_tf.errors import UserError

LEARNING_RATE = 1e-4
PICTURES = 16  # clips of a batch of pictures, of the papers' 48


@dataclass(frozen=True)
class Case:
    """One model at the size of its paper.

    Attributes:
        batch_size: clips.
        features: shape of one clip's features.
        tasks: number of classes of each task.
        optimizer: of the paper, by Keras's name.
        frontend_choice: file in `configs/frontend` of the front end that gives such features.
        changes: to its keys.
        clip_s: length of the clips it is given, in seconds.
        steps_per_execution: as in `TrainingConfig`.
        model: name of the trunk; None: that of the case.
        model_options: its arguments.
    """

    batch_size: int
    features: tuple[int, ...]
    tasks: dict[str, int]
    optimizer: str
    frontend_choice: str
    changes: dict = field(default_factory=dict)
    clip_s: float = 3.0
    steps_per_execution: int = 1
    model: str | None = None
    model_options: dict = field(default_factory=dict)

    @property
    def frontend(self) -> str:
        """Name of the front end."""
        return shipped_options("frontend", self.frontend_choice)["name"]

    @property
    def frontend_options(self) -> dict:
        """Arguments of the front end, as shipped but for the changes."""
        options = shipped_options("frontend", self.frontend_choice) | self.changes
        return {key: value for key, value in options.items() if key != "name"}


CASES = {
    "gresnet": Case(32, (399, 257), {"emotion": 8, "vocal_channel": 2}, "adam", "zeng2018_spectrogram"),
    "fu2020": Case(64, (256, 128), {"emotion": 7, "speaker": 4}, "rmsprop", "fu2020_log_mel"),
    "cab_cnn": Case(16, (40_000, 1), {"accent": 3}, "adam", "envelope", clip_s=10.0),
    "shared_dnn": Case(
        64,
        (1, 168),
        {"speaker": 10, "emotion": 7, "stress": 2, "scene": 15},
        "sgd",
        "filter_bank_summary",
        steps_per_execution=50,
    ),
}


def _picture_case(side: int, channels: int) -> Case:
    changes = {"size": side} | ({"color_map": None} if channels == 1 else {})
    return Case(PICTURES, (side, side, channels), {"accent": 3}, "sgd", "picture", changes)


COMPARED = CASES | {
    "gresnet_residual": replace(CASES["gresnet"], model="gresnet", model_options={"block": "residual"}),
    "gresnet_plain": replace(CASES["gresnet"], model="gresnet", model_options={"block": "plain"}),
    "alexnet": _picture_case(256, 3),
    "vgg11": _picture_case(224, 3),
    "resnet18": _picture_case(224, 3),
    "attention_cnn": _picture_case(256, 1),
    "compact_cnn": Case(16, (240, 64), {"emotion": 8, "speaker": 24}, "adam", "log_mel", clip_s=2.4),
    "residual_cnn": Case(16, (240, 64), {"emotion": 8, "speaker": 24}, "adam", "log_mel", clip_s=2.4),
    "mel_cnn": Case(32, (300, 64), {"emotion": 8, "speaker": 24}, "adam", "log_mel"),
}
"""The papers' models, those that they compare with, the latter on few pictures, since they are large, and our own."""

MODELS = tuple(name for name, case in COMPARED.items() if case.model is None)
"""The models, each once."""


def check_names(models: list[str], known: Iterable[str] = tuple(CASES)) -> None:
    """Raises a UserError if one of the models is not known."""
    unknown = set(models) - set(known)
    if unknown:
        raise UserError(f"no benchmark of {', '.join(sorted(unknown))}; there are {', '.join(known)}")


def build_tasks(case: Case) -> dict:
    """Returns the tasks of a case, their classes named by number."""
    from mtl_tf.tasks.task import Task

    return {name: Task(name, tuple(str(index) for index in range(count))) for name, count in case.tasks.items()}


def build_optimizer(case: Case):
    """Returns the Keras optimizer of a case."""
    import keras

    return keras.optimizers.get({"class_name": case.optimizer, "config": {"learning_rate": LEARNING_RATE}})
