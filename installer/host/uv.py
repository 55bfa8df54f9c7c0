"""What uv is told, whatever it installs: no Python of its own, the machine's certificates, the admin's index."""

from __future__ import annotations

import os
from pathlib import Path

_SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def uv_environment(cache: Path) -> dict[str, str]:
    """Variables for uv, on top of those that every child gets. It copies out of its cache."""
    environment = {
        "UV_CACHE_DIR": str(cache),
        "UV_LINK_MODE": "copy",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_PROGRESS": "1",
        "UV_HTTP_TIMEOUT": "30",
        "UV_HTTP_RETRIES": "3",
    }
    if _SYSTEM_CERTIFICATES.exists():
        environment["UV_SYSTEM_CERTS"] = "1"
    if "PIP_INDEX_URL" in os.environ:
        environment["UV_DEFAULT_INDEX"] = os.environ["PIP_INDEX_URL"]
    return environment
