"""Class trees: path lengths as another library counts them, and files that are none."""

import itertools
import json

import networkx
import pytest
import torch

from zeroreal.base import InputError
from zeroreal.run.decide.tree import ClassTree

CLASSES = ("coat", "shirt", "boot", "bag")
CONTENT = {
    "clothes": {"tops": {"shirt": None, "coat": []}, "trouser": {}},
    "shoes": {"boot": {"boot with a heel": None}, "rest": [{"sandal": {}}, "slipper"]},
    "bag": None,
}


def tree_of(tmp_path, content, classes=CLASSES, prompts=None):
    path = tmp_path / "tree.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return ClassTree(path, classes, prompts or classes)


@pytest.fixture
def graph():
    """The same tree, an edge at a time."""
    edges = (
        "root clothes,root shoes,root bag,clothes tops,clothes trouser,tops shirt,tops coat,"
        "shoes boot,boot boot with a heel,shoes rest,rest sandal,rest slipper"
    )
    return networkx.Graph(edge.split(" ", 1) for edge in edges.split(","))


def test_the_classifier_s_classes_come_first_then_the_other_leaves(tmp_path):
    others = ("trouser", "boot with a heel", "sandal", "slipper")
    assert tree_of(tmp_path, CONTENT).labels == (*CLASSES, *others)


def test_distances_and_siblings_are_those_of_the_graph(tmp_path, graph):
    tree = tree_of(tmp_path, CONTENT)
    expected = dict(networkx.all_pairs_shortest_path_length(graph))
    parents = dict(networkx.bfs_predecessors(graph, "root"))
    for one, other in itertools.product(range(len(tree.labels)), repeat=2):
        names = tree.labels[one], tree.labels[other]
        places = torch.tensor([one]), torch.tensor([other])
        assert tree.between(*places).item() == expected[names[0]][names[1]], names
        siblings = one != other and parents[names[0]] == parents[names[1]]
        assert tree.are_siblings(*places).item() == siblings, names


def test_levels_agree_where_the_paths_from_the_root_do(tmp_path, graph):
    tree = tree_of(tmp_path, CONTENT)
    downwards = networkx.single_source_shortest_path(graph, "root")
    for one, other in itertools.product(range(len(tree.labels)), repeat=2):
        first, second = (downwards[tree.labels[label]][1:] for label in (one, other))
        expected = [first[:level] == second[:level] for level in (1, 2, 3)]
        found = tree.agreement(torch.tensor([one]), torch.tensor([other]))
        assert found.tolist() == [expected], (first, second)


def test_a_class_may_stand_there_by_what_prompts_call_it(tmp_path):
    classes, prompts = ("top", "n01"), ("coat", "crane bird")
    tree = tree_of(tmp_path, {"crane bird": None, "coat": ["cape"]}, classes, prompts)
    assert tree.labels == ("top", "n01", "cape")
    distances = tree.between(torch.tensor([0]), torch.arange(3))
    assert distances.tolist() == [0, 2, 1]


def test_a_name_counts_before_another_class_s_prompt(tmp_path):
    with pytest.raises(InputError, match="lacks classes of the classifier, 'jacket': add"):
        tree_of(tmp_path, ["coat", "x"], ("coat", "jacket"), ("x y", "coat"))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"a": ["coat", "shirt"]}, "lacks classes of the classifier, 'boot', 'bag': add them"),
        ([*CLASSES, {"coats": ["coat"]}], "has the name 'coat' twice, and in a tree"),
        ('{"coat": {}, "coat": {}}', "has the name 'coat' twice"),
        ({"coat": {"x": {"coat": {}}}}, "has the name 'coat' twice"),
        ("3", "is 3: write names inside each other"),
        ('"coat"', "is 'coat': write names"),
        ({"coat": "shirt"}, "has 'shirt' where names were expected"),
        ({"coat": 3}, "has 3 where names were expected"),
        (["coat", 3], "has 3 where a name was expected"),
        (["coat", ["shirt"]], "has .'shirt'. where a name was expected"),
        (["coat", None], "has None where a name was expected"),
        ({" ": []}, "has ' ' where a name was expected"),
        ("{", "is not valid JSON"),
        ("[" * 101 + "]" * 101, "has 101 or more levels of nesting, and the limit is 100"),
    ],
)
def test_what_is_no_tree_gets_one_sentence(tmp_path, content, complaint):
    with pytest.raises(InputError, match=complaint) as raised:
        tree_of(tmp_path, content)
    assert str(raised.value).startswith("class tree ")


def test_too_many_names_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("ZEROREAL_MAX_TREE_NAMES", "5")
    with pytest.raises(InputError, match=r"6 or more names, and the limit is 5: raise it by"):
        tree_of(tmp_path, [*CLASSES, "x", "y"])


def test_a_tree_that_is_not_there_or_waits_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"cannot be read .No such file"):
        ClassTree(tmp_path / "absent.json", CLASSES, CLASSES)
    with pytest.raises(InputError, match="a folder and not a file"):
        ClassTree(tmp_path, CLASSES, CLASSES)
