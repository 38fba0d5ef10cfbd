"""Puts a front end, a trunk and one head per task together."""

import math
from collections.abc import Mapping, Sequence

import keras

from mtl_tf.augment.augmentation import Augmentation
from mtl_tf.augment.mixing import Doubled, Mixing
from mtl_tf.augment.moves import AtFirstTimes
from mtl_tf.config import TaskConfig
from mtl_tf.construct import UNFIT, construct
from mtl_tf.errors import UserError
from mtl_tf.frontends.frontend import FrontEnd
from mtl_tf.models.alexnet import AlexNet
from mtl_tf.models.attention_cnn import AttentionCNN
from mtl_tf.models.branched_cnn import BranchedCNN
from mtl_tf.models.cab_cnn import CABCNN
from mtl_tf.models.compact_cnn import CompactCNN
from mtl_tf.models.crnn import CRNN
from mtl_tf.models.ensemble import networks_of
from mtl_tf.models.fu2020 import AttentionCNNBLSTM
from mtl_tf.models.gresnet import GResNet
from mtl_tf.models.heads import classification_head
from mtl_tf.models.mel_cnn import MelCNN
from mtl_tf.models.residual_cnn import ResidualCNN
from mtl_tf.models.resnet18 import ResNet18
from mtl_tf.models.shared_dnn import SharedDNN
from mtl_tf.models.steps import model_steps
from mtl_tf.models.svm import SupportVectors
from mtl_tf.models.vgg11 import VGG11
from mtl_tf.models.voice_cnn import VoiceCNN
from mtl_tf.models.windows import MeanOfWindows, SplitWindows
from mtl_tf.tasks.task import Task

STATISTICS = ("mean", "deviation")
TRUNKS = {
    "compact_cnn": CompactCNN,
    "residual_cnn": ResidualCNN,
    "voice_cnn": VoiceCNN,
    "branched_cnn": BranchedCNN,
    "gresnet": GResNet,
    "cab_cnn": CABCNN,
    "fu2020": AttentionCNNBLSTM,
    "shared_dnn": SharedDNN,
    "mel_cnn": MelCNN,
    "crnn": CRNN,
    "alexnet": AlexNet,
    "vgg11": VGG11,
    "resnet18": ResNet18,
    "attention_cnn": AttentionCNN,
    "svm": SupportVectors,
}


def build_trunk(name: str, options: dict) -> keras.layers.Layer:
    """Builds the trunk of a configuration.

    Args:
        name: the module's name.
        options: constructor arguments, as in `configs/model/NAME.yaml`.

    Raises:
        UserError: an unknown name, a value of a wrong type, or values that do not go together.
    """
    return construct("model", TRUNKS, name, options, "trunk")


