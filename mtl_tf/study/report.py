"""The report of a study, as one self-contained HTML page."""

import base64
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from mtl_tf.data.assemble import FoldData
from mtl_tf.files import write_whole
from mtl_tf.reporting.words import percent
from mtl_tf.study import figures
from mtl_tf.study import names as files
from mtl_tf.study.affinity import best_groupings, rank_correlation
from mtl_tf.study.gains import HELPS, HURTS, NOT_BEYOND, SAME, UNCONTROLLED, UNSURE
from mtl_tf.study.matrix import matrices
from mtl_tf.study.partner_classes import count_partner_classes, unique_and_shared
from mtl_tf.study.plan import corpora_of, study_tasks
from mtl_tf.study.predictors import FEWEST_PAIRS, by_origin, correlate, pair_features, predict_gains
from mtl_tf.study.results import load_rows
from mtl_tf.study.session import Study
from mtl_tf.study.settings import BETTER
from mtl_tf.study.tables import MOST_CLASSES, class_changes, costs, first_setting, mean_history, plain_cells
from mtl_tf.study.words import INTERVALS, points, several
from mtl_tf.tables import write_table
from mtl_tf.tasks.metrics import metric_title

_MOST_CORRELATIONS = 8
_FEW_GROUPS = 10
_NOT_ALWAYS = ("p_value_folds", "minimum_detectable", "control_gain", "noise_gain")  # columns that may be empty
_SAMPLES = 10_000


