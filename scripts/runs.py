#!/usr/bin/env python3
"""Lists finished runs with what they differ in, or compares two of them on the same test clips.

Usage: scripts/runs.py [experiment=NAME] [runs_dir=DIR] [out=FILE.csv]
       scripts/runs.py compare=DIR,DIR [out=FILE.csv]

The difference comes with its 95 % interval over speakers and, of runs with repeats, over trainings.
"""

from pathlib import Path

from mtl_tf.command_line import run_command
from mtl_tf.errors import UserError
from mtl_tf.tables import write_table
from mtl_tf.values import read_arguments


def main(arguments: list[str]) -> None:
    """Prints the table, and writes it where asked."""
    values, _ = read_arguments(arguments, ["experiment", "runs_dir", "compare", "out"])

    from mtl_tf.study.run_list import compare_runs, list_runs
    from mtl_tf.study.terminal import print_comparison, print_runs

    if "compare" in values:
        folders = [Path(name).expanduser() for name in values["compare"].split(",") if name]
        if len(folders) != 2:
            raise UserError(f"compare={values['compare']}: give two folders of runs, as in compare=DIR,DIR")
        table = compare_runs(folders)
        print_comparison(table, folders)
    else:
        table = list_runs(Path(values.get("runs_dir", "runs")).expanduser(), values.get("experiment"))
        print_runs(table)
    if "out" in values:
        write_table(table, Path(values["out"]))


if __name__ == "__main__":
    run_command(main, __doc__)
