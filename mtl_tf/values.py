"""Reads arguments and values as a user typed them, where no configuration is composed."""

import os
from collections.abc import Sequence

import yaml

from mtl_tf.errors import UserError, nearest_hint


def positive_number(key: str, text: str) -> float:
    """Reads a number above 0.

    Raises:
        UserError: it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise UserError(f"{key}={text}: give a number above 0")
    return value


def as_typed(value: object) -> str:
    """Writes a value as a user would type it.

    >>> as_typed([1, "a", None]), as_typed(1e-5), as_typed(True)
    ('[1, a, null]', '1.0e-05', 'true')
    """
    return yaml.safe_dump(value, default_flow_style=True, width=float("inf")).removesuffix("...\n").strip()


def read_arguments(
    arguments: Sequence[str], known: Sequence[str], files: bool = False, flags: Sequence[str] = ()
) -> tuple[dict, list[str]]:
    """Reads `key=value` arguments, also typed `--key value`, of the scripts that take no configuration.

    Args:
        arguments: as typed.
        known: the keys this script takes.
        files: whether further words are files.
        flags: keys without a value, given as `--key`.

    Returns:
        The keys with their values, and the files.

    Raises:
        UserError: an unknown key, one without its value or given twice, or a word that is neither key nor file.
    """
    values, words, waiting = {}, [], list(arguments)
    while waiting:
        argument = waiting.pop(0)
        key, separator, value = argument.removeprefix("--").partition("=")
        if key in values and key in known and (separator or argument.startswith("--")):
            raise UserError(f"{key} is given twice; give it once")
        if argument.startswith("--") and key in flags and not separator:
            values[key] = ""
        elif argument.startswith("--") and key in known and not separator:
            if not waiting:
                raise UserError(f"{argument} needs a value")
            values[key] = _expanded(waiting.pop(0))
        elif separator and key in known and value:
            values[key] = _expanded(value)
        elif files and not argument.startswith("--") and (not separator or os.path.exists(argument)):  # noqa: PTH110
            words.append(argument)
        elif key in known:
            raise UserError(f"{key} needs a value: {key}=VALUE")
        else:
            hint = nearest_hint(key, [*known, *flags])
            if not separator and not argument.startswith("-") and hint.startswith(" Known"):
                hint = f" Did you mean {known[0]}={argument}?"
            raise UserError(f"unknown argument {argument}.{hint}")
    return values, words


def refuse_words(arguments: Sequence[str]) -> None:
    """Refuses words before `--help` of a script whose help is one page.

    Raises:
        UserError: says whose help takes them.
    """
    for word in arguments:
        if "=" not in word and word[:1] not in "~-":
            raise UserError(f"{word} --help: give --help alone; scripts/train.py {word} --help lists keys of a run")


def _expanded(value: str) -> str:
    """Replaces `~` by the home folder, which shells do not behind `key=`."""
    return os.path.expanduser(value) if value.startswith("~") else value  # noqa: PTH111