def write_report(
    study: Study,
    table: pd.DataFrame,
    gains: pd.DataFrame,
    measurements: pd.DataFrame,
    affinity: pd.DataFrame,
    added: pd.DataFrame,
    division: FoldData,
) -> Path:
    """Writes `report.html` from the tables of a study, research question by research question.

    Args:
        study: in its folder.
        table: of its cells.
        gains: see `find_gains`.
        measurements: one row per task.
        affinity: see `affinities`.
        added: see `added_gains`.
        division: of the clips, of one fold.

    Returns:
        The page's path.
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("mtl_tf", "study"), PackageLoader("mtl_tf", "reporting")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {"percent": percent, "metric_title": metric_title, "points": points, "several": several}
    settings = load_rows(study.folder / files.SETTINGS) if (study.folder / files.SETTINGS).is_file() else None
    first = gains[gains["model"] == (gains["model"].iloc[0] if len(gains) else "")]
    pairs = pair_features(first, measurements)
    corpora = {name: corpora_of(study.config, name) for name in study_tasks(study.config)}
    changes = count_partner_classes(class_changes(study.folder, table), division)
    write_table(changes, study.folder / files.CLASSES)
    largest = changes.head(MOST_CLASSES)
    done = table[table["status"] == "completed"]
    page = environment.get_template("study.html.j2").render(
        study=study,
        again=shlex.join(study.typed),
        config=study.config.study,
        table=table.astype(object).where(table.notna(), None).to_dict("records"),
        failed=table[table["status"] == "failed"].to_dict("records"),
        num_cells=len(done),
        num_seeds=done["seed"].nunique(),
        num_folds=max(done["fold"].nunique(), 1),
        minutes=round(float(done["seconds"].sum()) / 60),
        gains=gains.to_dict("records"),
        settings=[] if settings is None else settings.astype(object).where(settings.notna(), None).to_dict("records"),
        beating=[] if settings is None else settings[settings["verdict"] == BETTER].to_dict("records"),
        answers=summarize(gains),
        maps=heat_maps(gains),
        most_rows=figures.MOST_ROWS,
        words_on_intervals=INTERVALS,
        measured=[name for name in _NOT_ALWAYS if np.isfinite(gains[name].astype(float)).any()] if len(gains) else [],
        controlled=gains["control_gain"].notna().any() if len(gains) else False,
        forest=_inline(figures.forest(gains)) if len(gains) else "",
        over_pairs=over_all_pairs(first, study.config.study.same_within),
        curves=_inline(figures.curves(_histories(study, table), study.metrics)) if len(gains) else "",
        measurements=measurements.to_dict("records"),
        origins=by_origin(first),
        added=added.to_dict("records"),
        unique=unique_and_shared(changes),
        overlaps=[row for row in gains.to_dict("records") if row["left_out"]],
        matrices=matrices(load_rows(place), corpora) if (place := study.folder / files.CORPORA).is_file() else [],
        correlations=correlate(pairs).head(_MOST_CORRELATIONS).to_dict("records"),
        prediction=predict_gains(pairs),
        fewest_pairs=FEWEST_PAIRS,
        affinity=affinity.to_dict("records"),
        ranks={name: rank_correlation(affinity, name) for name in ("affinity", "cosine")},
        groupings=best_groupings(study_tasks(study.config), affinity),
        costs=costs(table, list(study.config.tasks)).to_dict("records"),
        named_too={
            words: (float(own["change"].mean()), len(own))
            for words, own in (
                ("too", changes[changes["named_too"].astype(bool)]),
                ("not", changes[~changes["named_too"].astype(bool)]),
            )
            if len(own)
        },
        changes=largest.to_dict("records"),
        change_intervals=bool(((largest["low"] > -1) | (largest["high"] < 1)).any()),
        untold=[row for row in gains.to_dict("records") if row["verdict"] == UNSURE],
        few_groups=sorted({row["task"] for row in gains.to_dict("records") if row["n_groups"] < _FEW_GROUPS}),
        finite=lambda value: value is not None and bool(np.isfinite(value)),
        verdicts={
            "helps": HELPS,
            "hurts": HURTS,
            "same": SAME,
            "not_beyond": NOT_BEYOND,
            "uncontrolled": UNCONTROLLED,
            "unsure": UNSURE,
        },
    )
    path = study.folder / files.REPORT
    write_whole(path, page.encode(errors="backslashreplace"))
    return path


def summarize(gains: pd.DataFrame) -> list[dict[str, str]]:
    """Says for every task, in a sentence or two, what learning it with others does.

    Args:
        gains: see `find_gains`.

    Returns:
        `task` and `words`.
    """
    found = []
    for (task, model), rows in gains.groupby(["task", "model"], sort=False):
        words = []
        for verdict in (HELPS, UNCONTROLLED, HURTS, NOT_BEYOND, SAME):
            named = [
                f"{several(row.partners)} ({points(row.gain)} [{points(row.low)}, {points(row.high)}])"
                for row in rows[rows["verdict"] == verdict].itertuples()
            ]
            if named:
                start = {
                    HELPS: "Helped by",
                    UNCONTROLLED: "Gains, without a control that says whether the partner is why, with",
                    HURTS: "Hurt by",
                    NOT_BEYOND: "Gains, but no more than shuffled labels or another seed give, with",
                    SAME: "No difference in practice with",
                }[verdict]
                words.append(f"{start} {'; '.join(named)}.")
        unsure = rows[rows["verdict"] == UNSURE]
        if len(unsure):
            least = unsure["minimum_detectable"].replace(np.inf, np.nan)
            seen = (
                f"a difference of {_range(least)} points would have been found with 80 % probability"
                if least.notna().any()
                else "so few trainings could have shown no difference whatever"
            )
            names = "; ".join(
                f"{several(row.partners)} ({points(row.gain)} [{points(row.low)}, {points(row.high)}])"
                for row in unsure.itertuples()
            )
            words.append(f"Cannot be told with {names}; {seen}.")
        found.append({"task": f"{task}, {model}" if model else task, "words": " ".join(words)})
    return found


def heat_maps(gains: pd.DataFrame) -> list[dict]:
    """Arranges the gains of pairs, and of all tasks together, as a map, one for each model.

    Returns:
        `model`, `columns` and `rows`: (task, cells), each cell None or with `text`, `title`, `color` and `grey`.
    """
    maps = []
    for model, rows in gains.groupby("model", sort=False):
        tasks = list(dict.fromkeys(rows["task"]))
        sets = list(dict.fromkeys(rows["partners"]))
        single = [name for name in dict.fromkeys([*tasks, *sets]) if name in sets and "+" not in name]
        wide = list(dict.fromkeys(_together(row) for row in rows.itertuples() if "+" in row.partners))
        largest = max(float(rows["gain"].abs().max()), 0.01)
        columns = [*single, *("all" if set(names) == set(tasks) else several("+".join(names)) for names in wide)]
        body = []
        for task in tasks:
            cells = []
            own = rows[rows["task"] == task]
            for column, names in zip(columns, [*single, *wide], strict=True):
                together = [_together(row) == names for row in own.itertuples()]
                match = own[own["partners"] == column] if isinstance(names, str) else own[together]
                cells.append(_map_cell(match.iloc[0], largest) if len(match) else None)
            body.append((task, cells))
        maps.append({"model": model, "columns": columns, "rows": body})
    return maps


def over_all_pairs(gains: pd.DataFrame, same_within: float) -> dict[str, float] | None:
    """Asks whether learning in pairs helps on the whole, by the Bayesian signed-rank test (Benavoli et al. 2014).

    Args:
        gains: see `find_gains`.
        same_within: half the width of the region of practical equivalence.

    Returns:
        `better`, `same`, `worse`, the probability of each for a pair like these, and `n`; None with less than five.
    """
    from baycomp.multiple import SignedRankTest

    pairs = gains[~gains["partners"].str.contains("+", regex=False)] if len(gains) else gains
    if len(pairs) < 5:
        return None
    worse, same, better = SignedRankTest.probs(
        np.zeros(len(pairs)), pairs["gain"].to_numpy(float), rope=same_within, nsamples=_SAMPLES, random_state=0
    )
    return {"better": float(better), "same": float(same), "worse": float(worse), "n": len(pairs)}


def _together(row) -> tuple[str, ...]:
    """Returns the set of tasks that a row is of, in order."""
    return tuple(sorted([row.task, *row.partners.split("+")]))


def _map_cell(row: pd.Series, largest: float) -> dict[str, object]:
    strength = min(abs(row.gain) / largest, 1.0)
    color = "37, 99, 168" if row.gain > 0 else "200, 85, 61"
    grey = row.verdict in (SAME, UNSURE)
    title = (
        f"{row.task} with {row.partners}: {points(row.gain)} points, 95 % interval [{points(row.low)}, "
        f"{points(row.high)}]; better {row.p_better:.2f}, same {row.p_same:.2f}, worse {row.p_worse:.2f}; "
        f"{row.n_pairs} pairs of trainings, {row.n_groups} groups; {row.verdict}"
    )
    style = "230, 232, 236, 1" if grey else f"{color}, {0.15 + 0.6 * strength:.2f}"
    return {"text": points(row.gain), "title": title, "style": f"rgba({style})", "grey": grey}


def _range(values: pd.Series) -> str:
    low, high = f"{100 * values.min():.1f}", f"{100 * values.max():.1f}"
    return low if low == high else f"{low} to {high}"


def _histories(study: Study, table: pd.DataFrame) -> dict[str, dict[str, pd.DataFrame]]:
    plain = plain_cells(first_setting(table))
    found: dict[str, dict[str, pd.DataFrame]] = {}
    for names in dict.fromkeys(plain["tasks"]):
        history = mean_history(study.folder, plain[plain["tasks"] == names])
        for task in names.split("+") if history is not None else ():
            found.setdefault(task, {})[names] = history
    return found


def _inline(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"
