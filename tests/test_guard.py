"""Fails on orphans and on imports against the direction of the data."""

import ast
import inspect

import pytest
import yaml
from conftest import ROOT

from mtl_tf import config_files
from mtl_tf.config import TaskConfig
from mtl_tf.corpora import KINDS, corpus_names
from mtl_tf.runs import names as run_names
from mtl_tf.tasks import metrics

PACKAGE = ROOT / "mtl_tf"
ORDER = (
    "tasks",
    "corpora",
    "data",
    "augment",
    "kernels",
    "frontends",
    "models",
    "training",
    "evaluation",
    "runs",
    "reporting",
    "init",
    "tuning",
    "study",
    "serving",
    "benchmarks",
)
# Names alone, which import nothing, so that every room may ask for them.
LEAVES = {"mtl_tf.runs.names"}


# Modules at the top that stand before the scripts, and that no room asks back.
DOORS = {"command_line", "experiment", "config_help"}


def modules():
    return sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")


@pytest.mark.parametrize("name", corpus_names())
def test_every_corpus_has_a_config_and_a_task(name):
    assert (ROOT / "configs" / "corpus" / f"{name}.yaml").is_file()
    tasks = [yaml.safe_load(path.read_text()) for path in (ROOT / "configs" / "task").glob("*.yaml")]
    assert any(name in task["labels"] for task in tasks)


def test_every_corpus_config_has_a_reader():
    for path in (ROOT / "configs" / "corpus").glob("*.yaml"):
        assert yaml.safe_load(path.read_text())["name"] in (*corpus_names(), *KINDS)


@pytest.mark.parametrize("group", ["frontend", "model"])
def test_keys_of_a_config_are_the_arguments_of_its_layer(group):
    from mtl_tf.frontends.build import FRONT_ENDS
    from mtl_tf.models.build import TRUNKS

    layers = TRUNKS if group == "model" else FRONT_ENDS
    seen = set()
    for path in (ROOT / "configs" / group).glob("*.yaml"):
        keys = set(yaml.safe_load(path.read_text())) - {"name"}
        name = yaml.safe_load(path.read_text())["name"]
        seen.add(name)
        own = [layer for layer in layers[name].__mro__ if layer.__module__.startswith("mtl_tf")]
        arguments = set().union(*(inspect.signature(layer.__init__).parameters for layer in own))
        fixed = getattr(layers[name], "fixed_options", set())
        assert keys == arguments - {"self", "kwargs"} - fixed
    assert seen == set(layers)


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_import_goes_back(path):
    room = path.relative_to(PACKAGE).parts[0]
    for name in imports_of(path):
        parts = name.split(".")
        if parts[0] != "mtl_tf" or len(parts) < 2 or name in LEAVES:
            continue
        if room in ORDER and parts[1] in ORDER:
            assert ORDER.index(parts[1]) <= ORDER.index(room), f"{path} imports {name}"
        assert parts[1] not in DOORS or room.removesuffix(".py") in DOORS, (
            f"{path} imports {name}, which is for scripts"
        )


def imports_of(path):
    """Lists the modules that a file imports; of `from package import module` the module."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        found += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = [name for name in whole if (ROOT / (name.replace(".", "/") + ".py")).is_file()]
            found += modules or [node.module]
    return found


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_what_every_room_may_import_imports_nothing(name):
    assert imports_of(ROOT / (name.replace(".", "/") + ".py")) == []


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_tables_are_read_in_one_place(path):
    """A library that guesses types makes true of any text and a number of `01`; `mtl_tf.tables` does not."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]
    used = {(node.value.id, node.attr) for node in nodes if isinstance(node.value, ast.Name)}
    readers = {(name, attribute) for name, attribute in used if name in ("pd", "pandas", "np", "numpy", "csv")}
    forbidden = {"read_csv", "read_table", "read_excel", "reader", "DictReader", "genfromtxt", "loadtxt"}
    assert path.stem == "tables" or not {attribute for _, attribute in readers} & forbidden


def test_names_of_a_runs_files_stand_in_one_module():
    names = {
        value for key, value in vars(run_names).items() if key.isupper() and isinstance(value, str) and "." in value
    }
    kept = {"audit.csv"}  # a corpus that is prepared has one too
    for path in modules():
        if path.stem != "names":
            strings = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
            assert not strings & (names - kept), path


@pytest.mark.parametrize("exclusive", [True, False])
def test_metrics_are_listed_once_and_computed_where_the_list_says(exclusive):
    import numpy as np

    from mtl_tf.evaluation.scores import score_task
    from mtl_tf.evaluation.tags import score_tags
    from mtl_tf.tasks.task import Task
    from mtl_tf.training.metrics import tracked_metrics

    tracked, scored, main = (
        set(metrics.metrics_of(names, exclusive)) for names in (metrics.TRACKED, metrics.SCORED, metrics.MAIN)
    )
    assert {metric.name for metric in tracked_metrics(Task("t", ("a", "b"), exclusive=exclusive))} == tracked
    if exclusive:
        scores = score_task(np.array([0, 1]), np.eye(2), ("a", "b"))
    else:
        scores = score_tags(np.eye(2), np.eye(2), ("a", "b"), {})
    assert scored <= set(scores)
    assert main <= tracked & scored


def test_no_room_but_tasks_and_configuration_names_a_kind_of_task():
    """What a task is, is asked of its properties, so that a new kind changes no room."""
    kinds = set(TaskConfig.model_fields["kind"].annotation.__args__)
    for path in modules():
        if path.relative_to(PACKAGE).parts[0] not in ("tasks", "config"):
            strings = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
            assert not strings & kinds, path


def imported_by(folder):
    """Returns the dotted names that the modules below a folder import."""
    found = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_no_module_is_an_orphan():
    reached = imported_by("mtl_tf") | imported_by("scripts") | imported_by("tests")
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in modules()}
    readers = {f"mtl_tf.corpora.{name}" for name in corpus_names()}
    assert names - reached - readers == set()


@pytest.mark.parametrize("room", ORDER)
def test_every_room_has_its_tests(room):
    assert list((ROOT / "tests" / room).glob("test_*.py"))


@pytest.mark.parametrize("name", config_files.choices("task"))
def test_every_task_names_corpora_that_exist(name):
    task = yaml.safe_load((ROOT / "configs" / "task" / f"{name}.yaml").read_text())
    assert set(task["labels"]) <= set(config_files.choices("corpus"))
