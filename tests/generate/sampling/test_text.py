"""The table of text embeddings: what is encoded when, and what stands for no prompt."""

import pytest
import torch
from transformers import CLIPTokenizer

from zeroreal.assets import TINY_FASHION
from zeroreal.engine import DimensionRange, GraphSpec, TensorSpec
from zeroreal.generate.sampling.text import TextEmbeddings, warn_of_long

TOKENS = 8
LONG = "a photo of a coat and a bag and a dress and a shirt"
LONGER = f"{LONG} and a sandal"


class Encoder:
    """A text encoder whose embeddings are the tokens' own numbers; it remembers its batches."""

    device = torch.device("cpu")

    def __init__(self, names, largest=None):
        inputs = [TensorSpec(name, torch.int64, ("batch", TOKENS)) for name in names]
        self.spec = GraphSpec("text_encoder", tuple(inputs), ())
        self.profile = {} if largest is None else {"batch": DimensionRange(1, 1, largest)}
        self.batches = []

    def __call__(self, inputs, outputs=None):
        self.batches.append(len(inputs["tokens"]))
        last = inputs[self.spec.inputs[-1].name]
        embeddings = inputs["tokens"][..., None].repeat(1, 1, 2).float()
        return {"text_embeddings": embeddings, "pooled": last.float()}


@pytest.fixture(scope="module")
def tokenizer():
    return CLIPTokenizer.from_pretrained(TINY_FASHION, subfolder="tokenizer")


@pytest.fixture
def table(tokenizer):
    """A function that makes a table with its encoder; one tokenizer, or SDXL's two."""

    def make(encoders=1, largest=None, **options):
        engine = Encoder(["tokens", "tokens_2"][:encoders], largest)
        options = {"dtype": torch.float32, **options}
        return TextEmbeddings([tokenizer] * encoders, engine, **options), engine

    return make


def test_every_prompt_gets_its_own_tokens_cut_and_filled_up_to_the_model_s_length(table, tokenizer):
    prompts = ["a coat", LONG, "", "a coat"]
    found = table(dtype=torch.float16)[0].lookup(prompts)
    assert found["text_embeddings"].dtype == found["pooled"].dtype == torch.float16
    start, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    for row, prompt in enumerate(prompts):
        words = tokenizer(prompt, add_special_tokens=False).input_ids[: TOKENS - 2]
        padding = [tokenizer.pad_token_id] * (TOKENS - 2 - len(words))
        assert found["pooled"][row].tolist() == [start, *words, end, *padding]


def test_a_known_prompt_is_not_encoded_again(table):
    texts, engine = table()
    first = texts.lookup(["a coat", "a bag", "a coat"])
    second = texts.lookup(["a bag", "a dress", "a coat"])
    assert engine.batches == [2, 1]
    assert len(texts) == 3
    assert torch.equal(second["pooled"][[2, 0]], first["pooled"][:2])


def test_where_the_table_is_full_what_was_not_asked_for_for_longest_makes_room(table):
    texts, engine = table(most_rows=2)
    for prompt in ("a coat", "a bag", "a coat", "a dress", "a coat"):
        texts.lookup([prompt])
    assert (len(texts), engine.batches) == (2, [1, 1, 1])
    found = texts.lookup(["a bag", "a dress"])["pooled"]  # the bag is encoded again
    assert engine.batches == [1, 1, 1, 1]
    assert torch.equal(found, table()[0].lookup(["a bag", "a dress"])["pooled"])


def test_batches_keep_to_what_the_engine_was_built_for(table):
    texts, engine = table(largest=2)
    prompts = [f"a {name}" for name in ("coat", "bag", "dress", "shirt", "sandal")]
    found = texts.lookup(prompts)
    assert engine.batches == [2, 2, 1]
    assert torch.equal(found["pooled"], table()[0].lookup(prompts)["pooled"])


def test_an_empty_negative_prompt_is_zero_for_sdxl_and_nothing_else_is(table):
    texts, _ = table(encoders=2, empty_is_zero=True)
    negative = texts.lookup_negative(["", "a bag", ""])
    plain = texts.lookup(["", "a bag", ""])
    for name in ("text_embeddings", "pooled"):
        assert negative[name][[0, 2]].eq(0).all()
        assert torch.equal(negative[name][1], plain[name][1])
        assert plain[name][0].ne(0).any(), "the table itself keeps the empty prompt's embeddings"


def test_an_empty_negative_prompt_is_encoded_for_other_models(table):
    texts, _ = table()
    for name, values in texts.lookup_negative([""]).items():
        assert torch.equal(values, texts.lookup([""])[name])
        assert values.ne(0).any()


def said(caplog):
    """What we warned of."""
    return [record.getMessage() for record in caplog.records if "zeroreal" in record.name]


@pytest.mark.parametrize(("encoders", "largest"), [(1, None), (2, None), (1, 1)])
def test_long_prompts_are_warned_of_once_with_their_count_and_the_longest(
    table, tokenizer, caplog, encoders, largest
):
    texts, _ = table(encoders, largest)
    texts.lookup(["a coat", LONG, LONGER, "a bag"])
    tokens = 2 + len(tokenizer.tokenize(LONGER))  # with start and end
    expected = (
        "2 of 4 prompts are cut to the 8 tokens that the model reads; "
        f"the longest has {tokens}: {LONGER!r}"
    )
    assert said(caplog) == [expected]
    texts.lookup([LONG, f"{LONGER} and a hat"])
    assert said(caplog) == [expected]


def test_prompts_checked_beforehand_are_said_then_and_not_when_they_are_met(table, caplog):
    texts, _ = table()
    texts.check(["a coat", LONG, LONG, "a bag"])
    texts.lookup(["a coat", LONG])
    texts.lookup_negative([LONGER])
    (message,) = said(caplog)
    assert message.startswith("1 of 3 prompts are cut to the 8 tokens")


def test_long_negative_prompts_are_warned_of(table, caplog):
    texts, _ = table()
    texts.lookup(["a coat"])
    assert said(caplog) == []
    texts.lookup_negative([LONG])
    assert len(said(caplog)) == 1


def test_a_prompt_as_long_as_the_model_reads_is_not_cut(table, tokenizer, caplog):
    exact = "coat " * (TOKENS - 2)
    assert len(tokenizer.tokenize(exact)) == TOKENS - 2
    table()[0].lookup([exact])
    assert said(caplog) == []


def test_the_longest_of_many_prompts_is_found_and_shown_in_part(tokenizer, caplog):
    prompts = [f"a coat {'and a bag ' * (number % 7)}{number}" for number in range(5_000)]
    prompts[4_900] = "coat " * 400
    assert warn_of_long([tokenizer], TOKENS, prompts) == sum(
        len(tokenizer.tokenize(one)) > TOKENS - 2 for one in prompts
    )
    (message,) = said(caplog)
    assert f"the longest has 402: {'coat ' * 40!r} ..." in message
