"""Ids: the ClOrdIDs of one run, made without chance, known again by their form.

A name is made of the instance (who trades this account), the epoch (the millisecond in which this run began), a number
that no other name of the run has, and the order's id. Two runs of an instance differ in their epoch, so a name is never
given twice, also where the journal that knew the old ones is damaged: the epoch comes from the clock, and never from
what was written.
"""

from __future__ import annotations

import hashlib
import re
from enum import Enum
from typing import Final, NamedTuple

from exo.errors import InvalidValue, OutOfNames

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_INSTANCE: Final = re.compile(r"[0-9a-z]", re.ASCII)
_NAME: Final = re.compile(r"([0-9a-z])-([0-9a-z]{8})([0-9a-z]{1,5})-([0-9A-Za-z-]{1,20})", re.ASCII)
_UUID: Final = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-(8[0-9a-f]{3})-([89ab][0-9a-f]{3})-([0-9a-f]{12})", re.I)
_TICK_NS: Final = 1_000_000  # an epoch counts milliseconds: 36**8 of them last until the year 2059
_MOST_NAMES: Final = 36**5
_ORDER_BITS: Final = 48


class IdForm(Enum):
    """What a venue takes as a ClOrdID."""

    TEXT = "TEXT"
    """At most 36 of 0-9A-Za-z and the dash: Binance, BitMEX, most FIX venues."""
    UUID = "UUID"
    """A UUID, as Coinbase wants: version 8, with the name's parts as its bits, the order's id as a hash."""


class Named(NamedTuple):
    """What a ClOrdID tells of itself; `order_id` is "" where the form holds only its hash."""

    instance: str
    epoch: int
    number: int
    order_id: str
    order_hash: int


class Ids:
    """Gives the names of one run, and knows its own and those of other runs again.

    `instance` is one of 0-9a-z; two that trade one account at the same time must differ in it.
    """

    def __init__(self, instance: str, now_ns: int, form: IdForm = IdForm.TEXT) -> None:
        if not isinstance(instance, str) or not _INSTANCE.fullmatch(instance):
            raise InvalidValue("instance", f"expected one of 0-9a-z, got {instance!r:.40}")
        self.instance = instance
        self.epoch = now_ns // _TICK_NS
        self.form = form
        self._given = 0

    def give(self, order_id: str) -> str:
        """The next name, for a request about this order; OutOfNames after 60 million."""
        if self._given + 1 >= _MOST_NAMES:
            raise OutOfNames(order_id, self._given)
        self._given += 1
        if self.form is IdForm.UUID:
            return _to_uuid(self.instance, self.epoch, self._given, order_hash(order_id))
        return f"{self.instance}-{_base36(self.epoch):0>8}{_base36(self._given)}-{order_id}"

    def mine(self, cl_ord_id: str) -> bool:
        """Whether this instance, in this run or another, gave that name."""
        named = read(cl_ord_id)
        return named is not None and named.instance == self.instance


def read(cl_ord_id: str) -> Named | None:
    """What a ClOrdID tells of itself, None if it is of neither form."""
    found = _NAME.fullmatch(cl_ord_id)
    if found is not None:
        instance, epoch, number, order_id = found.groups()
        return Named(instance, int(epoch, 36), int(number, 36), order_id, order_hash(order_id))
    found = _UUID.fullmatch(cl_ord_id)
    return None if found is None else _from_uuid(int("".join(found.groups()), 16))


def order_hash(order_id: str) -> int:
    """What a UUID keeps of an order id."""
    return int.from_bytes(hashlib.blake2b(order_id.encode(), digest_size=_ORDER_BITS // 8).digest())


def _to_uuid(instance: str, epoch: int, number: int, of_order: int) -> str:
    """48 bits of the order's hash; version; 6 of instance, 6 of the epoch; variant; 36 more of it, 26 of number."""
    low = (epoch & (1 << 36) - 1) << 26 | number
    high = int(instance, 36) << 6 | epoch >> 36 & 0x3F
    digits = f"{of_order << 80 | 8 << 76 | high << 64 | 0b10 << 62 | low:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _from_uuid(value: int) -> Named | None:
    low, high = value & (1 << 62) - 1, value >> 64 & 0xFFF
    if high >> 6 >= len(_DIGITS):
        return None
    epoch = (high & 0x3F) << 36 | low >> 26
    return Named(_DIGITS[high >> 6], epoch, low & (1 << 26) - 1, "", value >> 80)


def _base36(number: int) -> str:
    digits = ""
    while True:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
        if not number:
            return digits
