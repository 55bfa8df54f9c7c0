"""The checker of system calls: what is lost in a power cut, and what was done in the wrong order."""

from __future__ import annotations

import json

import pytest

from tests.system.durability import calls, lost, violations

STATE, MANAGED = "/var/lib/x", ("/etc/nginx/conf.d/",)
SITE, NEW = "/etc/nginx/conf.d/hub.conf", "/etc/nginx/conf.d/.hub.conf.1.new"

JOURNAL = f"{STATE}/journal.jsonl"


def recorded(**record: object) -> list[str]:
    """A record, as strace shows that it was written and fsynced."""
    text = json.dumps(record).replace('"', '\\"')
    return [f'1 write(3<{JOURNAL}>, "{text}\\n", 9) = 9', f"1 fsync(3<{JOURNAL}>) = 0"]


BEGIN = recorded(event="begin")
START = recorded(event="start", resource={"path": SITE})
FILE = [
    f'1 openat(AT_FDCWD</>, "{NEW}", O_WRONLY|O_CREAT|O_EXCL, 0600) = 4<{NEW}>',
    f'1 write(4<{NEW}>, "server", 6) = 6',
    f"1 fchmod(4<{NEW}>, 0644) = 0",
    f"1 fsync(4<{NEW}>) = 0",
    f'1 rename("{NEW}", "{SITE}") = 0',
    "1 fsync(5</etc/nginx/conf.d>) = 0",
]
DONE = recorded(event="done", key=f"site:{SITE}")
KEPT = [
    f'1 openat(AT_FDCWD</>, "{STATE}/generations/.1.new", O_WRONLY|O_CREAT, 0600) = 4<{STATE}/generations/.1.new>',
    f'1 write(4<{STATE}/generations/.1.new>, "x", 1) = 1',
    f"1 fsync(4<{STATE}/generations/.1.new>) = 0",
    f'1 rename("{STATE}/generations/.1.new", "{STATE}/generations/1.json") = 0',
    f"1 fsync(5<{STATE}/generations>) = 0",
]
END = [f'1 unlink("{JOURNAL}") = 0', f"1 fsync(5<{STATE}>) = 0"]
RIGHT = [*BEGIN, *START, *FILE, *DONE, *KEPT, *END]


def without(*lines: str) -> str:
    return "\n".join(line for line in RIGHT if line not in lines)


def found(trace: str) -> list[str]:
    return violations(trace, state=STATE, managed=MANAGED)


def test_the_right_order() -> None:
    assert found("\n".join(RIGHT)) == []
    assert lost("\n".join(RIGHT)) == (set(), set())


@pytest.mark.parametrize(
    ("trace", "complaint"),
    [
        (without(FILE[3]), f"{SITE} was replaced by {NEW}, which was not fsynced"),
        (without(FILE[5]), f"site:{SITE} was marked done before it was on disk"),
        (without(START[1]), f"{SITE} was changed before its record was on disk"),
        (without(*START), f"{SITE} was changed before its record was on disk"),
        (without(KEPT[4]), "the journal went before the generation was on disk"),
        (without(*KEPT), "the journal went before the generation was on disk"),
    ],
)
def test_the_wrong_order(trace: str, complaint: str) -> None:
    assert complaint in found(trace)


def test_what_another_program_has_not_synced_is_found_unless_all_is() -> None:
    other = f'7 chmod("{SITE}", 0600) = 0'
    trace = [*BEGIN, *START, *FILE, *DONE, other, *KEPT, *END]
    assert found("\n".join(trace)) == [f"the generation was kept before {SITE} was on disk"]
    trace.insert(trace.index(other) + 1, "1 sync() = 0")
    assert found("\n".join(trace)) == []


def test_what_is_lost_at_each_moment() -> None:
    lines = [*BEGIN, *START, *FILE]
    at = len(BEGIN) + len(START)
    assert lost("\n".join(lines[: at + 1])) == (set(), {NEW})
    assert lost("\n".join(lines[: at + 2])) == ({NEW}, {NEW})
    assert lost("\n".join(lines[: at + 4])) == (set(), {NEW})
    assert lost("\n".join(lines[: at + 5])) == (set(), {SITE})
    assert lost("\n".join(lines)) == (set(), set())


def test_a_file_that_is_opened_again_is_there() -> None:
    opened = f'1 openat(AT_FDCWD</>, "{JOURNAL}", O_RDWR|O_CREAT|O_APPEND, 0600) = 3<{JOURNAL}>\n'
    synced = f"1 fsync(5<{STATE}>) = 0\n"
    assert lost(opened)[1] == {JOURNAL}
    assert lost(opened + synced + opened)[1] == set()
    assert lost(opened + synced + f'1 unlink("{JOURNAL}") = 0\n' + opened)[1] == {JOURNAL}


def test_links_and_directories_that_nobody_synced() -> None:
    trace = '1 mkdir("/etc/a", 0755) = 0\n1 symlinkat("../b", AT_FDCWD</etc/a>, "c") = 0\n'
    assert lost(trace)[1] == {"/etc/a", "/etc/a/c"}
    assert lost(trace + "1 fsync(3</etc/a>) = 0\n")[1] == {"/etc/a"}
    assert lost(trace + "1 syncfs(3</etc>) = 0\n")[1] == set()
    assert lost(trace + '1 unlinkat(3</etc/a>, "c", 0) = 0\n')[1] == {"/etc/a"}


def test_calls_of_several_threads() -> None:
    """A change counts from when it was begun, and a sync from when it has returned."""
    trace = [
        '1 rename("/a", "/b" <unfinished ...>',
        "2 fsync(3</c> <unfinished ...>",
        "1 <... rename resumed>) = 0",
        '3 write(4</d>, "it\'s \\"\\303\\266\\"\\n", 9) = 9',
        "2 <... fsync resumed>) = 0",
        "3 fsync(4</d>) = -1 EIO (Input/output error)",
        "3 +++ killed by SIGKILL +++",
        "2 fsync(4</d> <unfinished ...>",
    ]
    seen = list(calls("\n".join(trace)))
    assert [call.name for call in seen] == ["rename", "write", "fsync"]
    assert seen[1].texts == ('it\'s "ö"\n',)
    assert seen[2].place == "/c"
