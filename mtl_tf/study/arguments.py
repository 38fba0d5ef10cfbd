"""Reads the command line of a study: its own keys, those of the runs, and lists of values to compare."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from mtl_tf.config import StudyConfig
from mtl_tf.errors import UserError
from mtl_tf.overrides import read_override, takes_list


@dataclass(frozen=True)
class StudyArguments:
    """What was typed.

    Attributes:
        runs: arguments that all cells have.
        settings: what they differ in, `()` where that is nothing.
        parent: folder of all studies.
        resume: whether to carry on.
    """

    runs: tuple[str, ...]
    settings: tuple[tuple[str, ...], ...]
    parent: Path
    resume: bool


def read_study(arguments: Sequence[str]) -> StudyArguments:
    """Sorts the arguments.

    Args:
        arguments: `seeds=3` stands for `study.seeds=3`, and so for all keys of a study. A value with commas that
            belongs to a key of one value, as `model=crnn,gresnet`, is a list of values to compare. Where such lists are
            given and no `sets=` or `tasks=`, all tasks are learned together in every cell, and the values are compared.

    Raises:
        UserError: an argument that is none, or a value of `resume` that is none.
    """
    runs, lists, own = [], [], {"study_dir": "studies", "resume": "true"}
    for argument in arguments:
        override = read_override(argument)
        key, text = override.key, override.text
        if key in own and not override.removes:
            own[key] = text
        elif key in StudyConfig.model_fields:
            runs.append(f"{'~' * override.removes}study.{key}" + ("" if override.removes else f"={text}"))
        elif not override.removes and not key.startswith("study.") and not takes_list(key) and len(_split(text)) > 1:
            lists.append([f"{key}={value}" for value in _split(text)])
        else:
            runs.append(argument)
    if own["resume"] not in ("true", "false"):
        raise UserError(f"resume={own['resume']}: give true or false")
    if lists and not any(text.startswith(("study.sets=", "study.tasks=", "study.groups=")) for text in runs):
        runs.append("study.sets=[all]")
        if not any(text.startswith("study.controls=") for text in runs):
            runs.append("study.controls=[]")
    parent = Path(own["study_dir"]).expanduser()
    return StudyArguments(tuple(runs), tuple(product(*lists)), parent, own["resume"] == "true")


def _split(text: str) -> list[str]:
    """Splits at commas outside brackets and quotes."""
    parts, depth, quote, begin = [], 0, "", 0
    for place, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "[{":
            depth += 1
        elif letter in "]}":
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append(text[begin:place])
            begin = place + 1
    return [part.strip() for part in [*parts, text[begin:]]]
