"""Options that change a model: our images are those of the pipeline that was told the same."""

import functools
import shutil

import pytest
import torch
from pipelines import assert_same_image, pipeline_image, pipeline_of
from safetensors.torch import load_file, save_file

from zeroreal.base import InputError
from zeroreal.export import ExportSettings, export_model
from zeroreal.export.model.parts import PartsChoice, find_parts
from zeroreal.export.model.textual_inversion import TextualInversion, parse_inversion
from zeroreal.generate import SampleSpec

PROMPT = "a photo of a <shoe> and a coat, seen from the side"
SPEC = SampleSpec(index=0, label=0, prompt=PROMPT, guidance=4.0, seed=5, negative_prompt="blurry")
STEPS = 3


@pytest.fixture
def image(generator):
    """A function that gives the image that a model makes by some settings."""

    def make(folder, **settings):
        made = generator(model=str(folder), steps=STEPS, tune="off", **settings)
        return made.images([SPEC])[0][0]

    return make


def refusal(folder, **choice):
    with pytest.raises(InputError) as caught:
        find_parts(folder, PartsChoice(**choice))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def digest(folder, **choice):
    return find_parts(folder, PartsChoice(**choice)).digest


# Clip skip


@pytest.mark.parametrize(("family", "skip"), [("sd15", 1), ("sd15", 2), ("sdxl", 1)])
def test_clip_skip_is_that_of_the_pipeline(family, skip, image, noise_of, tiny_model):
    folder = tiny_model(family)
    theirs = pipeline_image(pipeline_of(folder), SPEC, STEPS, noise_of, clip_skip=skip)
    assert_same_image(image(folder, clip_skip=skip), theirs)
    without = pipeline_image(pipeline_of(folder), SPEC, STEPS, noise_of)
    assert (without - theirs).abs().mean() > 1


def test_clip_skip_is_part_of_a_models_identity(tiny_model):
    folder = tiny_model("sd15")
    assert digest(folder, clip_skip=1) != digest(folder)
    assert digest(folder, clip_skip=0) == digest(folder)


@pytest.mark.parametrize(("family", "most"), [("sd15", 2), ("sdxl", 1)])
def test_more_layers_than_there_are_cannot_be_left_out(family, most, tiny_model):
    find_parts(tiny_model(family), PartsChoice(clip_skip=most))
    assert f"0 to {most} layers" in refusal(tiny_model(family), clip_skip=most + 1)


# Textual inversion


