"""Write `docker/.env` from `docker/.env.example` with fresh secrets: `python docker/new_env.py`."""

import base64
import os
import re
import secrets
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
SECRET = re.compile(r"^([A-Z_]+_(?:PASSWORD|KEY|SECRET))=$", re.MULTILINE)


def filled(example: str) -> str:
    """The example with a fresh value for each of Slate's own secrets; everything else stays as it is."""
    return SECRET.sub(lambda found: f"{found[1]}={_fresh(found[1])}", example)


def _fresh(name: str) -> str:
    """256 random bits; a Fernet key is base64 with its padding, a password goes into addresses and has none."""
    if name.endswith("_FERNET_KEY"):
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_urlsafe(32)


def main() -> None:
    """Write the file, readable by its owner only; one that exists stays, since its secrets open what exists."""
    path = FOLDER / ".env"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        sys.exit(f"{path} exists: edit it, or move it away to start anew")
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(filled((FOLDER / ".env.example").read_text(encoding="utf-8")))
    sys.stdout.write(
        f"Wrote {path}. AIRFLOW_ADMIN_PASSWORD and MLFLOW_ADMIN_PASSWORD in it are what people log in with.\n"
    )


if __name__ == "__main__":
    main()
