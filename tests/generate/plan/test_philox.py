"""Philox against its authors' answers, and how seeds, indices and streams enter it."""

import pytest

from zeroreal.generate.plan.philox import Stream, philox4x32, seed63, shuffled, uniform, words

# kat_vectors of the Random123 distribution, philox4x32-10: counter, key, answer.
ONES = 0xFFFFFFFF
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES,) * 4, (ONES, ONES), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
FIRST, SECOND = KNOWN[0][2][:2]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_philox_matches_the_known_answers_of_its_authors(counter, key, answer):
    assert philox4x32(counter, key) == answer


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_the_index_counts_in_64_bits_and_the_seed_is_the_key(counter, key, answer):
    low, high, stream, draw = counter
    seed, index = key[1] * 2**32 + key[0], high * 2**32 + low
    assert words(seed, index, stream, draw) == answer


def test_the_first_draw_of_a_stream_is_draw_0():
    assert words(0, 0, Stream.NOISE) == KNOWN[0][2]


def test_the_streams_of_data_sets_made_before_stay_what_they_are():
    assert {stream.name: stream.value for stream in Stream} == {
        "NOISE": 0,
        "GUIDANCE": 1,
        "DOMAIN": 2,
        "ATTEMPT": 3,
        "PROMPT": 4,
        "SHARE": 5,
        "ATTRIBUTE": 6,
    }


def test_a_uniform_number_is_the_first_word_as_a_fraction():
    assert uniform(0, 0, Stream.NOISE) == FIRST * 0.5**32


def test_a_seed_is_the_first_two_words_without_the_highest_bit():
    assert seed63(0, 0, Stream.NOISE) == FIRST * 2**32 + SECOND
    high, low, *_ = next(
        found for i in range(100) if (found := words(5, i, Stream.NOISE))[0] >= 2**31
    )
    index = next(i for i in range(100) if words(5, i, Stream.NOISE)[0] == high)
    assert seed63(5, index, Stream.NOISE) == (high - 2**31) * 2**32 + low


def test_shuffling_puts_indices_in_the_order_of_their_words():
    order = shuffled(9, 3, 7, Stream.DOMAIN)
    assert sorted(order) == list(range(9))
    drawn = [words(3, 7, Stream.DOMAIN, draw)[0] for draw in order]
    assert drawn == sorted(drawn)
    assert shuffled(9, 3, 8, Stream.DOMAIN) != order
