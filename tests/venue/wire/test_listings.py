"""Listings as the venues' own documents say, read, kept, and done without."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exo.mkt import Listing
from exo.venue.binance import listings as of_binance
from exo.venue.bitmex import listings as of_bitmex
from exo.venue.catalogue import Unlisted, catalogue, listed
from exo.venue.coinbase import listings as of_coinbase
from exo.venue.network import Answer, Unreachable
from tests.contract.helpers import virtual

D = Decimal

SPOT = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01000000"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000", "stepSize": "0.00001000"},
        {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True},
    ],
}
FUTURE = SPOT | {
    "filters": [
        {"filterType": "PRICE_FILTER", "tickSize": "0.10"},
        {"filterType": "LOT_SIZE", "minQty": "0.001", "stepSize": "0.001"},
        {"filterType": "MIN_NOTIONAL", "notional": "100"},
    ],
    "status": "SETTLING",
}
PRODUCT = {
    "id": "BTC-USD",
    "base_currency": "BTC",
    "quote_currency": "USD",
    "quote_increment": "0.01",
    "base_increment": "0.00000001",
    "min_market_funds": "1",
    "status": "online",
    "trading_disabled": False,
}
INVERSE = {
    "symbol": "XBTUSD",
    "state": "Open",
    "quoteCurrency": "USD",
    "settlCurrency": "XBt",
    "tickSize": 0.5,
    "lotSize": 100,
    "multiplier": -100000000,
    "isInverse": True,
    "isQuanto": False,
}
LINEAR = INVERSE | {
    "symbol": "XBTUSDT",
    "quoteCurrency": "USDT",
    "settlCurrency": "USDt",
    "multiplier": 1,
    "isInverse": False,
    "underlyingToPositionMultiplier": 1000000,
}
QUANTO = INVERSE | {"symbol": "ETHUSD", "multiplier": 100, "isInverse": False, "isQuanto": True, "tickSize": 0.05}


def read(of: Any, document: object) -> dict[str, Any]:
    return listed("http://x", json.dumps(document).encode(), of.read)


def test_binance_has_its_steps_and_minimums_in_filters() -> None:
    """Spot and USD-M name the least notional differently; what settles does not trade."""
    [spot] = read(of_binance, {"symbols": [SPOT]}).values()
    assert spot.trades and spot.listing == Listing(
        symbol="BTCUSDT.BINANCE",
        security_id="BTCUSDT",
        venue="BINANCE",
        tick=D("0.01000000"),
        lot=D("0.00001000"),
        min_qty=D("0.00001000"),
        min_notional=D("5.00000000"),
        currency="USDT",
    )
    [future] = read(of_binance, {"symbols": [FUTURE]}).values()
    assert not future.trades and future.status == "SETTLING"
    assert (future.listing.tick, future.listing.min_notional) == (D("0.10"), 100)


def test_coinbase_has_its_steps_in_increments() -> None:
    """Disabled is not trading, whatever the status."""
    [product] = read(of_coinbase, [PRODUCT]).values()
    listing = product.listing
    assert product.trades and (listing.symbol, listing.tick, listing.lot) == ("BTC-USD.COINBASE", D("0.01"), D("1E-8"))
    assert listing.min_notional == 1 and listing.currency == "USD"
    [off] = read(of_coinbase, [PRODUCT | {"trading_disabled": True}]).values()
    assert (off.trades, off.status) == (False, "trading disabled")
    [delisted] = read(of_coinbase, [PRODUCT | {"status": "delisted"}]).values()
    assert (delisted.trades, delisted.status) == (False, "delisted")


def test_bitmex_contracts_are_inverse_linear_or_quanto() -> None:
    """A dollar, a millionth of a bitcoin, and a millionth of a bitcoin a point; an index is no instrument."""
    found = read(of_bitmex, [INVERSE, LINEAR, QUANTO, INVERSE | {"symbol": ".BXBT"}])
    assert list(found) == ["XBTUSD.BITMEX", "XBTUSDT.BITMEX", "ETHUSD.BITMEX"]
    of = {name.split(".")[0]: each.listing for name, each in found.items()}
    assert (of["XBTUSD"].inverse, of["XBTUSD"].contract_multiplier, of["XBTUSD"].currency) == (True, 1, "XBT")
    assert (of["XBTUSDT"].inverse, of["XBTUSDT"].contract_multiplier) == (False, D("0.000001"))
    assert (of["ETHUSD"].contract_multiplier, of["ETHUSD"].tick) == (D("0.000001"), D("0.05"))


@pytest.mark.parametrize(
    ("of", "document"),
    [
        (of_binance, {"symbols": [SPOT, SPOT | {"symbol": None}, SPOT | {"filters": []}, 5]}),
        (of_coinbase, [PRODUCT, PRODUCT | {"id": "X-USD", "quote_increment": "zero"}, None]),
        (of_bitmex, [INVERSE, INVERSE | {"symbol": "X", "tickSize": 0}, []]),
    ],
)
def test_an_instrument_that_cannot_be_read_is_left_out_and_said(of: Any, document: object, caplog: Any) -> None:
    """The others are there."""
    assert len(read(of, document)) == 1
    assert len(caplog.records) >= 2 and "cannot be read" in caplog.text


@pytest.mark.parametrize("of", [of_binance, of_coinbase, of_bitmex])
@pytest.mark.parametrize("body", [b"", b"<html>", b"5", b"null", b'{"symbols":5}', b'"x"'])
def test_what_is_no_list_of_instruments_says_so(of: Any, body: bytes) -> None:
    """With the address, and what was there."""
    with pytest.raises(Unlisted, match="http://x gave no instruments"):
        listed("http://x", body, of.read)


class Documents:
    """A network with one document."""

    def __init__(self, body: object = None, status: int = 200) -> None:
        self.answer: Answer | None = None if body is None else Answer(status, json.dumps(body).encode())
        self.asked = 0

    async def connect(self, url: str) -> Any:
        raise AssertionError

    async def get(self, url: str) -> Answer:
        self.asked += 1
        if self.answer is None:
            raise Unreachable(url, "no route")
        return self.answer

    async def close(self) -> None: ...


@virtual
async def test_listings_are_fetched_once_a_day_and_old_ones_are_better_than_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A cache of another address, or one that is broken, is none."""
    cache = tmp_path / "deep" / "listings.json"
    network = Documents([PRODUCT])

    async def get(url: str = "http://x") -> list[str]:
        return list(await catalogue(network, url, of_coinbase.read, cache=cache, max_age_s=600))

    assert await get() == await get() == ["BTC-USD.COINBASE"] and network.asked == 1
    await asyncio.sleep(601)
    network.answer = None
    assert await get() == ["BTC-USD.COINBASE"] and network.asked == 2 and "601 s ago" in caplog.text
    with pytest.raises(Unreachable):
        await get("http://other")
    cache.write_bytes(b"{")
    with pytest.raises(Unreachable):
        await get()
    network.answer = Answer(503, b"<html>")
    with pytest.raises(Unlisted, match="status 503"):
        await get()
    assert not list(cache.parent.glob("*.part"))


@virtual
async def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path, caplog: Any) -> None:
    """And said."""
    (tmp_path / "file").write_text("")
    cache = tmp_path / "file" / "listings.json"
    found = await catalogue(Documents([PRODUCT]), "http://x", of_coinbase.read, cache=cache)
    assert list(found) == ["BTC-USD.COINBASE"] and "cannot be kept" in caplog.text
