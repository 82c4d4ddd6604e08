"""The rows of the waterfall."""

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.generation.contender import parse_contender
from zeroreal.benchmarks.waterfall.chain import chain, chosen

CPU = chain("cpu", "bf16", 12, True)
GPU = chain("cuda", "bf16", 12, True)


def aspects(contender):
    """What a contender is made of. Another program comes with its own engine and kernels."""
    name = parse_contender(contender)
    return {
        "program": name.program,
        "engine": name.engine,
        "kernels": name.fused,
        "precision": name.precision,
        "attention": name.attention,
        "graphs": name.cuda_graphs,
        "levers": name.levers,
    }


@pytest.mark.parametrize("links", [CPU, GPU, chain("cuda", "fp16", 4, False)])
def test_each_row_changes_one_thing_of_a_row_before_it(links):
    seen = {}
    for link in links:
        now = aspects(link.contender)
        if link.before is not None:
            before = seen[link.before]
            apart = {name for name in now if now[name] != before[name]}
            if now["program"] == "ours" != before["program"]:  # our loop: engine, no kernels yet
                assert apart == {"program", "engine", "kernels"}
                assert not now["kernels"]
            else:
                assert len(apart) == 1, link.name
            if "levers" in apart:
                assert now["levers"][:-1] == before["levers"]
        seen[link.name] = now
    assert len(seen) == len(links), "names are the rows' own"
    assert [link.name for link in links if link.before is None] == ["diffusers"]


def test_rows_come_in_the_order_of_the_steps():
    assert [link.name for link in GPU] == [
        "diffusers",
        "channels-last",
        "compile",
        "openvino",
        "our-loop",
        "fused-kernels",
        "torch:compiled",
        "onnxruntime",
        "tensorrt",
        "cuda-graphs",
        "bf16",
        "fp16",
        "4-steps",
        "guidance-0.6-6",
        "deep-cache-2",
        "tiny-vae",
    ]
    assert GPU[-1].contender == (
        "ours:torch/bf16/graphs/4-steps/guidance-0.6-6/deep-cache-2/tiny-vae"
    )


def test_a_cpu_has_no_graphs():
    assert "cuda-graphs" not in {link.name for link in CPU}
    assert not any(parse_contender(link.contender).cuda_graphs for link in CPU)
    assert next(link for link in CPU if link.name == "bf16").before == "fused-kernels"


def test_levers_go_on_with_the_device_s_own_precision():
    by_name = {link.name: link for link in chain("cpu", "fp32", 12, True)}
    assert by_name["4-steps"].before == "fused-kernels"
    assert by_name["4-steps"].contender == "ours:torch/fp32/4-steps"


def test_levers_that_spare_nothing_are_no_rows():
    names = {link.name for link in chain("cpu", "bf16", 4, False)}
    assert names.isdisjoint({"4-steps", "guidance-0.6-6"})
    assert {"deep-cache-2", "tiny-vae"} <= names


def test_chosen_rows_keep_the_chain_s_order():
    names = [link.name for link in chosen(CPU, ("fused-kernels", "diffusers"))]
    assert names == ["diffusers", "fused-kernels"]
    assert chosen(CPU, ()) == CPU


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (("fused-kernel",), "unknown row 'fused-kernel': did you mean 'fused-kernels'?"),
        (("bf16", "bf16"), "row 'bf16' was named twice: once will do"),
    ],
)
def test_bad_names_get_one_sentence(names, complaint):
    with pytest.raises(InputError) as error:
        chosen(CPU, names)
    assert complaint in str(error.value)
