"""What people write about a change-over, checked: replacement.yaml and mapping.yaml."""

from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
)

from crossbill.core.refusal import Refusal
from crossbill.replacement.migration.sources import SourceFormat
from crossbill.replacement.migration.types import FieldType

MAXIMUM_SPEC_BYTES = 4 * 1024 * 1024


class BadSpec(Refusal):
    """The file does not say what it has to. Mend the place that the message names."""

    code: ClassVar[str] = "BAD_SPEC"


class Strict(BaseModel):
    """Unknown keys are refused, so that a typing error is not a silent default."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    reference: ClassVar[str] = "docs/reference/mapping.md"


class SourceSpec(SourceFormat):
    """One file of the extract: where it is, its key, and the fields that are used."""

    file: str
    key: list[str] = Field(min_length=1)
    account: str | None = None
    fields: list[FieldType] = Field(min_length=1)


class FieldRule(Strict):
    """Where one canonical column comes from: exactly one of the four ways."""

    column: str | None = None
    codes: str | None = None
    value: str | int | bool | None = None
    sql: str | None = None
    remainder_of: str | None = None


def _short_form(value: Any) -> Any:
    """``account_key: CUST_NO`` is short for ``account_key: {column: CUST_NO}``."""
    return {"column": value} if isinstance(value, str) else value


class EntityRule(Strict):
    """How the rows of one source become rows of one canonical table."""

    source: str = Field(alias="from")
    where: str | None = None
    fields: dict[str, Annotated[FieldRule, BeforeValidator(_short_form)]]


Entity = Literal[
    "customer",
    "contact",
    "account",
    "payer",
    "product",
    "feature",
    "discount",
    "exemption",
    "commitment",
    "open_item",
    "balance",
    "collection",
    "mandate",
    "deposit",
    "bill",
    "bill_line",
    "tariff",
    "usage",
]


class Mapping(Strict):
    """mapping.yaml."""

    mapping: Literal[1]
    sources: dict[str, SourceSpec]
    entities: dict[Entity, list[EntityRule]]
    codes: dict[str, dict[str, str]] = {}

    def only(self, tables: Collection[Entity]) -> "Mapping":
        """What fills these tables, and whatever else comes from the same files.

        Which of a file's records no rule takes is told by all of its rules together.
        """
        wanted: set[Entity] = set(tables)
        while True:
            files = {rule.source for n in wanted for rule in self.entities.get(n, ())}
            more = {
                n for n, rules in self.entities.items() if any(r.source in files for r in rules)
            }
            if more <= wanted:
                break
            wanted |= more
        entities = {name: rules for name, rules in self.entities.items() if name in wanted}
        sources = {name: source for name, source in self.sources.items() if name in files}
        return self.model_copy(update={"entities": entities, "sources": sources})


class CarrierSpec(Strict):
    """Whose customers these are."""

    code: str = Field(pattern="^[a-z0-9][a-z0-9-]{0,39}$")
    name: str = Field(min_length=1, max_length=100)


class PeriodSpec(Strict):
    """A billed month, half-open."""

    period_from: date = Field(alias="from")
    period_to: date = Field(alias="to")


class WaveSpec(Strict):
    """One wave: which accounts, and when they go live."""

    name: str = Field(min_length=1, max_length=60)
    cutover_date: date
    where: str = "true"
    buckets: tuple[int, int] = (0, 100)


class ClassRule(Strict):
    """What a class of difference means for its account, and how much of it may go live."""

    decision: Literal["accept", "block"]
    owner: str = Field(min_length=1, max_length=60)
    accounts: int | None = Field(None, ge=0)
    value_minor: int | None = Field(None, ge=0)


class TrendSpec(Strict):
    """What mocks must have shown: how many are looked back at, and how many there must be."""

    mocks: int = Field(ge=1, le=50)
    at_least: int = Field(0, ge=0, le=50)


# Strict: a lenient reading takes 0 for false.
PolicyTerms = dict[str, StrictStr | StrictBool | StrictInt]


class ControlRule(Strict):
    """How many figures of a control may differ at the gate: so many, or this share of the wave."""

    figures: int = Field(0, ge=0)
    share_ppm: int = Field(0, ge=0, le=1_000_000)


def _must_pass(value: Any) -> Any:
    """``balances: must pass`` is short for a limit of nothing."""
    return {} if value == "must pass" else value


class GateSpec(Strict):
    """What a wave must show before it may go live."""

    approvers: int = Field(ge=2)
    fallout_share_ppm: int = Field(ge=0, le=1_000_000)
    fallout_accounts: int = Field(ge=0)
    unexplained_accounts: int = Field(ge=0)
    unexplained_share_ppm: int = Field(0, ge=0, le=1_000_000)
    account_limit_minor: int | None = Field(None, ge=0)
    decide: Literal["terms", "people"] = "terms"
    trend: TrendSpec | None = None
    controls: dict[str, Annotated[ControlRule, BeforeValidator(_must_pass)]] = {}
    classes: dict[str, ClassRule]


class ManifestSpec(Strict):
    """The extract's own list of files with counts and sums, and what its columns are called."""

    file: str
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    decimal_comma: bool = False
    name: str
    records: str
    field: str | None = None
    sum: str | None = None


