"""docs/reference/attacks.md, made of the table of attacks."""

from __future__ import annotations

from collections.abc import Sequence

from tests.system.attack_table import ACCOUNT, HUB, HUBS, KINDS, MEMBER, SECTIONS, STRANGER, USERS, Attack

_HEAD = """\
# Attacks that are tried

This page is made of the table that `tests/system/test_isolation.py` goes by (`scripts/docs` writes it). On each system
(Debian 12, 13 and sid, the last with sudo-rs), a real machine with the hub on it is attacked in all of these ways, and
none may work. Grace is a member at work: her server runs, with a kernel and a terminal. It is attacked by

- **a member**, by code in a notebook of their own server;
- **a stranger**, who has an account on the machine and isn't a member, in a shell;
- **the account** of the hub, `jupyter`, outside of the hub's sandbox, where it never is by itself;
- **the hub**: a process of the hub's own, in its sandbox, as after a break-in.

All of it is tried with servers that sudo starts, and in the same machine again with those that systemd does, but for
what makes sense with one of them alone. For each there is somebody who may do it (Grace, root, the hub's account), and
does, by the same words: so it isn't for a slip of the test that it fails. And it has to fail in the words by which the
system refuses something.

{counts}

How it is built so that they fail is told under [security](../explanation/security.md). Other attacks have tests of
their own: from the network in front (`test_attacks.py`, `test_front.py`), on each helper's socket (`test_bounds.py`,
`test_systemd_spawner.py`, `test_accounts.py`, `test_passwords.py`), by guessing (`test_guessing.py`), on builds of
kernels (`test_kernel_attacks.py`), on what root does in people's homes (`test_user.py`, `test_shared.py`).
"""
_HEADING = {MEMBER: "a member", STRANGER: "a stranger", ACCOUNT: "the account", HUB: "the hub"}


def attacks_page() -> str:
    """All of it."""
    parts = [_HEAD.format(counts=_counts())]
    for title, (why, attacks) in SECTIONS.items():
        parts.append(f"\n## {title}\n\n{why}\n\n{_table(attacks)}")
    return "".join(parts)


def _counts() -> str:
    rows = []
    for kind in KINDS:
        attacks = [attack for _, some in SECTIONS.values() for attack in some if kind in attack.kinds]
        by = [sum(1 for attack in attacks if set(who) & set(attack.by)) for who in (USERS, HUBS)]
        each = sum(len(attack.by) for attack in attacks)
        rows.append(f"| {kind} | {len(attacks)} | {by[0]} | {by[1]} | {each} |\n")
    return (
        "| `spawner.kind` | attacks | by a user | by a hub | tries in all |\n|---|---|---|---|---|\n" + "".join(rows)
    ).rstrip()


def _table(attacks: Sequence[Attack]) -> str:
    head = f"| | {' | '.join(_HEADING.values())} | with |\n|---|{'---|' * (len(_HEADING) + 1)}\n"
    return head + "".join(
        f"| {attack.what} | {' | '.join('tries' if who in attack.by else '' for who in _HEADING)} | "
        f"{'both' if attack.kinds == KINDS else ', '.join(attack.kinds)} |\n"
        for attack in attacks
    )
