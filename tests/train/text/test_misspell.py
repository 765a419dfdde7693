import random

from hypothesis import given
from hypothesis import strategies as st

from linguagen.train.text.misspell import misspell


def edits(word: str) -> set[str]:
    """All that one slip can make of a word, written down apart from the code: Norvig's sets, the first letter kept."""
    splits = [(word[:i], word[i:]) for i in range(1, len(word) + 1)]
    letters = "abcdefghijklmnopqrstuvwxyz"
    swapped = {a + b[1] + b[0] + b[2:] for a, b in splits if len(b) > 1}
    dropped = {a + b[1:] for a, b in splits if b}
    doubled = {a + a[-1] + b for a, b in splits}
    replaced = {a + letter + b[1:] for a, b in splits if b for letter in letters}
    return swapped | dropped | doubled | replaced


@given(st.lists(st.text("abcdefgh", min_size=1, max_size=9), min_size=1, max_size=6), st.integers(0, 1000))
def test_one_word_of_four_letters_or_more_is_misspelt_once(words, seed):
    text = " ".join(words)
    given_words = misspell(text, random.Random(seed)).split(" ")
    assert len(given_words) == len(words)
    changed = [(word, now) for word, now in zip(words, given_words, strict=True) if word != now]
    assert len(changed) <= 1
    assert all(len(word) >= 4 and now in edits(word) for word, now in changed)


def test_every_slip_is_made_and_the_seed_says_which():
    found = {misspell("brown", random.Random(seed)) for seed in range(3000)}
    assert found == edits("brown")
    assert misspell("quick brown", random.Random(3)) == misspell("quick brown", random.Random(3))


def test_short_words_numbers_and_other_text_stay():
    for text in ("the cat sat", "12345 a1b2c3", "-- ...", ""):
        assert misspell(text, random.Random(0)) == text
