"""Answer whether the directory can be asked about people: with the very code that a login goes by.

Run as the hub's account. Reads {"ldap": ..., "ca_file": ..., "password": ...} from standard input; prints why nobody
can log in, in one line, or nothing.

usage: python -I -m installer.hub.ask_directory
"""

from __future__ import annotations

import json
import sys

from installer.hub.directory import Directory, NotThem, Trouble


def main() -> None:
    """Ask."""
    given = json.load(sys.stdin)
    try:
        Directory(given["ldap"], given["ca_file"], given["password"]).check()
    except (Trouble, NotThem) as why:
        print(why)  # noqa: T201


if __name__ == "__main__":
    main()
