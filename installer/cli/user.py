"""installer user: the people of the hub: add, list, disable, enable, remove; their passwords and groups; admins."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.markup import escape

from installer.cli import output, user_allowed, user_sign_ups
from installer.cli.arguments import Commands, add_verb
from installer.commands import allowed, native_people, user, user_accounts, user_admin, user_import, user_list
from installer.commands.alone import alone
from installer.config.load import load
from installer.host import paths
from installer.host.errors import ExitCode, UsageProblem
from installer.host.invoker import asking

_LONGEST_PASSWORD = 512
"""Where PAM itself stops (PAM_MAX_RESP_SIZE)."""


def register(commands: Commands) -> None:
    """Add the command and its verbs."""
    command = commands.add_parser("user", help="add, list and remove people", description=__doc__)
    verbs = command.add_subparsers(title="verbs", metavar="VERB", required=True)

    verb = partial(add_verb, verbs)

    def of_one(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        made = verb(name, run, text)
        made.add_argument("name", metavar="NAME", help="whose account")
        return made

    user_allowed.register(verbs)
    user_sign_ups.register(verbs)

    listing = verb("list", run_list, "list the people")
    listing.add_argument("--disk", action="store_true", help="add up what is in each home, which may take a while")
    listing.add_argument("--json", action="store_true", help="print it for programs")

    adding = of_one("add", run_add, "let somebody in; the account is made where there is none")
    adding.add_argument("--group", action="append", default=[], metavar="G", help="a group to put them into as well")
    adding.add_argument("--admin", action="store_true", help="make them an admin of the hub as well")
    setting = of_one("reset-password", run_reset_password, "give somebody a new password, and show it once")
    for each in (adding, setting):
        each.add_argument("--password-file", metavar="FILE", help="take it from its first line; - is standard input")

    of_one("disable", run_disable, "let somebody in no more for now, and end their server; account and files stay")
    of_one("enable", run_enable, "let somebody in again")
    appointing = of_one("admin", run_admin, "make somebody an admin of the hub, or none any more")
    appointing.add_argument("way", choices=["on", "off"], help="whether they are to be one")
    renaming = of_one("rename", run_rename, "give somebody another name; their server is ended, files and groups stay")
    renaming.add_argument("new", metavar="NEW", help="the new name")
    removing = of_one("remove", run_remove, "take somebody away: server, what the hub has of them, and the account")
    homes = removing.add_mutually_exclusive_group()
    homes.add_argument(
        "--archive-home", type=Path, metavar="FILE", help="put the home into FILE (.tar.gz), then delete it"
    )
    homes.add_argument("--delete-home", action="store_true", help="delete the home")
    removing.add_argument("--yes", "-y", action="store_true", help="don't ask, also on a terminal")

    importing = verb("import", run_import, "let in all whom a table names; what is done already is left")
    importing.add_argument("file", type=Path, metavar="FILE.csv", help="its first line is: name,groups[,identity]")
    importing.add_argument("--passwords", type=Path, metavar="FILE", help="a new file for the first passwords")
    importing.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")

    for each in (adding, setting, importing):
        each.add_argument("--one-time", action="store_true", help="have another password chosen at the first login")

    group = verbs.add_parser("group", help="groups of people", description="groups of people")
    ways = group.add_subparsers(title="verbs", metavar="VERB", required=True)
    for name, run, text in (
        ("add", run_group_add, "put people into a group, which is made where there is none"),
        ("remove", run_group_remove, "take people out of a group"),
    ):
        changing = ways.add_parser(name, help=text, description=text)
        changing.add_argument("group", metavar="GROUP", help="the group")
        changing.add_argument("names", nargs="+", metavar="NAME", help="whose account")
        changing.set_defaults(run=run)
    text = "list the groups that people are in"
    grouped = ways.add_parser("list", help=text, description=text)
    grouped.add_argument("--json", action="store_true", help="print it for programs")
    grouped.set_defaults(run=run_group_list)


# --- one person ----------------------------------------------------------------------------------
def run_add(arguments: argparse.Namespace) -> int:
    """Add somebody."""
    password = _password(arguments.password_file)
    with alone("user add"):
        added = user.add(arguments.name, arguments.group, password, once=arguments.one_time)
    # Before anything else can go wrong: it is shown once.
    _tell_added(added)
    if added.changed:
        output.out.print(*user_allowed.lines(allowed.ask(added.name, (), (), ())), sep="\n")
    if arguments.admin:
        _appoint(arguments.name)
    return ExitCode.DONE


def _tell_added(added: user.Added) -> None:
    if not added.changed:
        output.out.print(f"{escape(added.name)} is in already: nothing to do.")
    elif not added.made:
        output.out.print(f"{escape(added.name)} is a member now, with the password of the account.")
    else:
        output.out.print(f"The account {escape(added.name)} was made.")
    _tell(added.password)


def run_admin(arguments: argparse.Namespace) -> int:
    """Make somebody an admin, or none."""
    if arguments.way == "on":
        _appoint(arguments.name)
        return ExitCode.DONE
    with alone("user admin"):
        changed = user_admin.dismiss(arguments.name, asking(), output.Progress())
    name = escape(arguments.name)
    output.out.print(f"{name} is no admin any more." if changed else f"{name} is no admin: nothing to do.")
    return ExitCode.DONE


def _appoint(name: str) -> None:
    with alone("user admin"):
        changed = user_admin.appoint(name, asking(), output.Progress())
    told = "is an admin of the hub" if changed else "is an admin already: nothing to do"
    output.out.print(f"{escape(name)} {told}.")


def run_reset_password(arguments: argparse.Namespace) -> int:
    """Give a new password; exit with 3 where the hub can't be told of it."""
    password = _password(arguments.password_file)
    with alone("user reset-password"):
        reset = user.reset_password(arguments.name, password, once=arguments.one_time)
    ended = "" if reset.trouble else ", and is logged in nowhere any more"
    output.out.print(f"{escape(arguments.name)} has a new password{ended}.")
    _tell(reset.password)
    if reset.trouble is None:
        return ExitCode.DONE
    output.complain(reset.trouble)
    return ExitCode.DEGRADED


