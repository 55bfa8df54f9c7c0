"""Every way to get `limits` wrong, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config_mistakes import Bad, check

MEMORY, SOFT = "an amount of memory such as 2G", "limits.default.memory_soft"
START = "less than a server needs to start"
GROUP = "limits: {groups: {gpu: {"


def default(text: str, key: str, *told: str) -> Bad:
    return Bad(f"limits:\n  default: {{{text}}}\n", 2, f"limits.default.{key}", *told)


def said_of(where: str, text: str, key: str, *told: str) -> Bad:
    return Bad(f"limits:\n  {where}:\n    {text}\n", 3, f"limits.{where}.{key}", *told)


MISTAKES = [
    default("memory: 2", "memory", "no unit", MEMORY, "the number 2", "limits: {default: {memory: 2G}}"),
    default("memory: 2 GB", "memory", "not a size", MEMORY, '"2 GB"', "limits: {default: {memory: 2G}}"),
    default("memory: 0", "memory", "0 would be no memory", MEMORY, "the number 0", "limits: {default: {memory: 2G}}"),
    default("memory: 100M", "memory", START, "256M or more", '"100M"', "limits: {default: {memory: 256M}}"),
    default("disk: 20", "disk", "no unit", "an amount of disk space such as 20G", "20", "limits: {default: {disk"),
    default("disk: 1M", "disk", START, "64M or more", '"1M"', "limits: {default: {disk: 64M}}"),
    default("memory_soft: 9M", "memory_soft", START, "256M or more", '"9M"', "limits: {default: {memory_soft: 256M}}"),
    default("memory: 1G, memory_soft: 2G", "memory_soft", "more than memory", "at most 1G", '"2G"', "limits: {default"),
    default("cpu: 0", "cpu", "less than 0.1", "a number of CPUs", "the number 0", "limits: {default: {cpu: 2}}"),
    default("cpu: '4'", "cpu", "wrong type", "a number of CPUs", '"4"', "limits: {default: {cpu: 4}}"),
    default("cpu: 0.333", "cpu", "finer than a hundred", "a number of CPUs", "0.333", "limits: {default: {cpu: 0.33}"),
    default("tasks: 50", "tasks", "less than 100", "a number of tasks", "the number 50", "limits: {default: {tasks: 1"),
    default("runtime: 30s", "runtime", START, "1m or more", '"30s"', "limits: {default: {runtime: 1h}}"),
    default("memmory: 2G", "memmory", "unknown key", "one of memory, memory_soft", '"memmory"', "limits: {default: {"),
    said_of("total", "memory: 100M", "memory", START, "256M or more", '"100M"', "limits: {total: {memory: 256M}}"),
    said_of("groups", "gpu: {memory: 3}", "gpu.memory", "no unit", MEMORY, "the number 3", GROUP),
    said_of("groups", "gpu: {memry: 3G}", "gpu.memry", "unknown key", "one of memory", '"memry"', GROUP),
    said_of("groups", "gpu: {}", "gpu", "says nothing", "a limit or more", "a section", GROUP),
    said_of("groups", "gpu: 2G", "gpu", "wrong type", "limits such as", '"2G"', GROUP),
    said_of("groups", "gpu:", "gpu", "no value", "limits such as", "nothing", GROUP),
    said_of("groups", "a b: {cpu: 1}", '"a b"', "not a group's name", "a name", '"a b"', GROUP),
    said_of("users", "Ada: {cpu: 1}", "Ada", "not in lower case", "a name", '"Ada"', "limits: {users: {ada: {"),
    said_of("users", "root: {cpu: 1}", "root", "not a person's account", "a name", '"root"'),
    said_of("users", "ada: {memory: 2G, memory_soft: 3G}", "ada.memory_soft", "more than memory", "at most 2G", '"3G"'),
]  # fmt: skip


@pytest.mark.parametrize("bad", MISTAKES, ids=lambda bad: bad.config)
def test_mistakes(bad: Bad, tmp_path: Path) -> None:
    check(bad, tmp_path)
