"""What the benchmarks of models measure: the papers' models at the papers' sizes."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

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
        steps_per_execution: as in `TrainingConfig`.
        model: name of the trunk; None: that of the case.
        model_options: its arguments.
        frontend: name of the front end that gives such features.
        frontend_options: its arguments.
        clip_s: length of the clips it is given, in seconds.
    """

    batch_size: int
    features: tuple[int, ...]
    tasks: dict[str, int]
    optimizer: str
    frontend: str
    frontend_options: dict = field(default_factory=dict)
    clip_s: float = 3.0
    steps_per_execution: int = 1
    model: str | None = None
    model_options: dict = field(default_factory=dict)


CASES = {
    "gresnet": Case(
        batch_size=32,
        features=(399, 257),
        tasks={"emotion": 8, "vocal_channel": 2},
        optimizer="adam",
        frontend="spectrogram",
        frontend_options={
            "sample_rate": 48000,
            "n_fft": 512,
            "hop_length": 256,
            "window": "hamming",
            "output": "db",
            "num_frames": 399,
            "fit": "resize",
        },
    ),
    "fu2020": Case(
        batch_size=64,
        features=(256, 128),
        tasks={"emotion": 7, "speaker": 4},
        optimizer="rmsprop",
        frontend="log_mel",
        frontend_options={
            "sample_rate": 16000,
            "num_mel_bins": 128,
            "n_fft": 800,
            "hop_length": 400,
            "num_frames": 256,
            "padding_value": -1.0,
        },
    ),
    "cab_cnn": Case(
        batch_size=16,
        features=(40_000, 1),
        tasks={"accent": 3},
        optimizer="adam",
        frontend="envelope",
        frontend_options={"sample_rate": 16000},
        clip_s=10.0,
    ),
    "shared_dnn": Case(
        batch_size=64,
        features=(1, 168),
        tasks={"speaker": 10, "emotion": 7, "stress": 2, "scene": 15},
        optimizer="sgd",
        frontend="filter_bank_summary",
        frontend_options={
            "sample_rate": 8000,
            "n_fft": 1024,
            "win_length": 240,
            "hop_length": 80,
            "num_mel_bins": 24,
            "center": False,
            "top_db": None,
        },
        steps_per_execution=50,
    ),
}


_STFT = {"sample_rate": 16000, "n_fft": 512, "hop_length": 160}
FRONTENDS = {name: (case.frontend, case.frontend_options) for name, case in CASES.items()} | {
    "alexnet": ("picture", _STFT | {"size": 256}),
    "vgg11": ("picture", _STFT | {"size": 224}),
    "resnet18": ("picture", _STFT | {"size": 224}),
    "attention_cnn": ("picture", _STFT | {"size": 256, "color_map": None}),
    "mel_cnn": ("log_mel", _STFT | {"num_mel_bins": 64}),
}
"""Front end and its arguments of every model of a paper, those that papers compare with among them."""


def _picture_case(name: str, side: int, channels: int) -> Case:
    shape, (frontend, options) = (side, side, channels), FRONTENDS[name]
    return Case(PICTURES, shape, {"accent": 3}, "sgd", frontend, options)


COMPARED = CASES | {
    "gresnet_residual": replace(CASES["gresnet"], model="gresnet", model_options={"block": "residual"}),
    "gresnet_plain": replace(CASES["gresnet"], model="gresnet", model_options={"block": "plain"}),
    "alexnet": _picture_case("alexnet", 256, 3),
    "vgg11": _picture_case("vgg11", 224, 3),
    "resnet18": _picture_case("resnet18", 224, 3),
    "attention_cnn": _picture_case("attention_cnn", 256, 1),
    "mel_cnn": Case(32, (300, 64), {"emotion": 8, "speaker": 24}, "adam", *FRONTENDS["mel_cnn"]),
}
"""The papers' models and those that they compare with, the latter on few pictures, since they are large."""


def check_names(models: list[str], known: Iterable[str] = tuple(CASES)) -> None:
    """Raises a UserError if one of the models is not known."""
    unknown = set(models) - set(known)
    if unknown:
        raise UserError(f"no benchmark of {', '.join(sorted(unknown))}; there are {', '.join(known)}")


def build_tasks(case: Case) -> dict:
    """Returns the tasks of a case, their classes named by number."""
    from mtl_tf.tasks import Task

    return {name: Task(name, tuple(str(index) for index in range(count))) for name, count in case.tasks.items()}


def build_optimizer(case: Case):
    """Returns the Keras optimizer of a case."""
    import keras

    return keras.optimizers.get({"class_name": case.optimizer, "config": {"learning_rate": LEARNING_RATE}})
