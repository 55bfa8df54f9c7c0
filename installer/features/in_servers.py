"""What users' servers are told at their start, in the config of Jupyter's that comes before their own."""

from __future__ import annotations

from installer.config.culler import Culler, seldom_enough
from installer.config.models import Config
from installer.config.shared import SharedDirectory

EXTENSION = "installer.hub.in_server"
"""The module in the server environment that goes by it."""

_LOOK_AT_LEAST, _TELL_AT_LEAST = 10, 300
"""Seconds: how often a server looks at itself, and how old what the hub knows of it may be (JupyterHub's own)."""

Settings = dict[str, dict[str, object]]
"""By class of the server's, and name."""


def settings(config: Config) -> Settings:
    """All of it, but for what has to do with kernels' names."""
    # Here, and not in jupyter_server_config.d, so that nobody's own config switches it off: whoever did would be taken
    # for idle at work. Other extensions of theirs are found as ever.
    loaded: Settings = {"ServerApp": {"jpserver_extensions": {EXTENSION: True}}}
    return {**loaded, **_activity(config.culler), **_shared(config.shared)}


def _activity(culler: Culler) -> Settings:
    """What is activity, and when kernels and terminals end."""
    told: Settings = {
        "Watch": {
            "every": max(1, min(_LOOK_AT_LEAST, culler.shortest // 30)),
            "tell_after": max(1, min(_TELL_AT_LEAST, culler.shortest // 6)),
            "spare_busy": culler.spare_busy,
            "spare_open": culler.spare_open,
        }
    }
    if culler.kernel_timeout:
        told["MappingKernelManager"] = {
            "cull_idle_timeout": culler.kernel_timeout,
            "cull_interval": seldom_enough(culler.kernel_timeout),
            "cull_busy": not culler.spare_busy,
            "cull_connected": not culler.spare_open,
        }
    if culler.terminal_timeout:
        told["TerminalManager"] = {
            "cull_inactive_timeout": culler.terminal_timeout,
            "cull_interval": seldom_enough(culler.terminal_timeout),
        }
    return told


def _shared(directories: tuple[SharedDirectory, ...]) -> Settings:
    """What is found in homes, and which variables lead to data."""
    if not directories:
        return {}
    variables: dict[str, object] = {entry.variable: entry.path for entry in directories if entry.variable is not None}
    return {"Shared": {"links": {entry.name: entry.path for entry in directories}, "variables": variables}}
