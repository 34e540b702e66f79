"""Exact money: nanos (1e-9 of a major unit) in the engine, minor units in the books."""

import re

from crossbill.core.refusal import Refusal
from crossbill.core.rounding import RoundingMode, divide_rounded

NANO_DIGITS = 9
NANOS_PER_MAJOR = 10**NANO_DIGITS
INT64_MAX = 2**63 - 1

# ISO 4217, active currencies with a minor unit, by the number of its digits. Codes without one
# (gold, special drawing rights, test codes) cannot be billed in and are left out on purpose.
_CODES_BY_DIGITS: dict[int, str] = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN "
        "BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP "
        "GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT "
        "LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN "
        "NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE "
        "SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES "
        "WST XAD XCD XCG YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
MINOR_DIGITS: dict[str, int] = {
    code: digits for digits, codes in _CODES_BY_DIGITS.items() for code in codes.split()
}

_DECIMAL_TEXT = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]+))?", re.ASCII)


class CurrencyUnknown(Refusal):
    """The currency is not an active ISO 4217 code. Use its three capital letters, as in EUR."""

    code = "CURRENCY_UNKNOWN"


class AmountUnreadable(Refusal):
    """The text is not a decimal amount. Write digits with a point, as in -1234.50."""

    code = "AMOUNT_UNREADABLE"


class AmountTooFine(Refusal):
    """The amount has more than nine digits after the point. Shorten it before it comes in."""

    code = "AMOUNT_TOO_FINE"


class AmountTooLarge(Refusal):
    """The amount is beyond what a 64-bit integer holds. Check the figure: it is absurdly large."""

    code = "AMOUNT_TOO_LARGE"


def minor_digits(currency: str) -> int:
    """The number of decimal digits of the currency's minor unit."""
    if currency not in MINOR_DIGITS:
        raise CurrencyUnknown(
            "not an active ISO 4217 currency",
            field="currency",
            value=currency,
            cure="use a three-letter code such as EUR or USD",
        )
    return MINOR_DIGITS[currency]


def parse_nanos(text: str) -> int:
    """Decimal text such as ``-1234.50`` as nanos, exactly."""
    return parse_scaled(text, digits=NANO_DIGITS)


def parse_minor(text: str, digits: int) -> int:
    """Decimal text as minor units of a currency with so many digits, exactly."""
    return parse_scaled(text, digits=digits)


def parse_scaled(text: str, *, digits: int) -> int:
    """Decimal text times ``10**digits``, exactly; more digits than that are refused."""
    found = _DECIMAL_TEXT.fullmatch(text)
    if found is None:
        raise AmountUnreadable("not a decimal amount", value=text, cure="write it as -1234.50")
    sign, whole, fraction = found[1], found[2], (found[3] or "").rstrip("0")
    if len(fraction) > digits:
        raise AmountTooFine(
            f"more than {digits} digits after the point", value=text, cure="round it at its source"
        )
    return _within_int64(whole + fraction.ljust(digits, "0"), sign, text)


def _within_int64(scaled: str, sign: str, text: str) -> int:
    # Python itself refuses to read thousands of digits, so the length is looked at first.
    kept = scaled.lstrip("0") or "0"
    if len(kept) > len(str(INT64_MAX)) or int(kept) > INT64_MAX:
        raise AmountTooLarge("an absurdly large amount", value=text, cure="check the figure")
    return -int(kept) if sign == "-" else int(kept)


def format_minor(amount_minor: int, digits: int) -> str:
    """Minor units as decimal text with all the currency's digits: ``-1234.50``."""
    whole, fraction = divmod(abs(amount_minor), 10**digits)
    sign = "-" if amount_minor < 0 else ""
    return f"{sign}{whole}.{fraction:0{digits}d}" if digits else f"{sign}{whole}"


def format_nanos(amount_nanos: int, digits: int = 0) -> str:
    """Nanos as decimal text, without trailing zeros beyond ``digits``: ``49.90`` for digits 2."""
    whole, fraction = format_minor(amount_nanos, NANO_DIGITS).split(".")
    kept = fraction.rstrip("0").ljust(digits, "0")
    return f"{whole}.{kept}" if kept else whole


def nanos_per_minor(digits: int) -> int:
    """How many nanos one minor unit is."""
    scale: int = 10 ** (NANO_DIGITS - digits)
    return scale


def minor_to_nanos(amount_minor: int, digits: int) -> int:
    """Minor units as nanos, exactly."""
    return amount_minor * nanos_per_minor(digits)


def nanos_to_minor(amount_nanos: int, digits: int, mode: RoundingMode) -> int:
    """Nanos as minor units, rounded once by the mode."""
    return divide_rounded(amount_nanos, nanos_per_minor(digits), mode)