def _tell(password: str | None) -> None:
    if password is not None:
        how = "they choose another" if native_people.are_kept() else "they change it on the hub's page"
        output.out.print(f"  password: [bold]{password}[/]   (shown once; {how}, at the first login)")


def _password(file: str | None) -> str | None:
    """The first line of a file, or of standard input. Raises UsageProblem."""
    if file is None:
        return None
    try:
        with sys.stdin if file == "-" else Path(file).open(encoding="utf-8") as stream:
            line = stream.readline(_LONGEST_PASSWORD + 2).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageProblem(f"no password can be read from {file}: {error}", "give a file with one line") from None
    if not line or len(line) > _LONGEST_PASSWORD or not line.isprintable():
        raise UsageProblem(
            f"the first line of {file} is no password", f"1 to {_LONGEST_PASSWORD} characters that can be seen"
        )
    return line


def run_disable(arguments: argparse.Namespace) -> int:
    """Keep somebody out."""
    with alone("user disable"):
        changed = user.disable(arguments.name)
    told = "is kept out of the hub, and has no server" if changed else "was disabled already"
    output.out.print(f"{escape(arguments.name)} {told}.")
    return ExitCode.DONE


def run_enable(arguments: argparse.Namespace) -> int:
    """Let somebody in again."""
    with alone("user enable"):
        changed = user.enable(arguments.name)
    name = escape(arguments.name)
    output.out.print(f"{name} may log in again." if changed else f"{name} is in already: nothing to do.")
    return ExitCode.DONE


def run_rename(arguments: argparse.Namespace) -> int:
    """Give somebody another name."""
    with alone("user rename"):
        user.rename(arguments.name, arguments.new, asking(), output.Progress())
    output.out.print(f"{escape(arguments.name)} is {escape(arguments.new)} now, with the same password.")
    return ExitCode.DONE


def run_remove(arguments: argparse.Namespace) -> int:
    """Take somebody away."""
    if output.terminal() and not arguments.yes:
        home = " and the home" if arguments.delete_home or arguments.archive_home else ""
        if not output.sure(f"Remove {arguments.name}: server, account{home}?"):
            output.out.print("Nothing was changed.")
            return ExitCode.DONE
    with alone("user remove"):
        removed = user.remove(
            arguments.name,
            asking(),
            output.Progress(),
            archive=arguments.archive_home,
            delete_home=arguments.delete_home,
        )
    output.out.print(f"{escape(arguments.name)} is gone.")
    if removed.home:
        output.out.print(
            "  the home stays: nobody's now, and nobody of that name gets an account until it is moved away"
        )
    output.tell_notes(removed.coming_back)
    return ExitCode.DONE


