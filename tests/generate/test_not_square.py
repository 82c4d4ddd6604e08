"""Images generated at a size that is not square: the middle of what the pipelines make."""

import pytest
from pipelines import assert_same_image, pipeline_image, pipeline_of

from zeroreal.export import ExportSettings, export_model
from zeroreal.generate import SampleSpec

SPEC = SampleSpec(
    index=0, label=0, prompt="a photo of a coat", guidance=4.0, seed=5, negative_prompt="blurry"
)
STEPS = 3
SIZES = [((24, 16), (slice(4, 20), slice(None))), ((16, 32), (slice(None), slice(8, 24)))]


def image(generator, folder, size, **settings):
    made = generator(
        model=str(folder), steps=STEPS, tune="off", generate_size=size, precision="fp32", **settings
    )
    assert made.facts.generate_size == size
    return made.images([SPEC])[0][0]


@pytest.mark.parametrize(("size", "middle"), SIZES)
@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_it_is_the_middle_of_the_pipelines_image(
    family, size, middle, generator, noise_of, tiny_model
):
    folder = tiny_model(family)
    theirs = pipeline_image(pipeline_of(folder), SPEC, STEPS, noise_of, size=size)
    assert theirs.shape[:2] == size
    assert_same_image(image(generator, folder, size), theirs[middle])


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["torch:compiled", "onnxruntime"])
def test_engines_make_the_same(engine, generator, noise_of, tiny_model):
    folder, (size, middle) = tiny_model("sd15"), SIZES[0]
    theirs = pipeline_image(pipeline_of(folder), SPEC, STEPS, noise_of, size=size)
    assert_same_image(image(generator, folder, size, engine=engine), theirs[middle])


@pytest.mark.slow
def test_an_export_for_any_size_makes_the_same(generator, noise_of, tiny_model, tmp_path):
    folder, (size, middle) = tiny_model("sd15"), SIZES[1]
    exported = export_model(str(folder), tmp_path / "any", ExportSettings(any_size=True))
    theirs = pipeline_image(pipeline_of(folder), SPEC, STEPS, noise_of, size=size)
    ours = image(generator, exported.folder, size, engine="onnxruntime")
    assert_same_image(ours, theirs[middle])
