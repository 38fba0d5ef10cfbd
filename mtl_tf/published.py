"""Figures from the literature, one table per paper in `configs/published`."""

from pathlib import Path

from mtl_tf.errors import UserError
from mtl_tf.tables import parse_number, read_table

COLUMNS = ("experiment", "task", "metric", "value", "n", "printed_as", "statistic", "source", "remark")


def published_figures(folder: Path, experiment: str) -> list[dict[str, object]]:
    """Reads the figures that a paper prints for what an experiment repeats.

    Args:
        folder: with one `PAPER.csv` per paper.
        experiment: its name.

    Returns:
        Keys and values of `PublishedConfig`, in the order of the tables.

    Raises:
        UserError: a table cannot be read.
    """
    figures = []
    for path in sorted(folder.glob("*.csv")):
        table = read_table(path, {"value": parse_number}, required=COLUMNS)
        for row in table[table["experiment"] == experiment].to_dict("records"):
            del row["experiment"]
            if row["n"] and not row["n"].isdecimal():
                raise UserError(f"{path}: n of {experiment} is {row['n']!r}; a whole number or nothing is wanted")
            figures.append(row | {"n": int(row["n"]) if row["n"] else None})
    return figures
