"""The text of `--help`: groups, choices and keys with their meaning."""

import re
import textwrap
from collections.abc import Sequence

from pydantic import BaseModel

from mtl_tf.compose import compose
from mtl_tf.config import AuditConfig, CorpusConfig, LabelsConfig, RunConfig, StudyConfig, TaskConfig
from mtl_tf.config_files import GROUPS, choices, config_dirs, file_of
from mtl_tf.recipes import GROUP as RECIPE
from mtl_tf.values import as_typed

WIDTH = 120


def help_text(overrides: Sequence[str] = ()) -> str:
    """Lists groups, choices and keys with their meaning.

    Args:
        overrides: as `compose` takes them; where an experiment is among them, its keys are listed with their values,
            else all keys with their defaults.

    Raises:
        UserError: see `compose`.
    """
    lines = ["Groups (group=choice; corpus and task take lists, as in task=[emotion,speaker]):"]
    dirs = config_dirs(overrides)
    lines += [f"  {group:<11} {', '.join(_by_folder(choices(group, dirs)))}" for group in (*GROUPS, RECIPE)]
    lines += [
        "",
        "Files of your own for these groups: config_dir=DIR, or MTL_TF_CONFIG, names a folder that is searched first.",
    ]
    if any(override.startswith("experiment=") for override in overrides):
        config = compose(overrides)
        values = config.model_dump()
        for task in values["tasks"].values():
            task["labels"] = {corpus: labels for corpus, labels in task["labels"].items() if corpus in config.corpora}
        lines += ["", f"Keys (key=value), with their values in experiment={config.experiment}:"]
        lines += _keys(RunConfig, "", values)
        for group, name in (("frontend", config.frontend.name), ("model", config.model.name)):
            lines += ["", f"Keys of {group}={name}:", *_yaml_keys(group, name, config.options(group))]
        return _wrapped(lines)
    lines += ["", "Keys (key=value), with their defaults; experiment=NAME --help shows those of an experiment:"]
    lines += _keys(RunConfig, "")
    for group in ("frontend", "model"):
        for name in choices(group):
            lines += ["", f"Keys of {group}={name}:", *_yaml_keys(group, name, {})]
    return _wrapped(lines)


def audit_help_text(_: Sequence[str] = ()) -> str:
    """Lists the keys of the audit with their meaning."""
    return _wrapped(["Keys of the audit, with their defaults:", *_keys(AuditConfig, "audit.")])


def _by_folder(paths: dict[str, str]) -> list[str]:
    """Lists choices by name, those in folders (of papers) behind the others."""
    return sorted(paths, key=lambda name: ("/" in paths[name], name))


def _wrapped(lines: list[str]) -> str:
    wrapped = []
    for line in "\n".join(lines).splitlines():
        indent = " " * (len(line) - len(line.lstrip()) or len("  experiment  "))
        indent = " " * len("  experiment  ") if re.match(r"  [a-z]+  ", line) else indent
        wrapped += textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_on_hyphens=False) or [""]
    return "\n".join(wrapped)


def _keys(section: type[BaseModel], prefix: str, values: dict | None = None) -> list[str]:
    """Lists the keys of a section, with the given values or else the defaults."""
    lines = []
    for name, field in section.model_fields.items():
        value = (values or {}).get(name)
        nested = {"corpora": CorpusConfig, "tasks": TaskConfig, "labels": LabelsConfig}.get(name)
        if nested is not None and section is not StudyConfig:
            for key, entry in (value or {"NAME": None}).items():
                lines += _keys(nested, f"{prefix}{name}.{key}.", entry)
        elif name == "split" and section is CorpusConfig:
            lines.append(f"  {prefix}split.KEY\n      {field.description}; KEY as in split.KEY below")
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            lines += _keys(field.annotation, f"{prefix}{name}.", value)
        else:
            if values is None and not field.is_required():
                value = field.get_default(call_default_factory=True)
            shown = "" if values is None and field.is_required() else f"={as_typed(value)}"
            lines.append(f"  {prefix}{name}{shown}\n      {field.description}")
    return lines


def _yaml_keys(group: str, name: str, values: dict) -> list[str]:
    pattern = re.compile(r"^(\w+):\s*(.*?)\s+#\s*(.*)$")
    text = file_of(group, name).read_text(encoding="utf-8")
    found = filter(None, map(pattern.match, text.splitlines()))
    return [
        f"  {group}.{match[1]}={as_typed(values[match[1]]) if match[1] in values else match[2]}\n      {match[3]}"
        for match in found
    ]
