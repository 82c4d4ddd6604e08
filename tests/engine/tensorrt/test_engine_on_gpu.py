"""Running plans on a GPU, against PyTorch."""

import functools
import importlib.util

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from zeroreal.engine.cache import Cache
from zeroreal.engine.graph import DimensionRange, GraphFile, GraphSpec, TensorSpec
from zeroreal.engine.tensorrt import engine as tensorrt_engine
from zeroreal.engine.tensorrt.arena import ActivationArena
from zeroreal.engine.tensorrt.engine import load_tensorrt
from zeroreal.engine.tensorrt.inspect import inspect_plan
from zeroreal.engine.tensorrt.library import gpu_target, target_not_supported_reasons

INSTALLED = [name for name in ("tensorrt", "tensorrt_rtx") if importlib.util.find_spec(name)]


pytestmark = pytest.mark.skipif(not INSTALLED, reason="TensorRT is not installed")


class Net(nn.Module):
    """Convolution, group norm and attention.

    Queries are projected: tensorrt_rtx 1.7.1 crashes where queries, keys and values are one tensor.
    """

    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.conv = nn.Conv2d(4, 32, 3, padding=1)
        self.norm = nn.GroupNorm(4, 32)
        self.queries = nn.Linear(32, 32)
        self.project = nn.Linear(32, 4)

    def forward(self, latents, rows):
        tokens = self.norm(self.conv(latents[rows])).flatten(2).transpose(1, 2)
        heads, queries = (
            tensor.unflatten(2, (2, 16)).transpose(1, 2)
            for tensor in (tokens, self.queries(tokens))
        )
        attended = F.scaled_dot_product_attention(queries, heads, heads)
        return self.project(attended.transpose(1, 2).flatten(2))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    @functools.cache
    def export(dtype=torch.float16, seed=0):
        path = tmp_path_factory.mktemp("graph") / "net.onnx"
        batch, rows = torch.export.Dim("batch"), torch.export.Dim("rows")
        torch.onnx.export(
            Net(seed).to(dtype).eval(),
            (torch.zeros(3, 4, 8, 8, dtype=dtype), torch.zeros(5, dtype=torch.int64)),
            dynamo=True,
            opset_version=23,
            dynamic_shapes={"latents": {0: batch}, "rows": {0: rows}},
            output_names=["out"],
            verbose=False,
        ).save(path, external_data=True)
        latents = TensorSpec("latents", dtype, ("batch", 4, 8, 8))
        spec = GraphSpec(
            "net",
            (latents, TensorSpec("rows", torch.int64, ("rows",))),
            (TensorSpec("out", dtype, ("rows", 64, 4)),),
        )
        return GraphFile(path, spec, "structure", f"weights {seed}")

    return export


@pytest.fixture
def gpu():
    device = torch.device("cuda", 0)
    if reasons := target_not_supported_reasons(gpu_target(device)):
        pytest.skip("; ".join(reasons))
    return device


PROFILE = {"batch": DimensionRange(1, 4, 8), "rows": DimensionRange(1, 8, 16)}


def net_inputs(dtype, batch=3, rows=5):
    torch.manual_seed(1)
    indices = torch.randint(0, batch, (rows,))
    return {"latents": torch.randn(batch, 4, 8, 8).to(dtype), "rows": indices}


def reference(seed, inputs):
    net = Net(seed).eval()
    with torch.no_grad():
        return net(inputs["latents"].float(), inputs["rows"])


def assert_close(result, expected):
    error = (result.float().cpu() - expected).abs().max() / expected.abs().max()
    assert error < 2e-2


def on(device, tensors):
    return {name: tensor.to(device) for name, tensor in tensors.items()}


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_results_are_those_of_pytorch(gpu, exported, tmp_path, dtype):
    engine = load_tensorrt(exported(dtype), PROFILE, gpu, Cache(tmp_path))
    for batch, rows in ((3, 5), (8, 16), (1, 1), (3, 5)):
        inputs = net_inputs(dtype, batch, rows)
        assert_close(engine(on(gpu, inputs))["out"], reference(0, inputs))


@pytest.mark.gpu
def test_a_plan_in_the_cache_is_loaded_again(gpu, exported, tmp_path, monkeypatch):
    load_tensorrt(exported(), PROFILE, gpu, Cache(tmp_path))
    monkeypatch.setattr(tensorrt_engine, "cached_plan", lambda *_, **__: pytest.fail("it is built"))
    load_tensorrt(exported(), PROFILE, gpu, Cache(tmp_path))


@pytest.mark.gpu
def test_a_refitted_plan_gives_the_results_of_its_new_weights(gpu, exported, tmp_path, monkeypatch):
    cache, inputs = Cache(tmp_path), net_inputs(torch.float16)
    engine = load_tensorrt(exported(seed=0), PROFILE, gpu, cache, refittable=True)
    assert_close(engine(on(gpu, inputs))["out"], reference(0, inputs))
    engine.refit(exported(seed=1))
    assert_close(engine(on(gpu, inputs))["out"], reference(1, inputs))
    monkeypatch.setattr(tensorrt_engine, "cached_plan", lambda *_, **__: pytest.fail("it is built"))
    other = load_tensorrt(exported(seed=1), PROFILE, gpu, cache, refittable=True)
    assert_close(other(on(gpu, inputs))["out"], reference(1, inputs))


@pytest.mark.gpu
def test_runs_can_be_recorded_as_cuda_graphs(gpu, exported, tmp_path):
    engine = load_tensorrt(exported(), PROFILE, gpu, Cache(tmp_path))
    inputs = [net_inputs(torch.float16, batch, rows) for batch, rows in ((3, 5), (8, 16))]
    buffers, outputs, graphs = [on(gpu, tensors) for tensors in inputs], [], []
    for tensors in buffers:
        outputs.append(engine(tensors))  # contexts are made before anything is recorded
        torch.cuda.synchronize()
        graphs.append(torch.cuda.CUDAGraph())
        with torch.cuda.graph(graphs[-1]):
            engine(tensors, outputs[-1])
    for tensors, output, graph in zip(inputs, outputs, graphs, strict=True):
        output["out"].zero_()
        graph.replay()
        assert_close(output["out"], reference(0, tensors))


@pytest.mark.gpu
def test_engines_that_share_an_arena_do_not_disturb_each_other(gpu, exported, tmp_path):
    arena, cache = ActivationArena(gpu), Cache(tmp_path)
    engines = [
        load_tensorrt(exported(seed=seed), PROFILE, gpu, cache, arena=arena) for seed in (0, 1)
    ]
    inputs = net_inputs(torch.float16)
    for seed in (0, 1, 0, 1):
        assert_close(engines[seed](on(gpu, inputs))["out"], reference(seed, inputs))


@pytest.mark.gpu
def test_an_inspection_on_a_gpu_tells_what_it_loads(gpu, exported, tmp_path):
    cache = Cache(tmp_path)
    load_tensorrt(exported(), PROFILE, gpu, cache)
    (entry,) = cache.entries()
    inspection = inspect_plan(entry.path, gpu)
    assert inspection.loaded.device_memory_bytes > 0
    assert inspection.loaded.layers