def build_model(
    frontend: FrontEnd,
    trunk: keras.layers.Layer,
    tasks: dict[str, Task],
    augmentations: Sequence[Augmentation | Mixing] = (),
    teaching: keras.layers.Layer | None = None,
    windows: SplitWindows | None = None,
) -> keras.Model:
    """Builds the functional model.

    Args:
        frontend: float (batch, samples) to (batch, frames, bins) and a mask (batch, frames).
        trunk: (batch, frames, bins) and mask to (batch, channels); or to what its own `attach_heads` takes.
        tasks: one named output each.
        augmentations: of a model to be trained, in order: before the front end or behind it. Where clips are mixed the
            model has two inputs more, `partner`, int32 (batch,), and `share`, float32 (batch,), and answers twice as
            many rows, for the labels of the clips and of their partners; without partners it answers as ever.
        teaching: of a model to be trained: takes the answers about whole clips, features and mask, and returns the
            answers.
        windows: cuts a clip, but in training; the answer to a clip is the mean of those to its windows.

    Returns:
        `keras.Model({"waveform", "length"}, {task name: probabilities})`: float32 (batch, samples) of any number and
        int32 (batch,), how many samples of each clip count, None for all, to float32 (batch, classes) for every task,
        or (batch, steps, classes) for those that ask every step; what steps of padding hold means nothing. With a front
        end that takes the statistics of groups of clips there are two inputs more, `mean` and `deviation`, float32
        (batch, bins) or None.

    Raises:
        UserError: the front end's output is not what the trunk takes, the trunk's options cannot be built, or its
            heads answer with one class where a task has tags; or see `check_parts` and `check_augmentations`.
    """
    check_augmentations(frontend, tasks, augmentations)
    of_clips = {name: task for name, task in tasks.items() if not task.of_frames}
    of_frames = {name: task for name, task in tasks.items() if task.of_frames}
    tags = [name for name, task in of_clips.items() if not task.exclusive]
    if tags and getattr(trunk, "one_class_only", False):
        raise UserError(f"task {tags[0]} has tags, and this model answers with one class alone; give another model=")
    check_parts(frontend, trunk, tasks, windows)
    if frontend.holds_summary:
        trunk.num_mel_bins = frontend.num_mel_bins
    if of_frames:
        model_steps(frontend, trunk)  # says what is wrong where there are none
        trunk.return_steps = True
    waveform = keras.Input((None,), name="waveform", dtype="float32")
    length = keras.Input((), name="length", dtype="int32", optional=True)
    inputs: dict = {"waveform": waveform, "length": length}
    if frontend.takes_statistics:
        for name in STATISTICS:
            inputs[name] = keras.Input((frontend.num_bins,), name=name, dtype="float32", optional=True)
    statistics = [inputs[name] for name in STATISTICS if name in inputs]
    mixing = next((layer for layer in augmentations if isinstance(layer, Mixing)), None)
    if mixing is not None:
        inputs["partner"] = keras.Input((), name="partner", dtype="int32", optional=True)
        inputs["share"] = keras.Input((), name="share", dtype="float32", optional=True)
    before = [layer for layer in augmentations if not layer.on_features]
    waveform, length, _ = _augment(before, waveform, length, inputs)
    behind = [layer for layer in augmentations if layer.on_features]
    for layer in behind:
        if layer.moves_time and of_frames:
            layer.keeps_all = True  # the end of a clip that was cut off would answer nothing
    features, mask, moves = _augment(behind, *frontend(waveform, length, *statistics), inputs)
    attach = getattr(trunk, "attach_heads", dense_heads)
    try:
        heard = (features, mask) if windows is None else windows(features, mask)
        embedding = trunk(heard[0], frame_mask=heard[1])
        embedding, steps = (embedding[0], embedding[1]) if of_frames else (embedding, None)
        heads = attach(embedding, of_clips) if of_clips else {}
        if windows is not None:
            heads = {name: MeanOfWindows(name=f"{name}_of_clip")(head, heard[2]) for name, head in heads.items()}
        heads = heads if teaching is None else teaching(heads, features, mask)
        heads |= dense_heads(steps, of_frames)
        others: dict = {}
        if moves:
            moved = moves[0] if len(moves) == 1 else keras.layers.Concatenate(axis=1, name="moves")(moves)
            for name in of_frames:
                in_time = AtFirstTimes(trunk.step_frames, trunk.first_step_frame, name=f"{name}_in_time")
                # Waveforms are mixed before anything is moved, so both sounds of a mixture move alike.
                if "partner" in inputs and mixing.on_features:
                    others[name] = in_time(heads[name], moved, inputs["partner"])
                heads[name] = in_time(heads[name], moved)
        if "partner" in inputs:
            heads = {
                name: Doubled(name=f"{name}_twice")(head, inputs["partner"], others.get(name))
                for name, head in heads.items()
            }
        return keras.Model(inputs, {name: heads[name] for name in tasks})
    except UNFIT as error:
        reason = " ".join(str(error).split())
        raise UserError(f"this model cannot be built on the features of this front end: {reason}") from error


