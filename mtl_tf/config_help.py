"""The text of `--help`: groups, choices and keys with their meaning."""

import re
import textwrap
from pathlib import Path

from pydantic import BaseModel

from mtl_tf.compose import CONFIG_DIR, GROUPS, choices
from mtl_tf.config import AuditConfig, CorpusConfig, LabelsConfig, RunConfig, TaskConfig

WIDTH = 120


def help_text() -> str:
    """Lists groups, choices and keys with their meaning."""
    lines = ["Groups (group=choice; corpus and task take lists, as in task=[emotion,speaker]):"]
    lines += [f"  {group:<11} {', '.join(choices(group))}" for group in GROUPS]
    lines += ["", "Keys (key=value), with their defaults:"]
    lines += _keys(RunConfig, "")
    for group in ("frontend", "model"):
        for name, path in choices(group).items():
            lines += ["", f"Keys of {group}={name}:"]
            lines += _yaml_keys(group, CONFIG_DIR / group / f"{path}.yaml")
    return _wrapped(lines)


def audit_help_text() -> str:
    """Lists the keys of the audit with their meaning."""
    return _wrapped(["Keys of the audit, with their defaults:", *_keys(AuditConfig, "audit.")])


def _wrapped(lines: list[str]) -> str:
    wrapped = []
    for line in "\n".join(lines).splitlines():
        indent = " " * (len(line) - len(line.lstrip()) or len("  experiment  "))
        indent = " " * len("  experiment  ") if re.match(r"  [a-z]+  ", line) else indent
        wrapped += textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_on_hyphens=False) or [""]
    return "\n".join(wrapped)


def _keys(section: type[BaseModel], prefix: str) -> list[str]:
    lines = []
    for name, field in section.model_fields.items():
        nested = {"corpora": CorpusConfig, "tasks": TaskConfig, "labels": LabelsConfig}.get(name)
        if nested is not None:
            lines += _keys(nested, f"{prefix}{name}.NAME.")
        elif name == "split" and section is CorpusConfig:
            lines.append(f"  {prefix}split.KEY\n      {field.description}; KEY as in split.KEY below")
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            lines += _keys(field.annotation, f"{prefix}{name}.")
        else:
            value = None if field.is_required() else field.get_default(call_default_factory=True)
            default = "" if field.is_required() else f"={'null' if value is None else value}"
            lines.append(f"  {prefix}{name}{default}\n      {field.description}")
    return lines


def _yaml_keys(group: str, path: Path) -> list[str]:
    pattern = re.compile(r"^(\w+):\s*(.*?)\s+#\s*(.*)$")
    found = (pattern.match(line) for line in path.read_text(encoding="utf-8").splitlines())
    return [f"  {group}.{match[1]}={match[2]}\n      {match[3]}" for match in found if match]
