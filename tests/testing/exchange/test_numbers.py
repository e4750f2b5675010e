"""How venues write numbers and moments."""

from __future__ import annotations

import uuid
from decimal import Decimal

import pytest

from exo.flow import VIRTUAL_START_NS, seeded
from exo.testing.exchange.dialects.numbers import bare, guid, micros, millis, padded, places, trimmed


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("20500", "20500"),
        ("4E+2", "400"),
        ("20500.50", "20500.5"),
        ("0.00001234", "0.00001234"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1e-7"),
        ("-0.00000015", "-1.5e-7"),
        ("0", "0"),
        ("0.00", "0"),
        ("1E+20", "100000000000000000000"),
        ("1E+21", "1e+21"),
    ],
)
def test_a_bare_number_is_as_javascript_writes_it(value: str, expected: str):
    """With an exponent below 1e-6 and from 1e21 on."""
    assert bare(Decimal(value)) == expected


def test_a_padded_number_has_at_least_its_decimals_and_loses_none():
    """Whatever the caller's decimal context."""
    assert padded(Decimal("12.345"), 4) == "12.3450"
    assert padded(Decimal("4E+2"), 2) == "400.00"
    assert padded(Decimal("0.123456789"), 4) == "0.123456789"
    assert padded(Decimal("1.500000"), 2) == "1.50"
    assert padded(Decimal("0E-9"), 1) == "0.0"
    assert padded(Decimal("1234567890123456789012345678901234567890.5"), 2).startswith("12345678901234567890123456789")


def test_a_trimmed_number_has_no_zeros_at_its_end():
    """But those before the point."""
    assert trimmed(Decimal("12.3450")) == "12.345"
    assert trimmed(Decimal("400")) == trimmed(Decimal("400.00")) == trimmed(Decimal("4E+2")) == "400"


def test_a_step_says_how_many_decimals_there_are():
    """As it is written: 0.10 has two."""
    assert [places(Decimal(each)) for each in ("0.10", "0.5", "1", "1E+2")] == [2, 1, 0, 0]


def test_moments_are_in_utc_and_cut():
    """Not rounded."""
    ns = VIRTUAL_START_NS + 14_999_999
    assert millis(ns) == "2024-01-01T00:00:00.014Z"
    assert micros(ns) == "2024-01-01T00:00:00.014999Z"
    assert millis(0) == "1970-01-01T00:00:00.000Z"


def test_ids_are_uuids_of_version_4_and_the_same_for_a_seed():
    """Whoever reads them."""
    rng = seeded(1)
    ids = [uuid.UUID(guid(rng)) for _ in range(100)]
    assert {each.version for each in ids} == {4} and {each.variant for each in ids} == {uuid.RFC_4122}
    assert len(set(ids)) == 100 and str(ids[0]) == guid(seeded(1))
