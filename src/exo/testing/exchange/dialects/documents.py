"""Lists of instruments as venues' REST interfaces answer them.

Sources: docs.cdp.coinbase.com (get all known trading pairs), Binance's exchangeInfo of spot and USD-M futures,
BitMEX's /instrument/active; members that nobody asks about are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from exo.mkt import Listing
from exo.mkt.exact import EXACT
from exo.testing.exchange.dialects.dialect import compact
from exo.testing.exchange.dialects.numbers import bare, padded, places

_QUOTES = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "EUR", "GBP", "TRY", "BTC", "ETH", "BNB", "USD")
_SPOT_DIGITS = 8
_SATOSHI = Decimal(100_000_000)
_PERPETUAL_ENDS = 4_133_404_800_000


def name_of(listing: Listing) -> str:
    """The venue's name of a listing."""
    return listing.security_id or listing.symbol


def currencies(name: str, quote: str) -> tuple[str, str]:
    """Base and quote of a name such as BTC-USD, BTCUSDT or XBTUSD; `quote` is the listing's, if it says."""
    if "-" in name:
        base, _, rest = name.partition("-")
        return base, quote or rest
    if name.startswith("XBT"):  # XBTUSD is not in TUSD
        return "XBT", quote or name.removeprefix("XBT")
    for end in (quote, *_QUOTES):
        if end and name.endswith(end) and name != end:
            return name.removesuffix(end), end
    return name, quote or "USD"


def coinbase_products(listings: Iterable[Listing]) -> bytes:
    """Coinbase's `GET /products`."""
    return compact([_coinbase_product(listing) for listing in listings])


def _coinbase_product(listing: Listing) -> dict[str, Any]:
    name = name_of(listing)
    base, quote = currencies(name, listing.currency)
    return {
        "id": name,
        "base_currency": base,
        "quote_currency": quote,
        "quote_increment": f"{listing.tick:f}",
        "base_increment": f"{listing.lot:f}",
        "display_name": f"{base}-{quote}",
        "min_market_funds": f"{listing.min_notional or Decimal(1):f}",
        "margin_enabled": False,
        "post_only": False,
        "limit_only": False,
        "cancel_only": False,
        "status": "online",
        "status_message": "",
        "trading_disabled": False,
        "fx_stablecoin": False,
        "max_slippage_percentage": "0.02000000",
        "auction_mode": False,
        "high_bid_limit_percentage": "",
    }


def binance_spot_info(listings: Iterable[Listing], now_ms: int) -> bytes:
    """Binance's `GET /api/v3/exchangeInfo`."""
    limits = [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
    ]
    symbols = [_spot_symbol(listing) for listing in listings]
    return compact(
        {"timezone": "UTC", "serverTime": now_ms, "rateLimits": limits, "exchangeFilters": [], "symbols": symbols}
    )


def _spot_symbol(listing: Listing) -> dict[str, Any]:
    name = name_of(listing)
    base, quote = currencies(name, listing.currency)
    tick, lot = padded(listing.tick, _SPOT_DIGITS), padded(listing.lot, _SPOT_DIGITS)
    least = padded(listing.min_qty or listing.lot, _SPOT_DIGITS)
    notional = padded(listing.min_notional, _SPOT_DIGITS)
    return {
        "symbol": name,
        "status": "TRADING",
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": True,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": least, "maxQty": "9000.00000000", "stepSize": lot},
            {"filterType": "ICEBERG_PARTS", "limit": 10},
            {
                "filterType": "NOTIONAL",
                "minNotional": notional,
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }


def binance_usdm_info(listings: Iterable[Listing], now_ms: int) -> bytes:
    """Binance's `GET /fapi/v1/exchangeInfo`."""
    limits = [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400}]
    return compact(
        {
            "timezone": "UTC",
            "serverTime": now_ms,
            "futuresType": "U_MARGINED",
            "rateLimits": limits,
            "exchangeFilters": [],
            "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
            "symbols": [_usdm_symbol(listing) for listing in listings],
        }
    )


def _usdm_symbol(listing: Listing) -> dict[str, Any]:
    name = name_of(listing)
    base, quote = currencies(name, listing.currency)
    tick, lot = f"{listing.tick:f}", f"{listing.lot:f}"
    least = f"{listing.min_qty or listing.lot:f}"
    return {
        "symbol": name,
        "pair": name,
        "contractType": "PERPETUAL",
        "deliveryDate": _PERPETUAL_ENDS,
        "onboardDate": 1_569_398_400_000,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": base,
        "quoteAsset": quote,
        "marginAsset": quote,
        "pricePrecision": places(listing.tick),
        "quantityPrecision": places(listing.lot),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "filters": [
            {"filterType": "PRICE_FILTER", "maxPrice": "4529764", "minPrice": tick, "tickSize": tick},
            {"filterType": "LOT_SIZE", "maxQty": "1000", "minQty": least, "stepSize": lot},
            {"filterType": "MARKET_LOT_SIZE", "maxQty": "120", "minQty": least, "stepSize": lot},
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MIN_NOTIONAL", "notional": f"{listing.min_notional:f}"},
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": "1.0500",
                "multiplierDown": "0.9500",
                "multiplierDecimal": "4",
            },
        ],
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }


def bitmex_instruments(listings: Iterable[Listing]) -> bytes:
    """BitMEX's `GET /api/v1/instrument/active`."""
    return b"[%b]" % b",".join(_bitmex_instrument(listing) for listing in listings)


def _bitmex_instrument(listing: Listing) -> bytes:
    """Its numbers are bare, which `json` cannot write of a Decimal."""
    name = name_of(listing)
    base, quote = currencies(name, listing.currency)
    scale = EXACT.multiply(listing.contract_multiplier, _SATOSHI)
    multiplier = bare(scale.copy_negate() if listing.inverse else scale)
    to_position = "null" if listing.inverse else "1"
    settle = "XBt" if listing.inverse or quote in ("USD", "XBT") else f"{quote[:-1]}{quote[-1].lower()}"
    return (
        f'{{"symbol":"{name}","rootSymbol":"{base}","state":"Open","typ":"FFWCSX",'
        f'"listing":"2016-05-13T12:00:00.000Z","front":"2016-05-13T12:00:00.000Z","expiry":null,"settle":null,'
        f'"listedSettle":null,"positionCurrency":"{quote if listing.inverse else base}","underlying":"{base}",'
        f'"quoteCurrency":"{quote}","underlyingSymbol":"{base}=","reference":"BMEX","referenceSymbol":".B{base}",'
        f'"maxOrderQty":10000000,"maxPrice":1000000,"lotSize":{bare(listing.lot)},"tickSize":{bare(listing.tick)},'
        f'"multiplier":{multiplier},"settlCurrency":"{settle}","underlyingToPositionMultiplier":{to_position},'
        f'"underlyingToSettleMultiplier":{multiplier},"quoteToSettleMultiplier":null,"isQuanto":false,'
        f'"isInverse":{"true" if listing.inverse else "false"},"initMargin":0.01,"maintMargin":0.0035,'
        f'"makerFee":-0.0001,"takerFee":0.00075,"settlementFee":0,"timestamp":"2026-01-01T00:00:00.000Z"}}'
    ).encode()
