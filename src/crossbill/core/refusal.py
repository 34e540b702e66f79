"""The one exception that is meant for people: what is wrong, where, and what to do."""

from typing import Any, ClassVar


class Refusal(Exception):
    """The request cannot be carried out. Read the message, mend what it names, and try again.

    Subclasses live beside the code that raises them. Each has a stable ``code`` and a docstring
    whose first sentence says what is wrong and whose second says the cure. The faces (command line,
    console) print `str(refusal)` and nothing else.
    """

    code: ClassVar[str] = "REFUSED"
    exit_code: ClassVar[int] = 2

    def __init__(  # noqa: PLR0913 - the place of an error has these parts
        self,
        what: str,
        *,
        file: str | None = None,
        line: int | None = None,
        field: str | None = None,
        value: str | None = None,
        cure: str | None = None,
    ) -> None:
        self.what, self.file, self.line = what, file, line
        self.field, self.value, self.cure = field, value, cure
        super().__init__(self.message())

    def __reduce__(self) -> tuple[Any, ...]:
        """Come whole out of the process of a worker: its parts, not only what they say."""
        return _said_again, (type(self), self.args), self.__dict__

    def message(self) -> str:
        """One line of what and where, and a second line with the cure."""
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        where = [place] if place else []
        where += [f"field {self.field}"] if self.field is not None else []
        where += [f"value {self.value!r}"] if self.value is not None else []
        head = f"{self.what} ({', '.join(where)})" if where else self.what
        return f"{head} [{self.code}]" + (f"\n  What to do: {self.cure}" if self.cure else "")


def _said_again(kind: type[Refusal], said: tuple[Any, ...]) -> Refusal:
    return kind.__new__(kind, *said)
