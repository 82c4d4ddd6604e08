"""Bytes counted on layers whose traffic is counted by hand."""

import pytest
import torch
from torch import nn

from zeroreal.benchmarks.latency.traffic import Traffic, traffic_of


@pytest.fixture(autouse=True)
def _without_values():
    with torch.device("meta"):
        yield


def test_a_linear_layer_reads_weights_and_inputs_and_writes_results():
    layer, inputs = nn.Linear(8, 16), torch.zeros(1, 8)
    assert traffic_of(lambda: layer(inputs), layer.parameters()) == Traffic(8 * 16 + 16, 8 + 16)


def test_each_operator_reads_and_writes_and_views_are_free():
    layers = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.SiLU())
    inputs = torch.zeros(1, 3, 5, 5)
    found = traffic_of(lambda: layers(inputs).flatten(1).view(-1).t(), layers.parameters())
    assert found == Traffic(3 * 4 * 9 + 4, 75 + 100 + 100 + 100)


def test_what_is_written_in_place_counts():
    inputs = torch.zeros(10)
    assert traffic_of(lambda: inputs.mul_(2), ()) == Traffic(0, 20)


def test_attention_keeps_its_scores():
    query, key = torch.zeros(1, 2, 7, 4), torch.zeros(1, 2, 100, 4)
    attention = nn.functional.scaled_dot_product_attention
    assert traffic_of(lambda: attention(query, key, key), ()) == Traffic(0, 2 * 56 + 2 * 800)


def test_a_table_is_read_where_it_is_looked_up():
    table, rows = nn.Embedding(1000, 4), torch.zeros(3, dtype=torch.int64)
    assert traffic_of(lambda: table(rows), table.parameters()) == Traffic(0, 2 * 12)


def test_an_expanded_tensor_lies_in_memory_once():
    inputs, bias = torch.zeros(5, 10), torch.zeros(10)
    assert traffic_of(lambda: inputs + bias.expand(5, 10), ()) == Traffic(0, 50 + 10 + 50)


def test_weights_are_read_once_a_call_and_activations_with_every_row():
    assert Traffic(weights=100, activations=10).of(calls=2, rows=6, itemsize=2) == 2 * (200 + 60)
