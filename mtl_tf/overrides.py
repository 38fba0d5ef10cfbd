"""Reads `key=value` as typed: text stays what was typed, everything else is YAML."""

import os
import re
import types
import typing
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import BaseModel

from mtl_tf.config import RunConfig
from mtl_tf.config_files import SEVERAL
from mtl_tf.errors import UserError, nearest_hint

FOLDERS = ("data_root", "prepared_dir", "runs_dir")


@dataclass(frozen=True)
class Override:
    """One argument.

    Attributes:
        key: such as `training.epochs`.
        text: the value as typed.
        removes: whether the argument was `~key`, which takes the experiment's value away.
    """

    key: str
    text: str
    removes: bool = False


def read_override(argument: str) -> Override:
    """Splits `key=value`, `+key=value` or `~key`.

    Raises:
        UserError: it is none of them.
    """
    if argument.startswith("-"):
        raise UserError(
            f"{argument}: keys are given as key=value, without dashes, and there is no option but --help; to try "
            "several values: scripts/compare.py experiment=NAME training.learning_rate=0.001,0.002"
        )
    if argument.startswith("~"):
        return Override(argument[1:].partition("=")[0], "", removes=True)
    key, separator, text = argument.partition("=")
    if not separator or not key:
        raise UserError(f"'{argument}' is not of the form key=value, as experiment=NAME is")
    return Override(key.lstrip("+"), text)


def typed_value(key: str, text: str) -> Any:
    """Turns a typed value into what the key takes.

    Args:
        key: such as `split.test_groups`.
        text: as typed. Where the schema wants text, it is taken as it stands, also in lists and mappings: `01` is no
            number, and a folder may be called `it's [1] #2`.

    Returns:
        Text, numbers, lists and mappings, for the schema to check.

    Raises:
        UserError: brackets or quotes that do not match.

    >>> typed_value("split.test_groups", "[01, 13]"), typed_value("data_root", "/My Audio (2)"), typed_value("seed",
    "3") (['01', '13'], '/My Audio (2)', 3)
    """
    kind = _kind_of(key)
    optional = type(None) in typing.get_args(kind)
    if optional and text == "null":
        return None
    wants_text = kind is not None and _leaves(kind) <= {str}
    if wants_text and not _holds(kind, (list, dict)):
        value = _unquoted(text)
        return os.path.expanduser(value) if key in FOLDERS else value  # noqa: PTH111 for names that no user has
    if wants_text and "[" not in text and "{" not in text and _holds(kind, (list,)):
        return [_unquoted(part.strip()) for part in text.split(",")] if text.strip() else []
    _check_brackets(key, text)
    spaced = re.sub(r":(?=[^\s:/])", ": ", text) if text.strip().startswith("{") else text
    try:
        return yaml.load(spaced, yaml.BaseLoader if wants_text else yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise UserError(f"{key}={text}: brackets or quotes do not match, or a character needs quotes") from error


def takes_list(key: str) -> bool:
    """Says whether a key takes several values, so that a comma in what is typed parts these.

    >>> takes_list("split.test_groups"), takes_list("training.epochs")
    (True, False)
    """
    return key in SEVERAL or _holds(_kind_of(key), (list, tuple, dict))


def _check_brackets(key: str, text: str) -> None:
    """Refuses a list or mapping that is opened and not closed, or the other way round, outside quotes.

    Raises:
        UserError: brackets do not match.
    """
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", text)
    if bare.count("[") != bare.count("]") or bare.count("{") != bare.count("}"):
        raise UserError(f"{key}={text}: brackets do not match")


def set_value(values: dict, key: str, value: Any) -> None:
    """Puts a value into nested mappings; a mapping is merged into one that is there, an empty one clears it.

    Raises:
        UserError: the key goes through something that is no section.
    """
    *path, last = key.split(".")
    for part in path:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise UserError(f"cannot read the configuration: {key}: {part} is a value and has no keys")
    if isinstance(value, dict) and value and isinstance(values.get(last), dict):
        values[last] = values[last] | value
    else:
        values[last] = value


def remove_value(values: dict, key: str) -> None:
    """Takes a key out of nested mappings, so that its default holds.

    Raises:
        UserError: it is not there.
    """
    *path, last = key.split(".")
    for part in path:
        values = values.get(part, {}) if isinstance(values, dict) else {}
    if not isinstance(values, dict) or last not in values:
        known = [".".join([*path, name]) for name in values] if isinstance(values, dict) else []
        raise UserError(
            f"~{key}: neither the experiment nor a group sets it." + (nearest_hint(key, known) if known else "")
        )
    del values[last]


def _kind_of(key: str) -> Any:
    """Finds the type that the schema gives a key; None where it has none, as for the keys of a front end or model."""
    kind: Any = RunConfig
    for part in key.split("."):
        options = [kind] if typing.get_origin(kind) is dict else [kind, *typing.get_args(kind)]
        kind = next((inner for option in options if (inner := _inside(option, part)) is not None), None)
        if kind is None:
            return None
    return kind


def _inside(kind: Any, part: str) -> Any:
    if typing.get_origin(kind) is dict:
        return typing.get_args(kind)[1]
    if isinstance(kind, type) and issubclass(kind, BaseModel) and part in kind.model_fields:
        return kind.model_fields[part].annotation
    return None


def _leaves(kind: Any) -> set:
    """Lists the types at the bottom of lists, mappings and choices; None does not count."""
    origin = typing.get_origin(kind)
    if origin is typing.Literal:
        return {type(value) for value in typing.get_args(kind)}
    if origin is typing.Annotated:
        return _leaves(typing.get_args(kind)[0])
    if origin in (list, dict, tuple, typing.Union, types.UnionType):
        return set().union(*(_leaves(part) for part in typing.get_args(kind) if part is not type(None)))
    return {kind}


def _holds(kind: Any, origins: tuple[type, ...]) -> bool:
    return any(typing.get_origin(part) in origins for part in (kind, *typing.get_args(kind)))


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
