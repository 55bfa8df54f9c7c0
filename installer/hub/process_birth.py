"""Tell a process from a later one that got the same id."""

from __future__ import annotations

from pathlib import Path


def birth(pid: int) -> str | None:
    """When the process began (boot and clock tick), the same as long as it lives; None if there is none or it has ended."""
    try:
        # The second field is the program's name in brackets and may hold anything, blanks and brackets too.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, ticks = fields[0], fields[19]
    if state in "ZX":
        return None
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}/{ticks}"