# --- many ----------------------------------------------------------------------------------------
def run_import(arguments: argparse.Namespace) -> int:
    """Add many."""
    with alone("user import"):
        auth = load(paths.CONFIG_FILE).auth
        wished = user_import.prepare(arguments.file, auth)
        for row in wished.make:
            output.out.print(f"[green]+[/] {escape(row.name)}  {escape(' '.join((row.identity, *row.groups)).strip())}")
        for row in wished.join:
            output.out.print(f"[yellow]~[/] {escape(row.name)}  {escape(' '.join((paths.MEMBERS_GROUP, *row.groups)))}")
        for file, lines in ((auth.names.map, wished.pairs), (auth.allow.file, wished.admitted)):
            for line in lines:
                output.out.print(f"[green]+[/] {escape(str(file))}: {escape(line)}")
        make, join, there = len(wished.make), len(wished.join), len(wished.there)
        output.out.print(f"{make} accounts to make, {join} to put into groups, {there} in already.")
        if arguments.dry_run or wished.empty:
            return ExitCode.DONE
        progress = output.Progress()
        user_import.carry_out(
            wished, auth, arguments.passwords, lambda row: progress.step(row.name), once=arguments.one_time
        )
    if wished.with_password:
        output.out.print(f"Their passwords are in {escape(str(arguments.passwords))}: hand them out, then delete it.")
    return ExitCode.DONE


def run_group_add(arguments: argparse.Namespace) -> int:
    """Put people into a group."""
    with alone("user group add"):
        changed = user.group_add(arguments.group, arguments.names)
    _changed(f"in {arguments.group} now", changed)
    if changed:
        output.out.print("[dim]Servers that run know of it once they are started anew.[/]")
    return ExitCode.DONE


def run_group_remove(arguments: argparse.Namespace) -> int:
    """Take people out of a group."""
    with alone("user group remove"):
        changed = user.group_remove(arguments.group, arguments.names)
    _changed(f"out of {arguments.group} now", changed)
    return ExitCode.DONE


def _changed(what: str, names: list[str]) -> None:
    output.out.print(f"{escape(', '.join(names))}: {escape(what)}." if names else "Nothing to do.")


# --- reports -------------------------------------------------------------------------------------
def run_group_list(arguments: argparse.Namespace) -> int:
    """List groups."""
    found = user_accounts.groups_of_members()
    output.show(
        found if arguments.json else None, (f"{escape(g):<24} {escape(', '.join(n))}" for g, n in found.items())
    )
    return ExitCode.DONE


def run_list(arguments: argparse.Namespace) -> int:
    """List people; exit with 3 where the hub doesn't answer."""
    found, trouble = user_list.lines(disk=arguments.disk)
    if arguments.json:
        print(json.dumps([dataclasses.asdict(line) for line in found], indent=2))  # noqa: T201 - for programs
    else:
        for line in found:
            seen = output.local(f"{(line.last_activity or '-').partition('.')[0]}Z").removesuffix("Z")
            identity = f"is {line.identity}" if line.identity else ""
            facts = [line.server or "?", "admin" if line.admin else "", " ".join(line.groups), identity]
            if line.disk is not None:
                facts.insert(1, f"{line.disk / 1e6:.0f} MB")
            if line.disk_used is not None:
                most = f" of {line.disk_limit / 1e6:.0f}" if line.disk_limit else ""
                facts.insert(1, f"disk {line.disk_used / 1e6:.0f}{most} MB")
            uid = "no account" if line.uid is None else str(line.uid)
            told = "  ".join(fact for fact in facts if fact)
            output.out.print(f"[bold]{escape(line.name):<24}[/] {uid:<10} {line.state:<9} {seen:<16} {escape(told)}")
    if trouble is not None:
        output.complain(trouble)
        return ExitCode.DEGRADED
    return ExitCode.DONE
