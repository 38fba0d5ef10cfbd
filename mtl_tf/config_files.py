"""The files in `configs/`, and in a user's folder of the same groups."""

import glob
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from mtl_tf.config import CorpusConfig
from mtl_tf.errors import UserError, nearest_hint, wrong_value

CONFIG_DIR = Path(__file__).resolve().parent / "configs"  # in a checkout a link to the folder at the top
OWN_CONFIGS = "MTL_TF_CONFIG"  # in the environment: a folder of a user's own files; config_dir=DIR goes before it
GROUPS = ("experiment", "protocol", "corpus", "task", "frontend", "model", "augment")
SEVERAL = ("corpus", "task", "augment")  # groups of which several files may be chosen


def config_dirs(arguments: Sequence[str] = ()) -> tuple[Path, ...]:
    """Returns the folders with the files of all groups, that of the user before the shipped one.

    Args:
        arguments: as typed, maybe with `config_dir=DIR`.

    Raises:
        UserError: the user's folder is not there.
    """
    given = [argument.partition("=")[2] for argument in arguments if argument.startswith("config_dir=")]
    own = given[-1] if given else os.environ.get(OWN_CONFIGS, "")
    if not own:
        return (CONFIG_DIR,)
    folder = Path(own).expanduser().resolve()
    if not folder.is_dir():
        raise UserError(f"{'config_dir' if given else OWN_CONFIGS}={own}: there is no such folder")
    return (folder, CONFIG_DIR)


def choices(group: str, dirs: Sequence[Path] | None = None) -> dict[str, str]:
    """Returns the choices of a config group: short name to path below the group, without suffix.

    A file with `variants`, which change some of its keys each, stands for these and not for itself.

    Args:
        group: such as `task`.
        dirs: folders, see `config_dirs`, which is asked where none are given.
    """
    found: dict[str, str] = {}
    for folder in reversed(config_dirs() if dirs is None else dirs):
        found |= shipped_choices(group) if folder == CONFIG_DIR else _choices(folder / group)
    return dict(sorted(found.items()))


def chosen_names(group: str, text: str, dirs: Sequence[Path]) -> list[str]:
    """Reads which choices of a group are typed.

    Args:
        group: such as `task`.
        text: a name, or in groups of `SEVERAL` a list; folders before a name need not be there.
        dirs: folders, see `config_dirs`.

    Raises:
        UserError: there is no such choice, one is named twice, or they are too many or none.
    """
    known = choices(group, dirs)
    if text.count("[") != text.count("]"):
        raise UserError(f"{group}={text}: brackets do not match")
    names = [Path(name.strip()).name for name in text.strip("[]{}").split(",") if name.strip()]
    for name in names:
        if name not in known:
            own = " scripts/init.py makes one of your own folder or table." if group in ("corpus", "task") else ""
            hint = nearby_hint(group, name) or nearest_hint(name, known) + own
            raise UserError(f"no {group} is called {name}.{hint}")
        if names.count(name) > 1:
            raise UserError(f"{group}={text}: {name} is there {names.count(name)} times; give it once")
    if (not names and group != "augment") or (len(names) > 1 and group not in SEVERAL):
        raise UserError(f"{group}={text}: give one{' or more' if group in SEVERAL else ''} of {', '.join(known)}")
    return names


def nearby_hint(group: str, name: str) -> str:
    """Says which folder here holds a configuration that `config_dir` does not name; empty where none does."""
    for path in sorted(Path().glob(f"*/{group}/{glob.escape(name)}.yaml")):
        return f" There is one in {path.parts[0]}: add config_dir={path.parts[0]}."
    return ""


@lru_cache
def shipped_choices(group: str) -> dict[str, str]:
    """Returns the shipped choices alone, see `choices`."""
    return _choices(CONFIG_DIR / group)


def _choices(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*.yaml")):
        below = path.relative_to(folder).with_suffix("").as_posix()
        names = list(_variants(path)) if folder.name == "experiment" else []
        found |= dict.fromkeys(names or [path.stem], below)
    return found


def _variants(path: Path) -> dict[str, dict]:
    text = path.read_text(encoding="utf-8")
    if "\nvariants:" not in text:
        return {}
    try:
        return yaml.safe_load(text)["variants"]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise UserError(f"{path} is no YAML with variants: {' '.join(str(error).split())}") from error


def file_of(group: str, name: str, dirs: Sequence[Path] | None = None) -> Path:
    """Returns the file of a choice, see `choices`.

    Raises:
        KeyError: there is no such choice.
    """
    dirs = config_dirs() if dirs is None else dirs
    below = f"{choices(group, dirs)[name]}.yaml"
    return next(folder / group / below for folder in dirs if (folder / group / below).is_file())


@lru_cache
def _read_shipped(group: str, name: str) -> dict:
    return yaml.safe_load((CONFIG_DIR / group / f"{shipped_choices(group)[name]}.yaml").read_text(encoding="utf-8"))


def shipped_options(group: str, name: str) -> dict:
    """Returns the keys and values of a front end or model as its file has them, its class under `name`."""
    return dict(_read_shipped(group, name))


def read_keys(path: Path) -> dict[str, Any]:
    """Reads the keys of a file.

    Raises:
        UserError: the file is no YAML, or holds no keys.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path} holds no keys; give it some, or remove it")
    return values


def check_own_files(dirs: Sequence[Path]) -> None:
    """Looks for what is wrong with a user's files, once they could not be composed.

    Raises:
        UserError: names a file that is no YAML, holds no keys, or lacks the line that says where they belong.
    """
    for folder in dirs[:-1]:
        for path in sorted(
            path for group in ("corpus", "task", "experiment") for path in (folder / group).rglob("*.yaml")
        ):
            read_keys(path)
            if not path.read_text(encoding="utf-8").lstrip().startswith("# @package"):
                section = {"corpus": "corpora", "task": "tasks"}.get(path.parent.name)
                wanted = "_global_" if section is None else f"{section}.{path.stem}"
                raise UserError(f"{path} must begin with the line: # @package {wanted}")


def corpus_options(name: str, arguments: Sequence[str] = ()) -> CorpusConfig:
    """Reads the file of a corpus, such as one that `scripts/init.py` wrote.

    Args:
        name: of the file in the group `corpus`.
        arguments: as typed, maybe with `config_dir=DIR`.

    Raises:
        UserError: there is no such file, or it does not fit the schema.
    """
    dirs = config_dirs(arguments)
    known = choices("corpus", dirs)
    if name not in known:
        hint = nearby_hint("corpus", name) or nearest_hint(name, known) + " scripts/init.py makes one of your own."
        raise UserError(f"no corpus is called {name}.{hint}")
    path = file_of("corpus", name, dirs)
    try:
        return CorpusConfig.model_validate(read_keys(path))
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"{path}: {wrong_value('.'.join(map(str, first['loc'])), first)}") from error
