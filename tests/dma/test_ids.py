"""Ids: names that no run gives twice, and that are known again."""

from __future__ import annotations

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exo.dma.ids import IdForm, Ids, order_hash, read
from exo.errors import InvalidValue, OutOfNames

S = 1_000_000_000
NOW = 1_795_000_000 * S
order_ids = st.from_regex(re.compile(r"[0-9A-Za-z-]{1,20}", re.ASCII), fullmatch=True)
instances = st.from_regex(re.compile(r"[0-9a-z]", re.ASCII), fullmatch=True)
forms = st.sampled_from(IdForm)


@given(instances, order_ids, st.integers(0, 2_800_000_000 * S), st.integers(1, 40))
def test_a_text_name_is_short_and_tells_all_it_was_made_of(instance: str, order_id: str, now: int, times: int) -> None:
    """At most 36 of 0-9A-Za-z and the dash, as Binance and BitMEX want."""
    ids = Ids(instance, now)
    names = [ids.give(order_id) for _ in range(times)]
    assert len(set(names)) == times
    for number, name in enumerate(names, 1):
        assert re.fullmatch(r"[0-9A-Za-z-]{1,36}", name)
        named = read(name)
        assert named == (instance, ids.epoch, number, order_id, order_hash(order_id))
        assert ids.mine(name)


@given(instances, order_ids, st.integers(0, 2_800_000_000 * S))
def test_a_uuid_name_is_a_uuid_and_tells_whose_it_is(instance: str, order_id: str, now: int) -> None:
    """Of the order it keeps a hash."""
    ids = Ids(instance, now, IdForm.UUID)
    name = ids.give(order_id)
    parsed = uuid.UUID(name)
    assert str(parsed) == name and parsed.version == 8 and parsed.variant == uuid.RFC_4122
    assert read(name) == (instance, ids.epoch, 1, "", order_hash(order_id)) and ids.mine(name)
    assert read(name.upper()) == read(name)


@given(forms, instances, order_ids)
def test_the_same_run_gives_the_same_names_and_another_run_others(form: IdForm, instance: str, order_id: str) -> None:
    """A millisecond is enough to be another run; so is another instance."""
    runs = [Ids(instance, NOW, form), Ids(instance, NOW, form), Ids(instance, NOW + S // 1000, form)]
    first, again, later = (run.give(order_id) for run in runs)
    assert first == again and first != later
    other = Ids("z" if instance == "y" else "y", NOW, form)
    assert other.give(order_id) != first and not other.mine(first)


@given(forms, st.lists(order_ids, min_size=2, max_size=30))
def test_no_two_requests_of_a_run_have_the_same_name(form: IdForm, orders: list[str]) -> None:
    """Of whichever orders, also of one whose id is used again."""
    ids = Ids("x", NOW, form)
    names = [ids.give(order_id) for order_id in orders]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "name", ["", "C1", "x-1", str(uuid.uuid4()), "X-7ttkqo0aa1-a", "x-7ttkqo0a-a", "x-7ttkqo0aa1-a b"]
)
def test_what_is_of_neither_form_is_nobodys(name: str) -> None:
    """Nor is any other UUID."""
    assert read(name) is None and not Ids("x", NOW).mine(name)


@given(st.text(max_size=50))
def test_any_text_may_be_asked_about(name: str) -> None:
    """It is of a form or not."""
    named = read(name)
    assert named is None or named.instance


@pytest.mark.parametrize("instance", ["", "ab", "A", "-", 5])
def test_an_instance_is_one_small_letter_or_digit(instance: object) -> None:
    """Else the names would not fit."""
    with pytest.raises(InvalidValue, match="instance"):
        Ids(instance, NOW)  # type: ignore[arg-type]


def test_a_run_that_has_no_names_left_says_so() -> None:
    """Sixty million are enough for a week of a hundred a second."""
    ids = Ids("x", NOW)
    ids._given = 36**5 - 2
    assert len(ids.give("P" * 20)) <= 36
    with pytest.raises(OutOfNames, match="restart"):
        ids.give("P")
