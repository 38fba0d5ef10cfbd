"""What is wrong with a configuration, in one line."""

from pydantic import BaseModel, ValidationError

from mtl_tf.config import AugmentConfig, CorpusConfig, RunConfig, TaskConfig
from mtl_tf.config_files import GROUPS
from mtl_tf.errors import nearest_hint, wrong_value

_GROUP_OF = {"corpora": "corpus", "tasks": "task", "augment": "augment"}


def explain(error: ValidationError, values: dict) -> str:
    """Words the first thing that is wrong with plain values, and what would have been right.

    Args:
        error: what pydantic raised.
        values: what it was given.
    """
    first = error.errors()[0]
    location = [str(part) for part in first["loc"]]
    key = ".".join(location)
    if first["type"] == "value_error":
        return f"{key}: {first['ctx']['error']}"
    if first["type"] == "extra_forbidden":
        section: type[BaseModel] = RunConfig
        for part in location[:-1]:
            section = _section_at(section, part)
        known = set(section.model_fields) | (set(GROUPS) if section is RunConfig else set())
        prefix = "".join(f"{part}." for part in location[:-1])
        elsewhere = [
            f"{name}.NAME.{location[-1]}" if name in _GROUP_OF else f"{name}.{location[-1]}"
            for name in RunConfig.model_fields
            if name != location[0] and location[-1] in _section_at(RunConfig, name).model_fields
        ]
        if elsewhere:
            return f"unknown key {key}. Did you mean {' or '.join(elsewhere)}?"
        command = f"scripts/train.py {location[0]} --help" if prefix else "scripts/train.py --help"
        return f"unknown key {key}.{nearest_hint(key, [prefix + name for name in known], command)}"
    if first["type"] == "missing" and isinstance(first["loc"][-1], int):
        return f"{'.'.join(location[:-1])} has too few values"
    if first["type"] == "missing":
        if len(location) > 1 and location[0] in _GROUP_OF and set(values[location[0]]) - {location[1]}:
            group = _GROUP_OF[location[0]]
            others = {name for name, entry in values[location[0]].items() if {"name", "labels"} & set(entry or ())}
            if not nearest_hint(location[1], others).startswith(" Did"):
                return (
                    f"{location[0]}.{location[1]} is given keys, by you or by the experiment, but {group}=[...] does "
                    "not choose it; add it there, or start from another experiment"
                )
        if location[0] == "augment" and len(location) > 1:
            own = location[1]
            return f"augment.{own} is given keys, and this run does not have it; choose it with augment=[{own}]"
        text = f"{key} is not set; choose it with {_GROUP_OF.get(location[0], location[0])}=NAME or {key}=VALUE"
        named = set(values[location[0]]) - {location[1]} if len(location) > 1 and location[0] in _GROUP_OF else set()
        return text + ("." + nearest_hint(location[1], named) if named else "")
    return wrong_value(key, first)


def _section_at(section: type[BaseModel], part: str) -> type[BaseModel]:
    special = {"corpora": CorpusConfig, "tasks": TaskConfig, "augment": AugmentConfig}
    if part in special:
        return special[part]
    field = section.model_fields.get(part)
    annotation = getattr(field, "annotation", None)
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    models = [item for item in candidates if isinstance(item, type) and issubclass(item, BaseModel)]
    return models[0] if models else section
