"""Lists keys with their meaning, for `--help`."""

import re
import textwrap
import typing
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from mtl_tf.config import CorpusConfig, LabelsConfig, RunConfig, StudyConfig, TaskConfig
from mtl_tf.config_files import CONFIG_DIR, SEVERAL, choices, file_of, read_keys
from mtl_tf.values import as_typed

WIDTH = 120
OF_FILES = ("frontend", "model", "augment")  # groups whose files have keys of their own
SECTIONS: dict[str, type[BaseModel]] = {"corpora": CorpusConfig, "tasks": TaskConfig} | {
    name: field.annotation
    for name, field in RunConfig.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel) and name not in OF_FILES
}
SIMPLE = [name for name in RunConfig.model_fields if name not in (*SECTIONS, *OF_FILES, "published")]


def prefix(section: str) -> str:
    """Returns what stands before the keys of a section."""
    return f"{section}.NAME." if section in ("corpora", "tasks") else f"{section}."


def wrapped(lines: list[str]) -> str:
    """Breaks long lines; what follows is set in."""
    found = []
    for line in "\n".join(lines).splitlines():
        indent = " " * (len(line) - len(line.lstrip()) or len("  experiment  "))
        indent = " " * len("  experiment  ") if re.match(r"  [a-z]+  ", line) else indent
        found += textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_on_hyphens=False) or [""]
    return "\n".join(found)


def keys_of_section(
    section: type[BaseModel], before: str, values: dict | None = None, only: Sequence[str] | None = None
) -> list[str]:
    """Lists the keys of a section, or some of them.

    Args:
        section: of the schema.
        before: what stands before each key.
        values: of the keys; None: the defaults.
        only: which of the keys; None: all.
    """
    lines = []
    for name, field in section.model_fields.items():
        if only is not None and name not in only:
            continue
        value = (values or {}).get(name)
        nested = {"corpora": CorpusConfig, "tasks": TaskConfig, "labels": LabelsConfig}.get(name)
        if nested is not None and section is not StudyConfig:
            for key, entry in (value or {"NAME": None}).items():
                lines += keys_of_section(nested, f"{before}{name}.{key}.", entry)
        elif name == "split" and section is CorpusConfig:
            lines.append(f"  {before}split.KEY\n      {field.description}; KEY as in split.KEY")
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            lines += keys_of_section(field.annotation, f"{before}{name}.", value)
        else:
            if values is None and not field.is_required():
                value = field.get_default(call_default_factory=True)
            shown = "" if values is None and field.is_required() else f"={as_typed(value)}"
            taken = _choices_of(field.annotation)
            known = f" (one of {', '.join(taken)})" if taken else ""
            lines.append(f"  {before}{name}{shown}\n      {field.description}{known}")
    return lines


def _choices_of(kind: object) -> list[str]:
    """Lists the values of a key that takes one of a few."""
    if typing.get_origin(kind) is typing.Literal:
        return [as_typed(value) for value in typing.get_args(kind)]
    return [value for part in typing.get_args(kind) for value in _choices_of(part)]


def keys_of_file(group: str, name: str, values: dict, dirs: Sequence[Path] | None = None) -> list[str]:
    """Lists the keys of a choice, below what it is, as the comments of its file say.

    A user's file need not have all keys of the layer that it names; the others are listed as the shipped file of that
    layer has them.

    Args:
        group: one of `OF_FILES`.
        name: of the choice.
        values: of its keys; those that are missing are as in its file.
        dirs: folders, see `mtl_tf.config_files.config_dirs`.

    Raises:
        UserError: the file is no YAML with keys.
    """
    place = f"{group}.{name}" if group in SEVERAL else group
    about, found, comments = _read(file_of(group, name, dirs))
    layer = str(found.get("name", name))
    if layer != name and layer in choices(group, [CONFIG_DIR]):
        _, shipped, others = _read(file_of(group, layer, [CONFIG_DIR]))
        found, comments = shipped | found, others | comments
    return [f"      {line}" for line in about] + [
        f"  {place}.{key}={as_typed(values.get(key, value))}" + (f"\n      {comments[key]}" if key in comments else "")
        for key, value in found.items()
        if key != "name"
    ]


def _read(path: Path) -> tuple[list[str], dict, dict[str, str]]:
    """Reads what a file says of itself, its keys, and what it says of each."""
    found, lines = read_keys(path), path.read_text(encoding="utf-8").splitlines()
    about = [line[2:] for line in lines if line.startswith("# ") and not line.startswith("# @")]
    matches = filter(None, (re.match(r"^(\w+):.*?\s#\s*(.*)$", line) for line in lines))
    return about, found, {match[1]: match[2] for match in matches}
