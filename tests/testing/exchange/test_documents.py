"""Lists of instruments."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from exo.testing.exchange import Binance, BinanceUsdm, Bitmex, Coinbase, Dialect, Exchange, MemoryNetwork

from .support import listing, virtually


def document(dialect: Dialect, url: str, *listings: Any) -> Any:
    """What is answered there."""
    answers: list[Any] = []

    async def test() -> None:
        network = MemoryNetwork(Exchange(dialect, [], listings=listings))
        answer = await network.get(url)
        assert answer.status == 200
        answers.append(json.loads(answer.body, parse_float=Decimal))
        assert (await network.get("https://x/nothing")).status == 404

    virtually(test)
    return answers[0]


def test_coinbase_lists_its_products():
    """With their steps as texts."""
    [product] = document(
        Coinbase(), "https://api.exchange.coinbase.com/products", listing("BTC-USD", "0.01", "0.00000001")
    )
    assert product["id"] == "BTC-USD" and (product["base_currency"], product["quote_currency"]) == ("BTC", "USD")
    assert (product["quote_increment"], product["base_increment"]) == ("0.01", "0.00000001")
    assert product["status"] == "online" and product["trading_disabled"] is False


@pytest.mark.parametrize(
    ("venue", "url", "tick", "lot", "notional"),
    [
        (Binance, "https://api.binance.com/api/v3/exchangeInfo", "0.01000000", "0.00001000", "NOTIONAL"),
        (BinanceUsdm, "https://fapi.binance.com/fapi/v1/exchangeInfo", "0.01", "0.00001", "MIN_NOTIONAL"),
    ],
)
def test_binance_lists_its_symbols(venue: type[Binance], url: str, tick: str, lot: str, notional: str):
    """With their filters; spot writes eight decimals."""
    listed = listing("BTCUSDT", "0.01", "0.00001", min_notional=Decimal(5))
    [symbol] = document(venue(), f"{url}?symbol=BTCUSDT", listed)["symbols"]
    filters = {each["filterType"]: each for each in symbol["filters"]}
    assert (symbol["symbol"], symbol["baseAsset"], symbol["quoteAsset"]) == ("BTCUSDT", "BTC", "USDT")
    assert (filters["PRICE_FILTER"]["tickSize"], filters["LOT_SIZE"]["stepSize"]) == (tick, lot)
    least = filters[notional]["minNotional" if venue is Binance else "notional"]
    assert Decimal(least) == 5
    if venue is BinanceUsdm:
        assert (symbol["pricePrecision"], symbol["quantityPrecision"]) == (2, 5)
        assert symbol["contractType"] == "PERPETUAL"


def test_bitmex_lists_its_instruments():
    """Inverse ones with a negative multiplier; numbers are bare."""
    inverse, linear = document(
        Bitmex(),
        "https://www.bitmex.com/api/v1/instrument/active",
        listing("XBTUSD", "0.5", "100", inverse=True),
        listing("SHIBXBT", "0.0000001", "1"),
    )
    assert (inverse["symbol"], inverse["rootSymbol"], inverse["quoteCurrency"]) == ("XBTUSD", "XBT", "USD")
    assert (inverse["tickSize"], inverse["lotSize"]) == (Decimal("0.5"), 100)
    assert (inverse["isInverse"], inverse["multiplier"]) == (True, -100_000_000)
    assert (linear["tickSize"], linear["isInverse"]) == (Decimal("1e-7"), False)
