"""A plan as people and programs read it: Terraform's notation, file diffs, and JSON. Secrets are in neither."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence

from rich.markup import escape

from installer.cli.output import SYMBOLS
from installer.engine.plan import Action, Change, Plan
from installer.host import paths
from installer.resources import database_copies, hub_database

PLANNED = {Action.CREATE: "will be created", Action.CHANGE: "will be changed", Action.REMOVE: "will be removed"}
DONE = {Action.CREATE: "created", Action.CHANGE: "changed", Action.REMOVE: "removed"}


def plan_lines(plan: Plan) -> Iterator[str]:
    """The lines of a plan, with rich's markup."""
    for change in plan.changes:
        yield from change_lines(change)
        yield ""
    yield from migration_lines(plan)
    yield from kept_lines(plan)
    yield counts(plan)


def migration_lines(plan: Plan) -> Iterator[str]:
    """What becoming another schema means for the hub's database, if it is to."""
    for database, schema in hub_database.changed(plan.changes):
        if database.returning is None:
            yield (
                f"[bold]The hub's database is migrated[/] from the schema {schema} to "
                f"{database.schema_wanted}: first a copy of it, as a trial;"
            )
            yield (
                "then, with the hub stopped for some seconds, itself. What it was is kept in "
                f"{database_copies.generations()}."
            )
        else:
            yield (
                f"[bold red]The hub's database is replaced by a copy[/], {database.returning}; what it is now is "
                f"kept in {database_copies.generations()}."
            )
        yield ""


def kept_lines(plan: Plan) -> Iterator[str]:
    """What stays as somebody has changed it; nothing where there is nothing of the kind."""
    for change in plan.kept:
        how = "as it was changed" if change.action is Action.CHANGE else "away, as it was removed"
        yield f"[cyan]=[/] [bold]{escape(change.resource.key)}[/] is kept {how} by hand"
    if plan.kept:
        yield f"    to have it set back: take it out of `keep` in {paths.CONFIG_FILE}, and apply"
        yield ""


def note_lines(notes: Sequence[str]) -> Iterator[str]:
    """What is to be known besides; nothing where there is nothing."""
    if notes:
        yield ""
    yield from (f"[cyan]note:[/] {escape(note)}" for note in notes)


def counts(plan: Plan) -> str:
    """The closing line."""
    if plan.empty:
        return "Nothing to do: the host is as the config asks."
    numbers = [f"{plan.count(action)} to {action.value}" for action in Action]
    return f"[bold]Plan:[/] {', '.join(numbers)}."


def config_lines(before: str, after: str) -> Iterator[str]:
    """What another text of the config file says otherwise; nothing where it is the same."""
    if before != after:
        yield f"{SYMBOLS[Action.CHANGE]} [bold]{paths.CONFIG_FILE}[/]"
        yield from _diff_lines(diff(before, after))
        yield ""


def change_lines(change: Change, words: Mapping[Action, str] = PLANNED) -> Iterator[str]:
    """One change: its head, in words for each action, its attributes one by one, and the diff of its content."""
    drift = "  [yellow](changed by hand since the last apply)[/]" if change.drifted else ""
    yield f"{SYMBOLS[change.action]} [bold]{escape(change.resource.key)}[/] {words[change.action]}{drift}"
    before, after = change.before or {}, change.after or {}
    for name in dict.fromkeys((*before, *after)):
        was, will = before.get(name), after.get(name)
        if name == "content" or was == will:
            continue
        if change.action is Action.CHANGE:
            yield f"    [yellow]~[/] {name}: {escape(str(was))} -> {escape(str(will))}"
        else:
            yield f"    {SYMBOLS[change.action]} {name}: {escape(str(was if will is None else will))}"
    yield from _diff_lines(text_diff(change))


def _diff_lines(lines: list[str]) -> Iterator[str]:
    for line in lines:
        colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
        yield f"      [{colour}]{escape(line)}[/]" if colour else f"      {escape(line)}"


def text_diff(change: Change) -> list[str]:
    """The diff of a change's content; empty where there is none."""
    return diff(change.old_text or "", change.new_text or "")


def diff(old: str, new: str) -> list[str]:
    """The unified diff of two texts, without the two lines that name the file; empty where they are the same."""
    return list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2))[2:]


def plan_json(plan: Plan) -> dict[str, object]:
    """A plan for programs."""
    return {
        "changes": [_change_json(change) for change in plan.changes],
        "kept": [_change_json(change) for change in plan.kept],
        "counts": {action.value: plan.count(action) for action in Action},
    }


def _change_json(change: Change) -> dict[str, object]:
    return {
        "key": change.resource.key,
        "feature": change.resource.feature,
        "action": change.action.value,
        "before": change.before,
        "after": change.after,
        "drifted": change.drifted,
        "diff": text_diff(change),
    }
