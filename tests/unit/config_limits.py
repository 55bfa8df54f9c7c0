"""Values that the keys of `limits` take, and don't: the same keys are said of everybody, of groups and of users."""

from __future__ import annotations

_TAKES: dict[str, list[object]] = {
    "memory": ["256M", "2G", "1T", "unlimited"],
    "memory_soft": ["900M", "unlimited"],
    "swap": [0, "1G", "unlimited"],
    "cpu": [0.1, 2, 4096, 0.5, "unlimited"],
    "cpu_share": [1, 100, 10000],
    "io_share": [1, 10000],
    "disk": ["64M", "20G", "unlimited"],
    "tasks": [100, 2048, "unlimited"],
    "open_files": [1024, 65536],
    "core_dumps": [True, False],
    "runtime": [0, "12h", "1m"],
}
_REFUSES: dict[str, list[object]] = {
    "memory": [0, 2, "2", "2GB", "2g", "0G", "-1G", "1.5G", "1234567G", "none", "", [], True],
    "memory_soft": [1, "90%", {}],
    "swap": [1, -1, "1", "x"],
    "cpu": [0, 0.05, -1, 4097, "2", "200%", "", True, []],
    "cpu_share": [0, 10001, 1.5, "100", "unlimited", True],
    "io_share": [0, "x"],
    "disk": [0, 20, "20GB", "", True, []],
    "tasks": [99, 4000001, "100", 1000.5, False],
    "open_files": [1023, 1000001, "unlimited", "x"],
    "core_dumps": ["yes", 1],
    "runtime": [1, "1", "soon", -1],
}
_OF_SOME = ("limits.groups.NAME", "limits.users.NAME")
_TOTAL = ("memory", "cpu", "cpu_share", "io_share")


def _everywhere(values: dict[str, list[object]]) -> dict[str, list[object]]:
    whose = {place: tuple(values) for place in ("limits.default", *_OF_SOME)} | {"limits.total": _TOTAL}
    return {f"{place}.{name}": values[name] for place, names in whose.items() for name in names}


GOOD: dict[str, list[object]] = {
    **_everywhere(_TAKES),
    "limits.groups": [{}, {"gpu": {"memory": "32G", "cpu": 4}, "Domain_Users.x-1": {"tasks": "unlimited"}}],
    "limits.users": [{}, {"ada": {"memory": "8G"}, "g_h.o-2": {"runtime": 0}}],
}
BAD: dict[str, list[object]] = {
    **_everywhere(_REFUSES),
    "limits.groups": [[], "gpu", {"gpu": {}}, {"gpu": {"memory": 3}}, {"gpu": "2G"}, {"gpu": {"memry": "2G"}}],
    "limits.users": [["ada"], {"ada": {}}, {"ada": [{"cpu": 1}]}, {"ada": {"users": {}}}],
}
