"""What a file of an old system looks like, as a migration lead writes it down."""

import codecs
import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

# Encodings in which the bytes of ASCII always mean ASCII: line ends, delimiters and quotes can be
# found before anything is decoded. EBCDIC is read by position only; UTF-16 is transcoded first.
_ASCII_BASED = re.compile(
    r"utf-8(-sig)?|ascii|cp(437|85\d|86\d|125\d)|iso8859-\d+|koi8-[rut]|mac-\w+|utf-16(-[lb]e)?"
)
_EBCDIC = re.compile(r"cp(037|273|424|500|875|1026|1140)")

_SERVERS = ("postgresql",)
_DATABASES = ("sqlite", *_SERVERS)
# What some formats read and no other; all that name a table or server need to.
_ONLY_IN = {
    ("fixed_width",): ("line_ends", "records", "low_values"),
    _DATABASES: ("table",),
    _SERVERS: ("url_from",),
}


class FixedColumn(BaseModel):
    """One column of a fixed-width record, in bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="what the mapping calls it")
    start: int = Field(ge=1, description="its first byte, counted from 1")
    length: int = Field(ge=1, description="how many bytes")
    kind: Literal["text", "zoned", "packed", "binary"] = Field(
        "text", description="how its bytes are meant"
    )
    scale: int = Field(0, ge=0, le=18, description="digits of a number after the point")

    @model_validator(mode="after")
    def _scale_is_of_a_number(self) -> Self:
        if self.scale and self.kind == "text":
            raise ValueError("a scale is for zoned, packed and binary numbers")
        return self

    @property
    def end(self) -> int:
        """The first byte after it, counted from 0, as a slice needs it."""
        return self.start - 1 + self.length


class Trailer(BaseModel):
    """How control lines (trailers with totals) are told from records."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    starts_with: str = Field(min_length=1, description="the text that such a line begins with")


class RecordType(BaseModel):
    """Which records of a file that holds several types are meant."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    starts_with: str = Field(min_length=1, description="the text that such a record begins with")


class SourceFormat(BaseModel):
    """How to read one file: its kind, its encoding, its columns."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: str = Field("delimited", description="the name of a plug-in")
    encoding: str = Field("utf-8", description="utf-8, cp1252, latin-1, utf-16 ...")
    delimiter: str = Field(",", min_length=1, max_length=1, description="between the values")
    quote: str = Field('"', max_length=1, description="around values; empty for none")
    header: bool = Field(True, description="the first line names the columns")
    record_length: int | None = Field(None, ge=1, description="bytes of each fixed-width line")
    columns: tuple[FixedColumn | str, ...] = Field((), description="where no header names them")
    trailer: Trailer | None = Field(None, description="lines that are control records")
    line_ends: bool = Field(True, description="fixed_width: whether each record has one")
    records: RecordType | None = Field(None, description="fixed_width: the type that is meant")
    low_values: Literal["refused", "blank"] = Field(
        "refused", description="fixed_width: what zero bytes throughout a value mean"
    )
    table: str | None = Field(None, min_length=1, description="of a database: the table or view")
    url_from: str | None = Field(
        None,
        pattern=r"^[A-Z][A-Z0-9_]*$",
        description="postgresql: the environment variable that holds the database's URL",
    )

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            name = codecs.lookup(value).name
        except LookupError:
            raise ValueError(f"no encoding is called {value!r}; usual: utf-8, cp1252") from None
        if not (_ASCII_BASED.fullmatch(name) or _EBCDIC.fullmatch(name)):
            raise ValueError(f"{value!r} cannot be read record by record; convert it to utf-8")
        return "utf-8" if name == "utf-8-sig" else name

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.format == "fixed_width":
            self._fixed_width_fits()
        elif self.format == "delimited":
            self._delimited_fits()
        self._belong_to_the_format()
        return self

    def _belong_to_the_format(self) -> None:
        """Refuse what only another format reads, which would be passed over in silence."""
        for formats, names in _ONLY_IN.items():
            stray = [name for name in names if name in self.model_fields_set]
            if stray and self.format not in formats:
                raise ValueError(f"{stray[0]} is for {' and '.join(formats)} only")
        needed = {"table": _DATABASES, "url_from": _SERVERS}
        for name, formats in needed.items():
            if self.format in formats and getattr(self, name) is None:
                raise ValueError(f"{self.format} needs `{name}`")

    def _delimited_fits(self) -> None:
        if self.delimiter == self.quote or self.delimiter in "\r\n" or self.quote in ("\r", "\n"):
            raise ValueError("delimiter and quote are two different characters, and no line ends")
        if not (self.delimiter + self.quote).isascii():
            raise ValueError("delimiter and quote are ASCII characters")
        if not self.header and not self.columns:
            raise ValueError("without a header the columns have to be listed under `columns`")
        if not all(isinstance(column, str) for column in self.columns):
            raise ValueError("columns of a delimited file are names only")
        if _EBCDIC.fullmatch(self.encoding):
            raise ValueError(f"{self.encoding} is read as fixed_width only")

    def _fixed_width_fits(self) -> None:
        fixed = self.fixed_columns
        if not fixed or len(fixed) != len(self.columns):
            raise ValueError("fixed_width needs `columns`, each with name, start and length")
        names = [column.name for column in fixed]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"column named twice: {doubled[0]}")
        if max(column.end for column in fixed) > self.length:
            raise ValueError(f"a column ends after record_length {self.length}")
        if self.encoding.startswith("utf-16"):
            raise ValueError("fixed_width is read by bytes: utf-16 has no fixed width")
        if not self.line_ends and self.has_header:
            raise ValueError("a file without line ends has no header line")

    @property
    def fixed_columns(self) -> tuple[FixedColumn, ...]:
        """The columns of a fixed-width record."""
        return tuple(c for c in self.columns if isinstance(c, FixedColumn))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns listed here."""
        return tuple(c.name if isinstance(c, FixedColumn) else c for c in self.columns)

    def called(self, name: str) -> str:
        """What messages call the source of a file of this name: with its table, if it has one."""
        return f"{self.url_from or name}/{self.table}" if self.table else name

    @property
    def length(self) -> int:
        """Bytes of a fixed-width record: as stated, or up to the end of the last column."""
        return self.record_length or max(column.end for column in self.fixed_columns)

    @property
    def has_header(self) -> bool:
        """Whether a header line is to be read; in fixed-width files only when that is stated."""
        if self.format == "fixed_width" and "header" not in self.model_fields_set:
            return False
        return self.header
