"""Which resource comes before which: explicit needs, parents of paths, owners, and the providers of what is read."""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from installer.engine.resource import Resource

Graph = dict[str, frozenset[str]]
"""For each resource's key, the keys that come before it."""


def graph_of(resources: Sequence[Resource]) -> Graph:
    """The dependency graph of a set of resources.

    Explicit `needs` must be in the set (a mistake of ours otherwise: KeyError); implied ones count where they are.
    """
    by_key = {resource.key: resource for resource in resources}
    if len(by_key) != len(resources):
        twice = sorted(key for key in by_key if sum(r.key == key for r in resources) > 1)
        raise KeyError(f"declared twice: {', '.join(twice)}")
    provider = {path: resource.key for resource in resources for path in resource.provides}
    graph: Graph = {}
    for resource in resources:
        for key in resource.needs:
            if key not in by_key:
                raise KeyError(f"{resource.key} needs {key}, which nobody declares")
        before = {*resource.needs, *(key for key in resource.implied_needs if key in by_key)}
        before |= {provider[path] for path in resource.reads if path in provider}
        for path in resource.provides:
            before |= {provider[str(parent)] for parent in PurePosixPath(path).parents if str(parent) in provider}
        graph[resource.key] = frozenset(before - {resource.key})
    return graph


def behind(resources: Sequence[Resource], keys: Iterable[str]) -> frozenset[str]:
    """These keys, and those of all that they depend on."""
    graph = graph_of(resources)
    found: set[str] = set()
    waiting = [key for key in keys if key in graph]
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting += graph[key]
    return frozenset(found)


def in_order(resources: Sequence[Resource]) -> tuple[Resource, ...]:
    """The resources, each behind all that it depends on; where that leaves a choice, as they were declared."""
    graph = graph_of(resources)
    position = {resource.key: index for index, resource in enumerate(resources)}
    by_key = {resource.key: resource for resource in resources}
    sorter = graphlib.TopologicalSorter(graph)
    sorter.prepare()
    ordered: list[Resource] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=position.__getitem__)
        ordered += [by_key[key] for key in ready]
        sorter.done(*ready)
    return tuple(ordered)
