"""The secrets of one home's Airflow: generated once, readable by their owner only.

Left to itself, each Airflow component makes secrets up when it finds no configuration file, and components that
start together then refuse one another's tokens.
"""

import base64
import json
import os
import secrets
from pathlib import Path

from ml.artifacts import read_json

USER = "admin"
PASSWORDS = "passwords.json"


def credentials(folder: Path) -> dict[str, str]:
    """`password` of the one user, `jwt_secret`, `secret_key` and `fernet_key`; made on first use.

    `passwords.json` beside it holds the password as Airflow's simple auth manager reads it.
    """
    path = folder / "credentials.json"
    if not path.exists():
        made = {name: secrets.token_urlsafe(64) for name in ("jwt_secret", "secret_key")}
        made["password"] = secrets.token_urlsafe(12)
        made["fernet_key"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        _write(folder / PASSWORDS, {USER: made["password"]})
        _write(path, made)
    found: dict[str, str] = read_json(path)
    return found


def _write(path: Path, value: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        json.dump(value, stream)
    os.replace(beside, path)
