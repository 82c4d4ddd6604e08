"""An engine and conditions for the tests of the denoising loop."""

from types import SimpleNamespace

import pytest
import torch

from zeroreal.kernels import philox_normal_reference


def model(latents, timestep):
    """Some function of both, bounded as a UNet's output is; in float32."""
    return torch.tanh(1.5 * latents - latents.roll(1, -1) + timestep / 500)


class Stepping:
    """A denoising engine by its definition; it remembers what it was given."""

    device = torch.device("cpu")

    def __init__(self, noise_from="noise", features=False):
        self.calls = []
        self.features = features
        names = ["noise"] if noise_from == "noise" else ["seeds", "draw"]
        self.spec = SimpleNamespace(inputs=[SimpleNamespace(name=name) for name in names])

    def __call__(self, inputs, outputs):
        read = {tensor.data_ptr() for tensor in inputs.values()}
        assert read.isdisjoint(tensor.data_ptr() for tensor in outputs.values())
        self.calls.append({name: tensor.clone() for name, tensor in inputs.items()})
        given = SimpleNamespace(**self.calls[-1])
        if "noise" not in inputs:
            draw = int(given.draw)
            given.noise = philox_normal_reference(given.seeds, given.latents.shape[1:], draw)
        c, x = given.coefficients, given.latents
        output = given.guidance.view(-1, 1, 1, 1) * model(c[0] * x, given.timestep)
        following = c[1] * x + c[2] * output + c[3] * given.history + c[4] * given.noise
        carry = c[5] * x + c[6] * output
        results = {
            "next_latents": outputs["next_latents"].copy_(following),
            "carry": outputs["carry"].copy_(carry),
        }
        if self.features:
            results["deep_features"] = torch.full((len(inputs["rows"]), 1), float(len(self.calls)))
        return results


def conditions(*guidance):
    return {"guidance": torch.tensor(guidance), "text_embeddings": torch.zeros(len(guidance), 1)}


@pytest.fixture(name="model", scope="session")
def _model():
    return model


@pytest.fixture(name="stepping", scope="session")
def _stepping():
    return Stepping


@pytest.fixture(name="conditions", scope="session")
def _conditions():
    return conditions