class RatingSpec(Strict):
    """How the usage of the extract is rated, and on which bill it stands."""

    catalogue: str
    bill_period: Literal["started", "received"]


class RehearsalSpec(Strict):
    """Sample users that sign passed gates, so that a rehearsal runs to its end by itself."""

    signers: list[str] = Field(min_length=2)


class ReplacementSpec(Strict):
    """replacement.yaml."""

    replacement: Literal[1]
    carrier: CarrierSpec
    name: str = Field(min_length=1, max_length=100)
    as_of_date: date
    catalogue: str
    mapping: str
    rating: RatingSpec | None = None
    programme: str | None = None
    manifest: ManifestSpec | None = None
    periods: list[PeriodSpec] = Field(min_length=1)
    old_policy: PolicyTerms
    new_policy: PolicyTerms | None = None
    dunning_days: list[Annotated[int, Field(ge=0)]] = []
    compare: list[Entity]
    waves: list[WaveSpec] = Field(min_length=1)
    gate: GateSpec
    rehearsal: RehearsalSpec | None = None


Model = TypeVar("Model", bound=Strict)


def read(path: Path, model: type[Model]) -> Model:
    """Read and check one YAML file; every fault is one sentence with its place."""
    return check(document(path), model, path.name)


def document(path: Path) -> Any:
    """The YAML of a file as plain values."""
    if not path.is_file():
        raise BadSpec("The file does not exist", file=str(path), cure="check the path")
    if path.stat().st_size > MAXIMUM_SPEC_BYTES:
        raise BadSpec("The file is too large for a specification", file=str(path))
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _OneMeaning)  # noqa: S506 - a SafeLoader
    except RecursionError as error:
        raise BadSpec("The file nests too deeply", file=str(path), cure="write it flat") from error
    except (yaml.YAMLError, ValueError, OSError) as error:
        raise BadSpec(
            "The file is not readable YAML", file=str(path), cure=" ".join(str(error).split())
        ) from error


class _OneMeaning(yaml.SafeLoader):
    """Plain values only; a key that is written twice is an error, not the last one of the two."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping, each of its keys once."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is written twice", key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep=deep)


def check(value: Any, model: type[Model], file: str) -> Model:
    """Check plain values against a model."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadSpec(
            f"{first['msg']}"
            + (f" (and {error.error_count() - 1} more)" * (error.error_count() > 1)),
            file=file,
            field=".".join(str(part) for part in first["loc"]) or "(the whole file)",
            value=_shown(first.get("input")),
            cure=f"see {model.reference} for the keys of this file",
        ) from error


def _shown(value: Any) -> str:
    """A plain value as it is; of a nested one only its kind, for it may be without end."""
    return f"a {type(value).__name__}" if isinstance(value, dict | list) else str(value)[:80]
