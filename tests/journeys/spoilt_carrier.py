"""A copy of the sample carrier that a journey may spoil: its files and its specifications."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from crossbill.replacement import operations
from crossbill.replacement.migration.models import Replacement
from crossbill.sample import carrier_folder

Document = dict[str, Any]


@dataclass(frozen=True)
class SpoiltCarrier:
    """An extract and the specifications that go with it, both free to be spoilt."""

    carrier: str
    data: Path
    specs: Path

    @classmethod
    def copied(cls, extract: Path, folder: Path, carrier: str) -> "SpoiltCarrier":
        """Everything copied into a folder, the rehearsal's signatures left out."""
        data, specs = folder / "data", folder / "specs"
        shutil.copytree(extract, data)
        shutil.copytree(carrier_folder(), specs)
        estate = cls(carrier, data, specs)
        estate.edit("replacement.yaml", lambda spec: spec.pop("rehearsal"))
        return estate

    @property
    def spec_path(self) -> Path:
        """Its replacement.yaml."""
        return self.specs / "replacement.yaml"

    def edit(self, name: str, change: Callable[[Document], object]) -> None:
        """Change one specification."""
        path = self.specs / name
        document = yaml.safe_load(path.read_text("utf-8"))
        change(document)
        path.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")

    def in_one_wave(self) -> None:
        """Move everybody at once, through a gate that any number of fallouts passes."""
        wave = {"name": "All", "cutover_date": "2024-06-08"}
        limits = {"fallout_accounts": 1000, "unexplained_accounts": 1000}
        self.edit(
            "replacement.yaml", lambda spec: spec.update(waves=[wave], gate=spec["gate"] | limits)
        )
        # the programme's milestones hang on four waves
        self.edit("replacement.yaml", lambda spec: spec.pop("programme"))

    def without_manifest(self) -> None:
        """Leave out the extract's control totals, which altered files would not meet."""
        self.edit("replacement.yaml", lambda spec: spec.pop("manifest"))

    def lines(self, name: str) -> list[bytes]:
        """The lines of a file, without their ends."""
        return (self.data / name).read_bytes().split(b"\n")[:-1]

    def write(self, name: str, lines: list[bytes]) -> None:
        """Write a file of these lines."""
        (self.data / name).write_bytes(b"".join(line + b"\n" for line in lines))

    def replace(self) -> Replacement:
        """Run the whole change-over."""
        return operations.replace(
            spec_path=self.spec_path, data=self.data, carrier_code=self.carrier
        )
