"""Rounding of exact integer fractions: four modes, all symmetric about zero."""

from enum import StrEnum


class RoundingMode(StrEnum):
    """Where a fraction between two whole numbers goes; each mode treats both signs alike."""

    HALF_UP = "half_up"  # to the nearest, a half away from zero
    HALF_EVEN = "half_even"  # to the nearest, a half to the even neighbour
    DOWN = "down"  # toward zero: truncation
    UP = "up"  # away from zero


def divide_rounded(numerator: int, denominator: int, mode: RoundingMode) -> int:
    """``numerator / denominator`` as a whole number; the denominator must be positive."""
    assert denominator > 0, "a denominator is positive: signs belong to the numerator"
    quotient, rest = divmod(abs(numerator), denominator)
    magnitude = quotient + _steps_up(quotient, rest, denominator, mode)
    return magnitude if numerator >= 0 else -magnitude


def _steps_up(quotient: int, rest: int, denominator: int, mode: RoundingMode) -> bool:
    """Whether the truncated magnitude must grow by one."""
    match mode:
        case RoundingMode.DOWN:
            return False
        case RoundingMode.UP:
            return rest > 0
        case RoundingMode.HALF_UP:
            return 2 * rest >= denominator
        case RoundingMode.HALF_EVEN:
            return 2 * rest > denominator or (2 * rest == denominator and quotient % 2 == 1)
