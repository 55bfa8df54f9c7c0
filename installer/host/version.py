"""The version of this installer, as setup.py has it: what it writes down for another one to compare."""

from __future__ import annotations

VERSION = "0.1.0"
