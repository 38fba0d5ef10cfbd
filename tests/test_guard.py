"""Fails on orphans and on imports against the direction of the data."""

import ast
import inspect

import pytest
import yaml
from conftest import ROOT

from mtl_tf import compose
from mtl_tf.corpora import corpus_names

PACKAGE = ROOT / "mtl_tf"
ORDER = (
    "corpora",
    "data",
    "frontends",
    "kernels",
    "models",
    "training",
    "evaluation",
    "reporting",
    "serving",
    "benchmarks",
)
# Steps that a run of the training room walks at its end, through the rooms behind it.
ALLOWED_BACK = {"training/run.py"}


def modules():
    return sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")


@pytest.mark.parametrize("name", corpus_names())
def test_every_corpus_has_a_config_and_a_task(name):
    assert (ROOT / "configs" / "corpus" / f"{name}.yaml").is_file()
    tasks = [yaml.safe_load(path.read_text()) for path in (ROOT / "configs" / "task").glob("*.yaml")]
    assert any(name in task["labels"] for task in tasks)


def test_every_corpus_config_has_a_reader():
    for path in (ROOT / "configs" / "corpus").glob("*.yaml"):
        assert yaml.safe_load(path.read_text())["name"] in corpus_names()


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
    if room not in ORDER or path.relative_to(PACKAGE).as_posix() in ALLOWED_BACK:
        return
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            parts = name.split(".")
            if parts[0] == "mtl_tf" and len(parts) > 1 and parts[1] in ORDER:
                assert ORDER.index(parts[1]) <= ORDER.index(room), f"{path} imports {name}"


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


@pytest.mark.parametrize("name", compose.choices("task"))
def test_every_task_names_corpora_that_exist(name):
    task = yaml.safe_load((ROOT / "configs" / "task" / f"{name}.yaml").read_text())
    assert set(task["labels"]) <= set(corpus_names())