def check_parts(
    frontend: FrontEnd, trunk: keras.layers.Layer, tasks: Mapping[str, Task | TaskConfig], windows: SplitWindows | None
) -> None:
    """Refuses a front end, a trunk, tasks and windows that do not go together.

    Raises:
        UserError: one of front end and trunk is for a summary beside a spectrogram and the other is not; or a task asks
            every step, and clips are cut.
    """
    if getattr(trunk, "needs_summary", False) != frontend.holds_summary:
        raise UserError("model=voice_cnn and frontend=mel_and_voice are for each other; choose both, or neither")
    of_frames = [name for name, task in tasks.items() if task.of_frames]
    if of_frames and windows is not None:
        raise UserError(f"task {of_frames[0]} asks every step, and pipeline.window_s cuts clips; leave it away")


def check_augmentations(
    frontend: FrontEnd, tasks: Mapping[str, Task | TaskConfig], augmentations: Sequence[Augmentation | Mixing]
) -> None:
    """Refuses ways of changing clips that do not go with a front end or a task.

    Raises:
        UserError: clips are cut where a task asks every step, or their course in time is used where there is none.
    """
    of_frames = [name for name, task in tasks.items() if task.of_frames]
    for layer in augmentations:
        name = layer.name.removeprefix("augment_")
        if of_frames and getattr(layer, "one_answer", False):
            raise UserError(
                f"task {of_frames[0]} asks every step, and augment={name} goes with answers for whole clips alone; "
                "choose mix_features or mix_waveforms"
            )
        if layer.needs_frames and frontend.makes_one_frame:
            raise UserError(f"augment={name} needs a course in time, and this front end makes one frame of a clip")
        if layer.needs_spectrogram and frontend.holds_summary:
            raise UserError(
                f"augment={name} is for spectrograms, and frames of this front end hold a summary of the clip, too; "
                "choose one that changes the waveform, warp or mix_features"
            )


def _augment(layers: Sequence[Augmentation | Mixing], values, valid, inputs: dict) -> tuple:
    """Returns values, what of them is valid, and where sounds were moved, in order."""
    moves = []
    for layer in layers:
        if isinstance(layer, Mixing):
            values, valid = layer(values, valid, inputs["partner"], inputs["share"])
        elif layer.moves_time:
            values, valid, moved = layer(values, valid)
            moves.append(moved)
        else:
            values = layer(values, valid)
    return values, valid, moves


def dense_heads(embedding, tasks: dict[str, Task]) -> dict:
    """Puts one dense layer per task on an embedding, or on every step.

    Args:
        embedding: symbolic tensor (batch, channels) or (batch, steps, channels).
        tasks: one head each.

    Returns:
        Task to symbolic probabilities (batch, classes) or (batch, steps, classes).
    """
    return {name: classification_head(task)(embedding) for name, task in tasks.items()}


def without_augmentations(trained: keras.Model, plain: keras.Model) -> keras.Model:
    """Gives a model without augmentations the weights of one that was trained with them.

    Args:
        trained: of `build_model` with augmentations.
        plain: of `build_model` without, of the same layers else.

    Returns:
        The second.
    """
    for layer in plain.layers:
        for variable, own in zip(layer.variables, trained.get_layer(layer.name).variables, strict=True):
            variable.assign(own)
    return plain


def answer(model: keras.Model, waveform, length=None, training: bool = False, mean=None, deviation=None) -> dict:
    """Asks a model of `build_model`.

    Args:
        model: of `build_model`, or one with its inputs.
        waveform: float32 (batch, samples).
        length: int32 (batch,), how many samples of each clip count; None: all.
        training: drop values and the like.
        mean: float32 (batch, bins), of the group of each clip, where the front end takes it; None: of training clips.
        deviation: float32 (batch, bins), None where mean is.

    Returns:
        Task to probabilities (batch, classes).
    """
    given = {"waveform": waveform, "length": length, "mean": mean, "deviation": deviation}
    return model({name: given.get(name) for name in model.input}, training=training)


def count_parameters(model: keras.Model) -> int:
    """Counts the weights of trunk, heads and learned filters; statistics of the front end are none of the network's."""
    variables = [
        variable
        for network in networks_of(model)
        for layer in network.layers
        if not isinstance(layer, keras.Model)
        for variable in (layer.trainable_variables if isinstance(layer, FrontEnd) else layer.weights)
    ]
    return sum(math.prod(variable.shape) for variable in variables)
