"""The text of `--help`: groups, choices and keys with their meaning."""

import re
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel

from mtl_tf.compose import compose
from mtl_tf.config import AuditConfig, CorpusConfig, LabelsConfig, RunConfig, StudyConfig, TaskConfig
from mtl_tf.config_files import GROUPS, SEVERAL, choices, config_dirs, file_of
from mtl_tf.errors import UserError, nearest_hint
from mtl_tf.recipes import GROUP as RECIPE
from mtl_tf.values import as_typed

WIDTH = 120
CHOICES = ("frontend", "model", "augment")  # groups whose files have keys of their own
EVERYTHING = "all"
MORE = f"""What stands before --help says what is shown:
  training --help             the keys of a section, such as training
  model=crnn --help           the keys of a front end, a model or an augmentation
  experiment=fsdd --help      the keys of an experiment, with their values
  {EVERYTHING} --help                  every key"""


def help_text(overrides: Sequence[str] = ()) -> str:
    """Lists groups, choices and keys with their meaning.

    Args:
        overrides: as `compose` takes them; where an experiment is among them, its keys are listed with their values.
            Else names of sections and `group=choice` list the keys of these with their defaults, and `all` lists every
            key.

    Raises:
        UserError: see `compose`; or there is no such section or choice.
    """
    dirs = config_dirs(overrides)
    groups = ["Groups (group=choice; corpus, task and augment take lists, as in task=[emotion,speaker]):"]
    groups += [f"  {group:<11} {', '.join(_by_folder(choices(group, dirs)))}" for group in (*GROUPS, RECIPE)]
    groups += [
        "",
        "Files of your own for these groups: config_dir=DIR, or MTL_TF_CONFIG, names a folder that is searched first.",
    ]
    if any(override.startswith("experiment=") for override in overrides):
        config = compose(overrides)
        values = config.model_dump()
        for task in values["tasks"].values():
            task["labels"] = {corpus: labels for corpus, labels in task["labels"].items() if corpus in config.corpora}
        augment = values.pop("augment")
        lines = [*groups, "", f"Keys (key=value), with their values in experiment={config.experiment}:"]
        lines += _keys(RunConfig, "", values | {"augment": list(augment)})
        for group, name in (("frontend", config.frontend.name), ("model", config.model.name)):
            lines += ["", f"Keys of {group}={name}:", *_yaml_keys(group, name, config.options(group))]
        for name, options in config.augment_options().items():
            lines += ["", f"Keys of augment={name}:", *_yaml_keys("augment", name, options)]
        return _wrapped(lines)
    sections, words = _sections(), [override for override in overrides if "=" not in override]
    if EVERYTHING in words:
        lines = [*groups, "", "Keys (key=value), with their defaults:", *_keys(RunConfig, "")]
        return _wrapped(
            [*lines, *(line for group in CHOICES for line in _of_choices(group, choices(group, dirs), dirs))]
        )
    lines = []
    for word in words:
        if word not in sections:
            raise UserError(f"{word} --help: there is no such section of keys.{nearest_hint(word, sections)}")
        lines += ["", f"Keys of {word}, with their defaults:", *_keys(sections[word], _prefix(word))]
    for group, _, chosen in (override.partition("=") for override in overrides):
        if group in CHOICES:
            lines += _of_choices(group, [name.strip() for name in chosen.strip("[]").split(",")], dirs)
    if lines:
        return _wrapped(lines[1:])
    simple = [name for name in RunConfig.model_fields if name not in (*sections, *CHOICES, "published")]
    lines = [*groups, "", "Keys of a run (key=value), with their defaults:", *_keys(RunConfig, "", only=simple)]
    lines += ["", "Sections of keys:"]
    lines += [f"  {_prefix(name):<15} {(section.__doc__ or '').splitlines()[0]}" for name, section in sections.items()]
    return "\n".join([_wrapped(lines), "", MORE])


def _sections() -> dict[str, type[BaseModel]]:
    """Returns the sections of a run whose keys are the same whatever is chosen."""
    fields = {name: field.annotation for name, field in RunConfig.model_fields.items()}
    alone = {
        name: kind
        for name, kind in fields.items()
        if isinstance(kind, type) and issubclass(kind, BaseModel) and name not in CHOICES
    }
    return {"corpora": CorpusConfig, "tasks": TaskConfig} | alone


def _prefix(section: str) -> str:
    return f"{section}.NAME." if section in ("corpora", "tasks") else f"{section}."


def _of_choices(group: str, names: Iterable[str], dirs: Sequence[Path]) -> list[str]:
    """Lists the keys of choices of a group, with the values of their files.

    Raises:
        UserError: there is no such choice.
    """
    lines, known = [], choices(group, dirs)
    for name in names:
        if name not in known:
            raise UserError(f"{group}={name}: there is no such file in configs/{group}.{nearest_hint(name, known)}")
        lines += ["", f"Keys of {group}={name}:", *_yaml_keys(group, name, {}, dirs)]
    return lines


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


def _keys(
    section: type[BaseModel], prefix: str, values: dict | None = None, only: Sequence[str] | None = None
) -> list[str]:
    """Lists the keys of a section, or some of them, with the given values or else the defaults."""
    lines = []
    for name, field in section.model_fields.items():
        if only is not None and name not in only:
            continue
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


def _yaml_keys(group: str, name: str, values: dict, dirs: Sequence[Path] | None = None) -> list[str]:
    """Lists the keys of a choice, with the given values or else those of its file, below what it is."""
    pattern = re.compile(r"^(\w+):\s*(.*?)\s+#\s*(.*)$")
    text = file_of(group, name, dirs).read_text(encoding="utf-8").splitlines()
    place = f"{group}.{name}" if group in SEVERAL else group
    about = [f"      {line[2:]}" for line in text if line.startswith("# ") and not line.startswith("# @")]
    return about + [
        f"  {place}.{match[1]}={as_typed(values[match[1]]) if match[1] in values else match[2]}\n      {match[3]}"
        for match in filter(None, map(pattern.match, text))
    ]
