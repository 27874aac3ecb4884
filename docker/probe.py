"""Whether a service is well, as a container's health check asks: `python probe.py ADDRESS [COMPONENT]`.

Exits with 0 if the address answers and, where a component is named, if Airflow's health report calls it healthy.
Asking Airflow's command line instead would import all of Airflow each time: seconds of a core, every half minute.
"""

import json
import sys
from urllib.request import urlopen

SECONDS = 8.0


def healthy(address: str, component: str | None = None) -> bool:
    """Whether the address answers with success, and its health report with `healthy` for the component."""
    try:
        with urlopen(address, timeout=SECONDS) as answer:  # noqa: S310  (an address from the compose file)
            if component is None:
                return True
            return bool(json.load(answer)[component]["status"] == "healthy")
    except (OSError, ValueError, KeyError):
        return False


if __name__ == "__main__":
    sys.exit(0 if healthy(*sys.argv[1:]) else 1)
