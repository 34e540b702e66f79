"""What the surroundings decide: every setting from an environment variable, checked once."""

import os
import secrets
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from crossbill.core.refusal import Refusal

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
SECRET_VARIABLES = frozenset({"DATABASE_URL", "CROSSBILL_SECRET_KEY"})


class BadEnvironment(Refusal):
    """An environment variable has a value that cannot be used. Set it as told, or unset it."""

    code: ClassVar[str] = "BAD_ENVIRONMENT"


def _data_folder() -> Path:
    """The user's data folder by the XDG rules."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base) / "crossbill"


def _usable_cores() -> int:
    """Cores that this process may use, which in a container are fewer than the machine has."""
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


class Environment(BaseSettings):
    """The settings of one process. Each field is read from ``CROSSBILL_<NAME>`` or its alias."""

    model_config = SettingsConfigDict(env_prefix="CROSSBILL_", extra="ignore", frozen=True)

    home: Path = Field(default_factory=_data_folder, validate_default=True)
    database_url: SecretStr | None = Field(None, validation_alias="DATABASE_URL")
    database_keep: bool = False
    store: str = ""
    engine_memory: str = Field("4GB", pattern=r"^[1-9]\d*\s?[KMGT]i?B$")
    engine_threads: int = Field(default_factory=_usable_cores, ge=1, le=1024)
    secret_key: SecretStr | None = None
    debug: bool = False
    tls: bool = False
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ("localhost", "127.0.0.1")

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        try:
            return value.expanduser().absolute()
        except RuntimeError as unknown_user:
            raise ValueError("names a home folder that does not exist") from unknown_user

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        parts = urlsplit(value.get_secret_value())
        if parts.scheme not in {"postgres", "postgresql"}:
            raise ValueError("must begin with postgresql://")
        if not parts.path.strip("/"):
            raise ValueError("names no database: it must end in /<database>")
        _ = parts.port  # raises ValueError where it is no number
        return value

    @cached_property
    def store_url(self) -> str:
        """Where the object store is: any fsspec URL, by default a folder in the home."""
        return self.store or f"file://{self.folder('store')}"

    @property
    def on_loopback_only(self) -> bool:
        """Whether plain HTTP on this machine is all that is served."""
        return not self.tls and set(self.allowed_hosts) <= LOOPBACK_HOSTS

    def signing_key(self) -> str:
        """The key that signs sessions: the one given, else one made once and kept in the home."""
        if self.secret_key is not None:
            return self.secret_key.get_secret_value()
        path = self.folder() / "secret-key"
        if not path.exists():
            keep_new_secret(path, secrets.token_urlsafe(50))
        return path.read_text().strip()

    def folder(self, *parts: str) -> Path:
        """A folder in the home, made private to its owner where it does not exist yet."""
        path = self.home.joinpath(*parts)
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _unusable_home(path, str(error.strerror)) from error
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            raise _unusable_home(path, "Permission denied")
        return path


def _unusable_home(path: Path, reason: str) -> BadEnvironment:
    return BadEnvironment(
        f"The data folder cannot be used: {reason}",
        field="CROSSBILL_HOME",
        value=str(path),
        cure=CURES["CROSSBILL_HOME"],
    )


def keep_new_secret(path: Path, text: str) -> None:
    """Write a new key so that of several processes at once exactly one wins."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first: its key counts
    finally:
        draft.unlink()


def read_environment() -> Environment:
    """The environment of this process, or a refusal that names the variable to mend."""
    try:
        return Environment()  # type: ignore[call-arg] # the fields come from the variables
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _refusal(str(first["loc"][0]), first["msg"], str(first["input"])) from None


def _refusal(name: str, message: str, value: str) -> BadEnvironment:
    """The refusal for one bad value; secrets are not repeated."""
    variable = name if name.isupper() else f"CROSSBILL_{name.upper()}"
    return BadEnvironment(
        f"{variable}: {message.removeprefix('Value error, ')}",
        field=variable,
        value=None if variable in SECRET_VARIABLES else value,
        cure=CURES.get(variable, f"Set {variable} to a usable value, or unset it for the default."),
    )


CURES = {
    "DATABASE_URL": "Set it to postgresql://user:password@host:5432/database, or unset it "
    "for the embedded PostgreSQL.",
    "CROSSBILL_ENGINE_MEMORY": "Set it to a whole number and a unit, for example 4GB.",
    "CROSSBILL_ENGINE_THREADS": "Set it to a whole number from 1 to 1024.",
    "CROSSBILL_HOME": "Set it to the path of a folder that you may write to.",
}


def megabytes(memory: str) -> int:
    """How much a text such as 8GB or 500MB says."""
    digits = memory.rstrip("iBKMGT ")
    return int(digits) * _MEGABYTES.get(memory[len(digits) :].strip()[0], 0)


_MEGABYTES = {"M": 1, "G": 1000, "T": 1_000_000}
