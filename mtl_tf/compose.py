"""From the command line and the files in `configs/` to a checked `RunConfig`."""

import re
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import yaml
from pydantic import BaseModel, ValidationError

from mtl_tf.config import RunConfig
from mtl_tf.config_checks import check_augment_keys, check_division, check_references
from mtl_tf.config_files import (
    CONFIG_DIR,
    GROUPS,
    SEVERAL,
    check_own_files,
    choices,
    chosen_names,
    config_dirs,
    shipped_choices,
    shipped_options,
)
from mtl_tf.config_mistakes import explain
from mtl_tf.errors import UserError, nearest_hint, wrong_value
from mtl_tf.files import write_whole
from mtl_tf.idle import drop_idle_keys
from mtl_tf.overrides import Override, read_override, remove_value, set_value, typed_value
from mtl_tf.published import published_figures
from mtl_tf.recipes import GROUP, OF_EXPERIMENT, read_recipe

_SECTION_OF = {"corpus": "corpora.", "task": "tasks.", "experiment": "", "protocol": ""}


def compose(overrides: Sequence[str], note: Callable[[str], None] | None = None) -> RunConfig:
    """Resolves an experiment, group choices and single keys into one checked configuration.

    Hydra composes the files; single keys are read by the schema, see `mtl_tf.overrides`.

    Args:
        overrides: `experiment=NAME`, `group=choice`, `key=value` and `~key`, as typed; `config_dir=DIR` names a folder
            of the user's own files, in which groups are sought first.
        note: is told of keys that the choice of tasks and corpora makes idle, and which are dropped; None: standard
            error.

    Returns:
        The configuration, defaults filled in.

    Raises:
        UserError: an unknown experiment, choice or key (the nearest known one is named), or a value of a wrong type.
    """
    from hydra import compose as hydra_compose
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    from mtl_tf.own_configs import configs_of

    dirs = config_dirs(overrides)
    arguments: dict[str, Override] = {}
    for override in map(read_override, [text for text in overrides if not text.startswith("config_dir=")]):
        if override.key in GROUPS and override.key in arguments:
            raise UserError(f"{override.key} is given twice; give it once")
        arguments[override.key] = override
    experiment = arguments.get("experiment", Override("experiment", "")).text
    if not re.fullmatch(r"[\w/]+", experiment):
        raise UserError("give one experiment=NAME." + nearest_hint("", choices("experiment", dirs)))
    typed = arguments.pop(GROUP, None)
    texts = {key: override.text for key, override in arguments.items()}
    recipe = read_recipe(Path(experiment).name, None if typed is None else typed.text, dirs, texts)
    groups = {key: override for key, override in arguments.items() if key in GROUPS}
    groups |= {key: Override(key, text) for key, text in recipe.groups.items()}
    chosen = [_choose(key, override, dirs) for key, override in groups.items()]
    for key in arguments.keys() - set(GROUPS):
        _check_section(key)
    try:
        with configs_of(dirs):
            composed = OmegaConf.to_container(hydra_compose("run", overrides=chosen), resolve=True)
    except (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError, AttributeError, TypeError) as error:
        check_own_files(dirs)
        if len(dirs) == 1 and isinstance(error, AttributeError | TypeError):
            raise
        raise UserError(f"cannot read the configuration: {' '.join(str(error).split())}") from error
    name = Path(experiment).name
    for key, value in composed.pop("variants", {}).get(name, {}).items():
        set_value(composed, key, value)
    composed.pop(OF_EXPERIMENT, None)
    for key, value in recipe.values.items():
        set_value(composed, key, value)
    composed |= {"experiment": name, "recipe": recipe.name}
    composed.setdefault("published", published_figures(CONFIG_DIR / "published", name))
    for key, override in arguments.items():
        if key in GROUPS:
            continue
        if override.removes:
            remove_value(composed, key)
            continue
        value = typed_value(key, override.text)
        if value == {} and ("." not in key or key in ("frontend.name", "model.name")):
            raise UserError(f"{key}={{}}: give keys of it one by one")
        set_value(composed, key, value)
    for section in ("frontend", "model"):
        composed[section] = _known_options(section, composed.get(section) or {}, {*arguments, *recipe.groups})
    check_augment_keys(composed.get("augment") or {})
    known = {group: choices(group, dirs) for group in ("task", "corpus")}
    drop_idle_keys(composed, set(arguments), known, note or (lambda text: print(f"note: {text}", file=sys.stderr)))
    try:
        config = validate(composed)
    except UserError:
        check_own_files(dirs)
        raise
    check_division(config, arguments)
    return config


