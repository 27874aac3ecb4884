"""The first step: raw files into the landing zone."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ml.artifacts import read_json, write_json
from ml.data.landing import data_end, landing_folder, partitions
from ml.data.landing_writer import Landed, open_landing
from ml.data.loaders import Loader, Stage, get_loader, mapped
from ml.data.loaders.mapping import read_mapping
from ml.data.schema import TABLES
from ml.domains import Domain, Source, get_domain
from ml.errors import BadInput
from ml.steps.generating import raw_folder
from ml.steps.record import recorded


@dataclass(frozen=True)
class Origin:
    """Where a landing takes its data from: a loader or a mapping file, and the folder of its files."""

    source: str | None = None
    mapping: str | None = None
    data_folder: str | None = None


@recorded("land")
def land(
    domain: str,
    source: str | None = None,
    mapping: str | Path | None = None,
    data_folder: str | Path | None = None,
    now: datetime | None = None,
) -> dict[str, Any]:
    """Land a source's raw files; what has landed before is found and left alone.

    Args:
        domain: Name of a declared domain.
        source: Name of a loader.
        mapping: A mapping file for any CSV or Parquet (docs/bring-your-own-data.md). Without source and mapping,
            what landed here last lands again, with the files that are new since; at first the domain's own data.
        data_folder: Where the files lie of a loader that brings none, or of a mapping; default: as the mapping says;
            for the domain's own loader what `generate` wrote.
        now: When this landing takes place (aware, UTC); default: the present.

    Returns:
        `domain`, `source`, `as_of` (latest landed event, ISO), `absent` (columns that the source lacks) and
        `tables`: by table its `rows` and its `partitions`, of which `new` and `reused` in this landing.

    Raises:
        BadInput: Unknown domain or loader, or files that cannot be read as declared; nothing has landed then.
    """
    if source and mapping:
        raise BadInput("give a source or a mapping file, not both")
    declared = get_domain(domain)
    origin = Origin(source, _absolute(mapping), _absolute(data_folder))
    if origin == Origin():
        origin = _last_origin(declared)
    stage, found = _plan(declared, origin)
    with open_landing(domain, found.name, now or datetime.now(UTC)) as writer:
        stage(writer)
        landed = writer.commit(found)
        write_json(_origin_path(domain), asdict(origin))
    return _summary(domain, found, landed)


def _absolute(path: str | Path | None) -> str | None:
    return str(Path(path).expanduser().absolute()) if path else None


def _origin_path(domain: str) -> Path:
    return landing_folder(domain) / "origin.json"


def _last_origin(domain: Domain) -> Origin:
    path = _origin_path(domain.name)
    return Origin(**read_json(path)) if path.exists() else Origin(source=domain.loader)


def _plan(domain: Domain, origin: Origin) -> tuple[Stage, Source]:
    folder = Path(origin.data_folder) if origin.data_folder else None
    if origin.mapping is None:
        loader = get_loader(origin.source or _own_loader(domain))
        return loader.open(folder or _generated(domain, loader))
    read = read_mapping(Path(origin.mapping), domain, folder)
    return lambda writer: mapped.stage(writer, read), read.mapping.declared_source(domain)


def _generated(domain: Domain, loader: Loader) -> Path | None:
    """What the domain's generator wrote, for a loader that needs a folder and was given none."""
    if loader.name != domain.loader or not loader.needs_folder or domain.generator is None:
        return None
    folder = raw_folder(domain.name)
    if not folder.is_dir():
        raise BadInput(
            f"{folder}: there is no such folder, and {loader.name} needs one. Make its files (slate generate "
            f"{domain.name}), or name the folder of those that you have (--data-folder)"
        )
    return folder


def _own_loader(domain: Domain) -> str:
    if domain.loader is None:
        raise BadInput(
            f"{domain.name} has no loader of its own: say where its data lies the first time, "
            f"slate land --domain {domain.name} --mapping mapping.yaml"
        )
    return domain.loader


def _summary(domain: str, source: Source, landed: Landed) -> dict[str, Any]:
    return {
        "domain": domain,
        "source": source.name,
        "as_of": data_end(domain).isoformat().replace("+00:00", "Z"),
        "absent": list(source.absent),
        "tables": {name: _table_summary(domain, name, landed) for name in TABLES},
    }


def _table_summary(domain: str, table: str, landed: Landed) -> dict[str, int]:
    present = partitions(domain, table)
    return {
        "rows": sum(partition.rows for partition in present),
        "partitions": len(present),
        "new": sum(partition.table == table for partition in landed.new),
        "reused": sum(partition.table == table for partition in landed.reused),
    }
