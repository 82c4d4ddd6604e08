"""Contenders by what people write."""

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.e2e.contenders import parse_contender
from zeroreal.benchmarks.e2e.peer_settings import PeerSettings
from zeroreal.run.settings import RunSettings


def test_ours_is_a_run_with_its_defaults():
    assert parse_contender("ours").settings == RunSettings()


def test_the_peers_differ_in_their_recipe_alone():
    usual, informed = (parse_contender(name).settings for name in ("usual", "informed"))
    assert usual == PeerSettings(recipe="base")
    assert informed == PeerSettings(recipe=RunSettings().recipe)


def test_settings_of_ours_go_by_their_last_name_and_are_read_as_the_command_reads_them():
    text = "ours:steps=4,deep_cache=2,epochs=8,guidance_interval=0.3:5,vae=tiny,cuda_graphs=true"
    contender = parse_contender(text)
    generate = contender.settings.generate
    assert contender.name == text
    assert (generate.steps, generate.deep_cache, generate.vae) == (4, 2, "tiny")
    assert generate.guidance_interval == (0.3, 5.0)
    assert generate.cuda_graphs is True
    assert contender.settings.train.epochs == 8


def test_words_that_yaml_takes_for_booleans_are_words():
    assert parse_contender("ours:tune=off").settings.generate.tune == "off"


def test_settings_of_ours_go_by_their_whole_path_too():
    settings = parse_contender("ours:train.batch_size=128,generate.batch_size=32").settings
    assert (settings.train.batch_size, settings.generate.batch_size) == (128, 32)


def test_settings_of_peers_keep_the_peers_own_defaults():
    settings = parse_contender("informed:compile=true,epochs=8").settings
    assert settings == PeerSettings(recipe="random-guidance", compile=True, epochs=8)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("theirs", "unknown contender 'theirs': known are informed, ours, usual"),
        ("", "unknown contender ''"),
        ("ours:steps", "contender 'ours:steps': 'steps' has no value: write steps=VALUE"),
        ("ours:stepps=4", "unknown setting 'stepps': did you mean"),
        ("ours:steps=four", "generate.steps is 'four': "),
        ("ours:steps=0", "steps is 0: at least 1 is needed"),
        ("ours:batch_size=8", "may be generate.batch_size or train.batch_size: write which"),
        ("ours:seed=1", "unknown setting 'seed'"),
        ("usual:epochs=0", "epochs is 0: at least 1 is needed"),
        ("usual:vae=tiny", "unknown setting 'vae'"),
    ],
)
def test_what_cannot_be_used_gets_one_sentence(text, complaint):
    with pytest.raises(InputError) as error:
        parse_contender(text)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)
