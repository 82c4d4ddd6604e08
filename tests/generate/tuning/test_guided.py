"""Tuning measures with guidance where images have it, and without where no image has."""

import pytest

import zeroreal.generate.generator
from zeroreal.generate import load_recipe
from zeroreal.run import RunSettings
from zeroreal.run.generator import make_generator


class AskedError(Exception):
    pass


@pytest.mark.parametrize(("guidance", "guided"), [(1, False), (3, True)])
def test_a_run_tunes_for_the_guidance_of_its_recipe(tmp_path, monkeypatch, guidance, guided):
    def tuned_choice(folder, request, cache, on_progress, images):
        raise AskedError(request.guided)

    monkeypatch.setattr(zeroreal.generate.generator, "tuned_choice", tuned_choice)
    path = tmp_path / "mine.yaml"
    path.write_text(f'prompt: "a {{class}}"\nguidance: {guidance}\n')
    with pytest.raises(AskedError) as asked:
        make_generator(RunSettings(device="cpu"), load_recipe(path).guided, 9, lambda state: None)
    assert asked.value.args == (guided,)
