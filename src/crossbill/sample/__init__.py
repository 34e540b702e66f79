"""The sample carrier OptiCom: its estate in an old system, and the truth about it."""

from pathlib import Path


def carrier_folder() -> Path:
    """Where the specifications stand that replace the sample carrier's old system."""
    return Path(__file__).with_name("carrier")
