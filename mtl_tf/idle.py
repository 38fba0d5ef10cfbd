"""Drops what the choice of tasks and corpora makes idle, so that a single-task baseline is one argument."""

from collections.abc import Callable, Collection, Mapping


def drop_idle_keys(
    values: dict, typed: Collection[str], known: Mapping[str, Collection[str]], note: Callable[[str], None]
) -> None:
    """Takes keys out of a composed configuration that belong to a task or corpus that was not chosen.

    `task=[...]` alone leaves out the corpora that have no label for these tasks, `corpus=[...]` alone the tasks that
    have no label there. What an experiment says of either goes with them: keys, loss weights, the score to watch,
    published figures. A name that is no task or corpus at all is left for the schema to refuse.

    Args:
        values: the composed configuration, changed in place.
        typed: keys from the command line.
        known: `task` and `corpus` to the names that can be chosen.
        note: is told what was dropped.
    """
    dropped = []
    for section, mark in (("tasks", "labels"), ("corpora", "name")):
        group = {"tasks": "task", "corpora": "corpus"}[section]
        entries = values.get(section) or {}
        by_hand = {key.split(".")[1] for key in typed if key.startswith(f"{section}.") and key.count(".") > 1}
        for name in [name for name, entry in entries.items() if mark not in (entry or {})]:
            if group in typed and (name not in by_hand or name in known[group]):
                del entries[name]
                dropped.append(f"{section}.{name}")
    tasks, corpora = values.get("tasks") or {}, values.get("corpora") or {}
    labelled = {name: set((entry or {}).get("labels") or ()) for name, entry in tasks.items()}
    if "corpus" in typed and "task" not in typed:
        without = [name for name, of in labelled.items() if of and not of & set(corpora)]
        if len(without) < len(tasks):
            dropped += [f"tasks.{name} (no label in {', '.join(corpora)})" for name in without]
            for name in without:
                del tasks[name]
    if "task" in typed and "corpus" not in typed:
        asked = set().union(*labelled.values()) if labelled else set()
        without = [name for name in corpora if name not in asked]
        if len(without) < len(corpora):
            dropped += [f"corpora.{name} (no label for {', '.join(tasks)})" for name in without]
            for name in without:
                del corpora[name]
    dropped += _drop_references(values, set(tasks), set(corpora), typed, known["task"])
    if dropped:
        note(f"not used with this choice, and dropped: {', '.join(dropped)}")


def _drop_references(
    values: dict, tasks: set[str], corpora: set[str], typed: Collection[str], known_tasks: Collection[str]
) -> list[str]:
    dropped = []
    training, split = values.get("training") or {}, values.get("split") or {}
    weights = training.get("loss_weights") or {}
    for name in [
        name
        for name in weights
        if name not in tasks and (f"training.loss_weights.{name}" not in typed or name in known_tasks)
    ]:
        del weights[name]
        dropped.append(f"training.loss_weights.{name}")
    watched, _, metric = str(training.get("monitor", "")).partition(".")
    if metric and watched not in tasks and "training.monitor" not in typed:
        del training["monitor"]
        dropped.append("training.monitor")
    for key in ("scored_corpora", "trained_corpora"):
        given = split.get(key) or []
        if set(given) - corpora and f"split.{key}" not in typed:
            split[key] = [name for name in given if name in corpora]
            dropped.append(f"split.{key}")
    study = values.get("study") or {}
    for key, idle in (("tasks", lambda name: name not in tasks), ("groups", lambda group: bool(set(group) - tasks))):
        asked = study.get(key) or []
        if any(map(idle, asked)) and f"study.{key}" not in typed:
            study[key] = [entry for entry in asked if not idle(entry)]
            dropped.append(f"study.{key} of other tasks")
    overlaps = study.get("overlaps") or {}
    if "study.overlaps" not in typed and any({task, *partners} - tasks for task, partners in overlaps.items()):
        study["overlaps"] = {
            task: {partner: classes for partner, classes in partners.items() if partner in tasks}
            for task, partners in overlaps.items()
            if task in tasks
        }
        dropped.append("study.overlaps of other tasks")
    figures = values.get("published") or []
    kept = [entry for entry in figures if not isinstance(entry, dict) or entry.get("task") in tasks]
    if len(kept) < len(figures) and "published" not in typed:
        values["published"] = kept
        dropped.append("published figures of other tasks")
    return dropped
