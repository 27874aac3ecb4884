"""All configuration that depends on where Slate runs, typed and in one place.

What depends on the domain is in `ml.domains`; what depends on one training run are its parameters.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Read from the environment: `SLATE_HOME`, `SLATE_THREADS` and so on."""

    model_config = SettingsConfigDict(env_prefix="SLATE_", frozen=True)

    home: Path = Field(PROJECT_ROOT / ".slate", description="Everything a run writes lives under here.")
    project: Path = Field(PROJECT_ROOT, description="The checkout that holds dbt_project/, dags/ and expectations/.")
    threads: int = Field(2, ge=1, description="Threads that one step may use.")
    training_threads: int = Field(
        1, ge=1, description="Threads that the training of one retriever may use: retrievers are trained side by side."
    )
    memory_limit: str = Field("2GB", pattern=r"^\d+(MB|GB)$", description="What DuckDB may hold in memory.")
    warehouse_folder: Path | None = Field(
        None, description="Where the DuckDB files lie; default: warehouse/ under home."
    )
    tracking_uri: str | None = Field(None, description="MLflow server; default: SQLite under home.")
    online_store: SecretStr | None = Field(
        None,
        description="Redis that holds what happened lately, such as redis://host:6379/0; default: LMDB under home.",
    )
    store_timeout_ms: int = Field(20, ge=1, description="How long a request waits for the online store.")
    write_token: SecretStr | None = Field(
        None, description="What senders of events show to the server; none: it serves loopback alone."
    )
    admin_token: SecretStr | None = Field(
        None, description="What whoever changes items or forgets users shows; none: it serves loopback alone."
    )
    hosts: str = Field(
        "",
        description="Names by which the server may be asked beside localhost and the address that it listens on, "
        "separated by commas, such as slates.example.com.",
    )
    own_cores: bool = Field(
        False,
        description="The server has its cores to itself, as in a container or pinned: what it does beside requests then "
        "only takes time in which nobody asks.",
    )
    approval_required: bool = Field(False, description="Ask a person in Airflow before the champion changes.")

    def domain_path(self, room: str, domain: str) -> Path:
        """The folder of one domain in one room, such as `.slate/landing/retail`."""
        return self.home / room / domain

    @property
    def dbt_project(self) -> Path:
        """The dbt project of this checkout."""
        return self.project / "dbt_project"

    def warehouse(self, domain: str) -> Path:
        """The DuckDB file of one domain; one process writes it at a time."""
        return self.warehouses / f"{domain}.duckdb"

    @property
    def warehouses(self) -> Path:
        """The folder of all domains' DuckDB files."""
        return self.warehouse_folder or self.home / "warehouse"


_CHANGED: ContextVar[dict[str, Any] | None] = ContextVar("changed", default=None)


def settings() -> Settings:
    """The settings in force now (read anew, so that tests may change the environment)."""
    found = Settings()
    return found.model_copy(update={"home": found.home.expanduser().resolve(), **(_CHANGED.get() or {})})


@contextmanager
def changed_settings(**changes: Any) -> Iterator[None]:
    """Other settings for a while, for what this context calls and for nobody else."""
    token = _CHANGED.set({**(_CHANGED.get() or {}), **changes})
    try:
        yield
    finally:
        _CHANGED.reset(token)
