"""Answer whether the directory can be asked about people: with the very code that a login goes by.

Run as the hub's account. Reads {"ldap": ..., "ca_file": ..., "password": ..., "groups": ...} from standard input. It
prints, as JSON, why nobody can log in ("trouble": one line, or null), and in which of the groups nobody is ("lacks").

usage: python -I -m installer.hub.ask_directory
"""

from __future__ import annotations

import json
import sys

from installer.hub.directory import Directory, NotThem, Trouble


def main() -> None:
    """Ask."""
    given = json.load(sys.stdin)
    directory = Directory(given["ldap"], given["ca_file"], given["password"])
    trouble, lacks = None, []
    try:
        directory.check()
        lacks = directory.lacks(given["groups"])
    except (Trouble, NotThem) as why:
        trouble = str(why)
    print(json.dumps({"trouble": trouble, "lacks": lacks}))  # noqa: T201


if __name__ == "__main__":
    main()
