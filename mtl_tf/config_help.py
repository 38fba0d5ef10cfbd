"""The text of `--help`: groups and choices, and the keys that are asked for."""

from collections.abc import Sequence

from mtl_tf.compose import compose
from mtl_tf.config import AuditConfig, RunConfig
from mtl_tf.config_files import GROUPS, choices, chosen_names, config_dirs
from mtl_tf.config_keys import OF_FILES, SECTIONS, SIMPLE, keys_of_file, keys_of_section, prefix, wrapped
from mtl_tf.errors import UserError, nearest_hint
from mtl_tf.recipes import GROUP as RECIPE

EVERYTHING = "all"
MORE = f"""What stands before --help says what is shown:
  training --help             the keys of a section, such as training
  model=crnn --help           the keys of a front end, a model or an augmentation
  experiment=fsdd --help      the keys of an experiment, with their values
  {EVERYTHING} --help                  every key"""


def help_text(arguments: Sequence[str] = ()) -> str:
    """Lists groups, choices and keys with their meaning.

    Args:
        arguments: as typed. Where an experiment is among them, its keys are listed with their values, and names of
            sections list those of the sections alone. Else names of sections and `group=choice` list keys with their
            defaults, and `all` lists every key. Nothing: groups, choices and the keys that are in no section.

    Raises:
        UserError: see `compose`; there is no such section or choice; or keys of another group, which an experiment
            alone has.
    """
    words = [argument for argument in arguments if "=" not in argument and argument[:1] != "~"]
    typed = [argument for argument in arguments if argument not in words]
    if any(argument.startswith("experiment=") for argument in typed):
        return wrapped(_of_experiment(typed, words))
    dirs = config_dirs(typed)
    if EVERYTHING in words:
        if len(words) > 1 or any(not argument.startswith("config_dir=") for argument in typed):
            raise UserError(f"{EVERYTHING} --help shows every key; leave the other words away")
        lines = [*_groups(arguments), "", "Keys (key=value), with their defaults:", *keys_of_section(RunConfig, "")]
        for group in OF_FILES:
            for name in choices(group, dirs):
                lines += ["", f"Keys of {group}={name}:", *keys_of_file(group, name, {}, dirs)]
        return wrapped(lines)
    lines = [line for word in words for line in _of_word(word, None)]
    for argument in typed:
        group, _, chosen = argument.partition("=")
        if group in OF_FILES:
            for name in chosen_names(group, chosen, dirs):
                lines += ["", f"Keys of {group}={name}:", *keys_of_file(group, name, {}, dirs)]
        elif group != "config_dir":
            known = [*GROUPS, RECIPE, *RunConfig.model_fields]
            hint = "" if group.partition(".")[0] in known else nearest_hint(group, known)
            raise UserError(f"{argument} --help:{hint or ' give experiment=NAME, too, as its keys are those'}")
    if lines:
        return wrapped(lines[1:])
    lines = [*_groups(arguments), "", "Keys of a run (key=value), with their defaults:"]
    lines += [*keys_of_section(RunConfig, "", only=SIMPLE), "", "Sections of keys:"]
    lines += [f"  {prefix(name):<15} {(section.__doc__ or '').splitlines()[0]}" for name, section in SECTIONS.items()]
    return "\n".join([wrapped(lines), "", MORE])


def _groups(arguments: Sequence[str]) -> list[str]:
    lines = ["Groups (group=choice; corpus, task and augment take lists, as in task=[emotion,speaker]):"]
    for group in (*GROUPS, RECIPE):
        paths = choices(group, config_dirs(arguments))
        # Those in folders (of papers) come behind the others.
        names = sorted(paths, key=lambda name, paths=paths: ("/" in paths[name], name))
        lines.append(f"  {group:<11} {', '.join(names)}")
    lines += [
        "",
        "Files of your own for these groups: config_dir=DIR, or MTL_TF_CONFIG, names a folder that is searched first.",
    ]
    return lines


def _of_experiment(typed: Sequence[str], words: Sequence[str]) -> list[str]:
    config, dirs = compose(typed), config_dirs(typed)
    values = config.model_dump()
    for task in values["tasks"].values():
        task["labels"] = {corpus: labels for corpus, labels in task["labels"].items() if corpus in config.corpora}
    if words and EVERYTHING not in words:
        return [line for word in words for line in _of_word(word, values)][1:]
    lines = [*_groups(typed), "", f"Keys (key=value), with their values in experiment={config.experiment}:"]
    lines += keys_of_section(RunConfig, "", values | {"augment": list(values["augment"])})
    for group in ("frontend", "model"):
        name = values[group]["name"]
        lines += ["", f"Keys of {group}={name}:", *keys_of_file(group, name, config.options(group))]
    for name, options in values["augment"].items():
        lines += ["", f"Keys of augment={name}:", *keys_of_file("augment", name, options, dirs)]
    return lines


def _of_word(word: str, values: dict | None) -> list[str]:
    """Lists the keys of a section, or one key that is in none.

    Args:
        word: its name, or the name of one of its keys.
        values: of an experiment; None: the defaults.

    Raises:
        UserError: there is no such section.
    """
    name = word.partition(".")[0]
    what = "their defaults" if values is None else f"their values in experiment={values['experiment']}"
    if name in SECTIONS:
        own = None if values is None else values[name]
        if own is None or name not in ("corpora", "tasks"):
            return ["", f"Keys of {name}, with {what}:", *keys_of_section(SECTIONS[name], prefix(name), own)]
        lines = ["", f"Keys of {name}, with {what}:"]
        for key, entry in own.items():
            lines += keys_of_section(SECTIONS[name], f"{name}.{key}.", entry)
        return lines
    if name in SIMPLE:
        return ["", *keys_of_section(RunConfig, "", values, only=[name])]
    if name in (*GROUPS, RECIPE):
        raise UserError(f"{word} --help: give {name}=NAME. Known: {', '.join(choices(name))}.")
    raise UserError(f"{word} --help: there is no such section of keys.{nearest_hint(name, [*SECTIONS, *SIMPLE])}")


def audit_help_text(_: Sequence[str] = ()) -> str:
    """Lists the keys of the audit with their meaning."""
    return wrapped(["Keys of the audit, with their defaults:", *keys_of_section(AuditConfig, "audit.")])