def vectors(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def file(tmp_path):
    """A function that writes tensors into a file."""

    def write(name="shoe.safetensors", **tensors):
        save_file(tensors, tmp_path / name)
        return tmp_path / name

    return write


@pytest.mark.parametrize("shape", [(32,), (1, 32), (3, 32)])
def test_a_textual_inversion_is_that_of_the_pipeline(shape, file, image, noise_of, tiny_model):
    folder, path = tiny_model("sd15"), file(**{"<shoe>": vectors(*shape)})
    pipeline = pipeline_of(folder)
    pipeline.load_textual_inversion(str(path))
    theirs = pipeline_image(pipeline, SPEC, STEPS, noise_of)
    assert_same_image(image(folder, textual_inversion=(str(path),)), theirs)
    without = pipeline_image(pipeline_of(folder), SPEC, STEPS, noise_of)
    assert (without - theirs).abs().mean() > 1


def test_both_encoders_of_xl_learn_the_word(file, image, noise_of, tiny_model):
    folder = tiny_model("sdxl")
    taught = {"clip_l": vectors(2, 32), "clip_g": -vectors(2, 32)}
    path, pipeline = file("other.safetensors", **taught), pipeline_of(folder)
    for name, number in (("clip_l", ""), ("clip_g", "_2")):
        parts = {part: getattr(pipeline, part + number) for part in ("tokenizer", "text_encoder")}
        pipeline.load_textual_inversion(taught[name], token="<shoe>", **parts)
    theirs = pipeline_image(pipeline, SPEC, STEPS, noise_of)
    assert_same_image(image(folder, textual_inversion=(f"{path}:<shoe>",)), theirs)


def test_a_file_without_a_word_goes_by_its_name(file, image, tiny_model):
    folder = tiny_model("sd15")
    named, nameless = (
        file(**{"<shoe>": vectors(32)}),
        file("<shoe>.safetensors", emb_params=vectors(32)),
    )
    one, other = (image(folder, textual_inversion=(str(path),)) for path in (named, nameless))
    assert torch.equal(one, other)


def test_a_word_may_have_colons(file):
    path = file(**{"<shoe>": vectors(32)})
    assert parse_inversion(f"{path}::shoe:") == TextualInversion(path, ":shoe:")
    assert parse_inversion(str(path)) == TextualInversion(path, "<shoe>")


def test_an_export_knows_the_word_and_skips_layers(file, image, tiny_model, tmp_path):
    folder, path = tiny_model("sd15"), str(file(**{"<shoe>": vectors(2, 32)}))
    parts = PartsChoice(inversions=(path,), clip_skip=1)
    export_model(folder, tmp_path / "out", ExportSettings(parts=parts))
    exported = image(tmp_path / "out", engine="onnxruntime:cpu")
    native = image(folder, textual_inversion=(path,), clip_skip=1)
    assert (exported - native.float()).abs().mean() < 0.1
    for more in ({"textual_inversion": (path,)}, {"clip_skip": 1}, {"variant": "fp16"}):
        with pytest.raises(InputError, match="was asked for, but the parts of"):
            image(tmp_path / "out", engine="onnxruntime:cpu", **more)


def test_a_textual_inversion_is_part_of_a_models_identity(file, tiny_model):
    folder, path = tiny_model("sd15"), file(**{"<shoe>": vectors(32)})
    digests = {digest(folder), digest(folder, inversions=(str(path),))}
    digests.add(digest(folder, inversions=(f"{path}:<boot>",)))
    file(**{"<shoe>": vectors(2, 32)})
    digests.add(digest(folder, inversions=(str(path),)))
    assert len(digests) == 4


NAN = torch.full((32,), torch.nan)


@pytest.mark.parametrize(
    ("family", "tensors", "told"),
    [
        ("sd15", {"<shoe>": vectors(64)}, "vectors of 64 numbers where the model's"),
        ("sd15", {"clip_l": vectors(32), "clip_g": vectors(32)}, "made for Stable Diffusion XL"),
        ("sdxl", {"<shoe>": vectors(32)}, "was made for a model with one text encoder"),
        ("sdxl", {"clip_l": vectors(1, 32), "clip_g": vectors(2, 32)}, "has tensors of shape"),
        ("sd15", {"<shoe>": vectors(1, 1, 32)}, "has tensors of shape [(1, 1, 32)]"),
        ("sd15", {"<shoe>": NAN}, "values that are no finite numbers"),
        ("sd15", {"a": vectors(32), "b": vectors(32)}, "holds 2 tensors ('a', 'b')"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_model_is_refused(family, tensors, told, file, tiny_model):
    path = file(**tensors)
    message = refusal(tiny_model(family), inversions=(str(path),))
    assert str(path) in message
    assert told in message


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("shoe.pt", b"", "is a pickle, which can run code"),
        ("shoe.bin", b"", "is a pickle, which can run code"),
        ("shoe.safetensors", b"PK", "is not a whole safetensors file"),
        ("shoe.safetensors", None, "does not exist"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(name, content, told, tiny_model, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert told in refusal(tiny_model("sd15"), inversions=(str(tmp_path / name),))


@pytest.mark.parametrize("word", ["coat</w>", "<|endoftext|>"])
def test_a_word_that_the_model_knows_is_refused(word, file, image, tiny_model):
    path = file(**{"<shoe>": vectors(32)})
    with pytest.raises(InputError, match="is a token of the model already: choose another"):
        image(tiny_model("sd15"), textual_inversion=(f"{path}:{word}",))


# Variants


def with_variants(folder, target, **parts):
    """A copy whose `parts` have a variant `ema` with weights times a factor, plain ones or not."""
    shutil.copytree(folder, target)
    for part, keeps_plain in parts.items():
        (plain,) = (target / part).glob("*.safetensors")
        halved = {name: value * 0.5 for name, value in load_file(plain).items()}
        save_file(halved, plain.with_suffix(".ema.safetensors"), {"format": "pt"})
        if not keeps_plain:
            plain.unlink()
    return target


def test_a_variant_is_what_the_pipeline_reads(image, noise_of, tiny_model, tmp_path):
    folder = with_variants(tiny_model("sd15"), tmp_path / "m", unet=True, text_encoder=True)
    kind = type(pipeline_of(folder))
    make = functools.partial(pipeline_image, spec=SPEC, steps=STEPS, noise_of=noise_of)
    plain, ema = (make(kind.from_pretrained(folder, variant=one)) for one in (None, "ema"))
    assert_same_image(image(folder), plain)
    assert_same_image(image(folder, variant="ema"), ema)
    assert (plain - ema).abs().mean() > 1
    assert digest(folder, variant="ema") != digest(folder)


def test_several_variants_without_plain_files_are_chosen_among(tiny_model, tmp_path):
    folder = with_variants(tiny_model("sd15"), tmp_path / "m", unet=False)
    (ema,) = (folder / "unet").glob("*.safetensors")
    assert digest(folder) == digest(folder, variant="ema")  # the only one
    shutil.copy(ema, str(ema).replace(".ema.", ".fp16."))
    assert "variants 'ema', 'fp16' and none of them plain: choose one by --variant" in refusal(
        folder
    )
    find_parts(folder, PartsChoice(variant="fp16"))


@pytest.mark.parametrize(
    ("keeps_plain", "told"), [(True, "has 'ema': give one"), (False, "as 'ema'")]
)
def test_a_variant_that_no_part_has_is_refused(keeps_plain, told, tiny_model, tmp_path):
    folder = with_variants(tiny_model("sd15"), tmp_path / "m", unet=keeps_plain)
    message = refusal(folder, variant="bf16")
    assert message.startswith("variant 'bf16' was asked for")
    assert told in message
    assert "has plain ones only" in refusal(tiny_model("sd15"), variant="bf16")