def validate(values: dict) -> RunConfig:
    """Checks plain values against the schema.

    Raises:
        UserError: names the first wrong key and what would have been right.
    """
    try:
        config = RunConfig.model_validate(values)
    except ValidationError as error:
        raise UserError(explain(error, values)) from error
    check_references(config)
    return config


def save(config: RunConfig, path: Path) -> None:
    """Writes a configuration as YAML."""
    write_whole(path, yaml.safe_dump(config.model_dump(), sort_keys=False, allow_unicode=True).encode())


def load(path: Path) -> RunConfig:
    """Reads what `save` wrote.

    Raises:
        UserError: the file is missing or does not fit the schema.
    """
    if not path.is_file():
        below = sorted(path.parent.glob(f"*/{path.name}"))
        hint = f"did you mean {below[-1].parent}?" if below else f"is {path.parent} the folder of a run?"
        raise UserError(f"{path} is missing; {hint}")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is damaged: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path} is damaged: it holds no keys")
    try:
        return validate(values)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def read_section(section: type[BaseModel], name: str, values: dict[str, str]) -> BaseModel:
    """Builds one section from `name.key` arguments, the rest of it from its defaults.

    Raises:
        UserError: an unknown key or a value of a wrong type.
    """
    try:
        given = {key.removeprefix(f"{name}."): yaml.safe_load(value) for key, value in values.items() if "." in key}
        return section.model_validate(given)
    except yaml.YAMLError as error:
        raise UserError(f"a value of {name} is no YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(wrong_value(f"{name}.{first['loc'][0]}", first)) from error


def _check_section(key: str) -> None:
    group, _, rest = key.partition(".")
    if group == "hydra":
        raise UserError(f"unknown key {key}.{nearest_hint(key, RunConfig.model_fields)}")
    if rest and group in _SECTION_OF:
        raise UserError(f"unknown key {key}. Did you mean {_SECTION_OF[group]}{rest}?")


def _choose(key: str, override: Override, dirs: Sequence[Path]) -> str:
    """Makes Hydra's override of a group choice, with the path of each file."""
    known = choices(key, dirs)
    if override.removes:
        raise UserError(f"~{key}: a run needs it; give {key}=NAME. Known: {', '.join(known)}")
    paths = [known[name] for name in chosen_names(key, override.text, dirs)]
    return f"{key}=[{','.join(paths)}]" if key in SEVERAL else f"{key}={paths[0]}"


def _known_options(section: str, values: dict, arguments: Collection[str]) -> dict:
    """Checks the keys of a front end or model; an experiment's keys for another choice than the typed one drop out."""
    known = shipped_choices(section)
    name = str(values.get("name", ""))
    if name not in known:
        raise UserError(f"{section}.name is '{name}'.{nearest_hint(name, known)}")
    keys = shipped_options(section, name)
    for key in values:
        if key not in keys and (f"{section}.{key}" in arguments or section not in arguments):
            full = [f"{section}.{name}" for name in keys]
            command = f"scripts/train.py {section}={name} --help"
            raise UserError(f"unknown key {section}.{key}.{nearest_hint(f'{section}.{key}', full, command)}")
    return {key: value for key, value in values.items() if key in keys}
