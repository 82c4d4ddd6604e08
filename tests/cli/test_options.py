"""The command's options come from the settings: every field by flag and by file."""

import pytest
import typer
import yaml
from typer.testing import CliRunner

from zeroreal.base.settings import build, names_in, values_of
from zeroreal.benchmarks.e2e.settings import E2eSettings
from zeroreal.cli.options import with_options
from zeroreal.kernels import AugmentRanges
from zeroreal.run.folder import read_config, read_config_file, write_config
from zeroreal.run.settings import RunSettings
from zeroreal.train.settings import AUGMENTATIONS

# Where a value of the type alone would be refused, or is written otherwise on the command line.
SAMPLES = {
    "classes": ("cat,dog: small dog", ["cat", "dog: small dog"]),
    "time_budget": ("1m30s", 90.0),
    "devices": ("cpu,cpu", ["cpu", "cpu"]),
    "guidance": ("1:3", [1.0, 3.0]),
    "selection.select": ("clusters:3", "clusters:3"),
    "baselines.baseline": ("encoder,gaussians", ["encoder", "gaussians"]),
    "generate.memory": ("16GiB", 16 * 2**30),
    "generate.guidance_interval": ("0.3:5", [0.3, 5.0]),
    "generate.tune": ("off", "off"),
    "generate.image_size": ("64", 64),
    "generate.generate_size": ("24x16", (24, 16)),
    "pool.memory": ("500MB", 500_000_000),
    "pool.spill": ("1KiB", 1024),
    "pool.policy": ("keep", "keep"),
    "pool.sharing": ("overlap", "overlap"),
    "train.optimizer": ("sgd", "sgd"),
    "train.schedule": ("linear", "linear"),
    "train.loss": ("binary", "binary"),
    "train.augment": ("strong", "strong"),
    "train.plain_share": ("0.5", 0.5),
    "train.degrade.jpeg": ("50", 50),
}
BY_TYPE = {
    int: ("3", 3),
    float: ("0.25", 0.25),
    str: ("other", "other"),
    tuple[str, ...]: ("other", ["other"]),
}
VALUES = {".".join(value.path): value for value in values_of(RunSettings)}


def sample(name):
    """A text for the option, and the same for a file; neither is the default."""
    value = VALUES[name]
    if name in SAMPLES:
        return SAMPLES[name]
    kinds = [kind for kind in BY_TYPE if value.type in (kind, kind | None)]
    return BY_TYPE[kinds[0]]


def given_by(*arguments):
    """What a command with the options of a run is given by these."""
    seen = []
    app = typer.Typer()

    @app.command()
    @with_options(RunSettings)
    def command(given, other: int = 1):
        """A command."""
        seen.append((given, other))

    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return seen[0]


def in_file(tmp_path, name, content):
    """The values of a file with one field."""
    for part in reversed(name.split(".")):
        content = {part: content}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    values, recipe = read_config_file(path)
    assert recipe is None
    return values


@pytest.mark.parametrize(
    "name", [n for n, v in VALUES.items() if v.type not in (bool, bool | None)]
)
def test_every_field_can_be_set_by_its_flag_and_in_a_file(name, tmp_path):
    text, content = sample(name)
    by_flag, _ = given_by(VALUES[name].flag, text)
    by_file = in_file(tmp_path, name, content)
    assert names_in(RunSettings, by_flag) == names_in(RunSettings, by_file) == {name}
    settings = build(RunSettings, by_flag)
    assert settings == build(RunSettings, by_file) != RunSettings()


@pytest.mark.parametrize("name", [n for n, v in VALUES.items() if v.type in (bool, bool | None)])
@pytest.mark.parametrize("wanted", [True, False])
def test_switches_go_both_ways(name, wanted, tmp_path):
    flag = VALUES[name].flag
    by_flag, _ = given_by(flag if wanted else flag.replace("--", "--no-"))
    assert by_flag == in_file(tmp_path, name, wanted)


def test_what_was_not_given_is_not_there():
    assert given_by() == ({}, 1)
    assert given_by("--other", "2") == ({}, 2)


def test_a_default_that_is_given_was_given():
    assert given_by("--steps", "12")[0] == {"generate": {"steps": 12}}


def test_flags_are_told_apart():
    flags = [value.flag for value in VALUES.values()]
    assert len(set(flags)) == len(flags)


@pytest.mark.parametrize("name", VALUES)
def test_every_option_says_what_it_is_for(name):
    assert len(VALUES[name].help) > 8


def test_the_file_that_is_written_is_read_again_equal(tmp_path):
    arguments = [part for name in SAMPLES for part in (VALUES[name].flag, SAMPLES[name][0])]
    settings = build(RunSettings, given_by(*arguments)[0])
    assert settings.train.augment == AUGMENTATIONS["strong"]
    write_config(tmp_path, settings, {"name": "mine"})
    assert read_config(tmp_path) == (settings, {"name": "mine"})


def test_a_file_may_give_each_range_of_the_augmentation(tmp_path):
    values = in_file(tmp_path, "train.augment", {"flip": 0.5, "area": [0.5, 1]})
    assert build(RunSettings, values).train.augment == AugmentRanges(flip=0.5, area=(0.5, 1.0))


def help_of(settings):
    app = typer.Typer(rich_markup_mode="markdown")

    @app.command()
    @with_options(settings)
    def command(given):
        """A command."""

    return " ".join(CliRunner().invoke(app, ["--help"], env={"COLUMNS": "300"}).output.split())


def test_help_shows_what_a_default_means():
    text = help_of(RunSettings)
    assert "[default: (the model's own)]" in text
    assert "[default: 400]" in text
    assert "[default: random-guidance]" in text


def test_help_shows_several_values_as_one_gives_them():
    text = help_of(E2eSettings)
    assert "[default: 400,800,2000]" in text
    assert "[default: 0.72,0.8]" in text


def test_help_shows_no_default_where_there_is_none():
    text = help_of(RunSettings)
    assert "--spill" in text
    assert "(none)" not in text.lower()
