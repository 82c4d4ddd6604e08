"""What the table of levers predicts, and how it is read."""

import math
from dataclasses import fields

import pytest

from zeroreal.generate import GenerateSettings
from zeroreal.run.budget.levers import LeverSetting, LeverTable, read_levers

BASELINE = LeverSetting("baseline", {}, 1.0, 1.0, 1.0)
QUICK = LeverSetting("quick", {"steps": 3}, 1.1, 0.25, 1.0)
# The error halves with four times the images.
TABLE = LeverTable((BASELINE, QUICK), {100: 0.4, 400: 0.2, 1600: 0.1})


@pytest.mark.parametrize(
    ("images", "error"),
    [(100, 0.4), (200, 0.2828427), (400, 0.2), (1600, 0.1), (6400, 0.05), (25, 0.8)],
)
def test_the_error_follows_a_power_law_between_and_beyond_what_was_measured(images, error):
    assert TABLE.error(BASELINE, images) == pytest.approx(error)
    assert TABLE.error(QUICK, images) == pytest.approx(1.1 * error)


@pytest.mark.parametrize(
    ("images", "error"),
    [
        (50, 0.4),  # the first piece's law, 20 / images
        (100, 0.2),
        (150, 0.2 / 1.5),
        (200, 0.1),
        (400, 0.1 / math.sqrt(2)),  # the second's, 0.1 * sqrt(200 / images)
        (800, 0.05),
        (3200, 0.025),
    ],
)
def test_between_two_numbers_the_law_is_that_of_these_two(images, error):
    # Given out of order, as a mapping may be.
    table = LeverTable((BASELINE,), {800: 0.05, 100: 0.2, 200: 0.1})
    assert table.error(BASELINE, images) == pytest.approx(error)


def test_no_error_is_above_one():
    assert TABLE.error(QUICK, 1) == 1


def test_a_table_is_read_with_its_lists_as_tuples(tmp_path):
    path = tmp_path / "levers.yaml"
    path.write_text(
        """
baseline_errors: {100: 0.5, 200: 0.25}
settings:
  baseline: {change: {}, error_ratio: 1.0, denoise_ratio: 1.0, decode_ratio: 1.0}
  other:
    change: {guidance_interval: [0.3, 5.0], steps: 4}
    error_ratio: 1.2
    denoise_ratio: 0.3
    decode_ratio: 0.9
"""
    )
    assert read_levers(path) == LeverTable(
        (
            BASELINE,
            LeverSetting("other", {"guidance_interval": (0.3, 5.0), "steps": 4}, 1.2, 0.3, 0.9),
        ),
        {100: 0.5, 200: 0.25},
    )


def test_the_table_that_ships_has_the_defaults_as_its_baseline():
    table = read_levers()
    assert table.settings[0] == BASELINE
    known = {field.name for field in fields(GenerateSettings)}
    assert all(known >= set(setting.change) for setting in table.settings)
    errors = [table.errors[images] for images in sorted(table.errors)]
    assert errors == sorted(errors, reverse=True)
