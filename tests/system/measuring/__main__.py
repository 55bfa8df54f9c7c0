"""Measure the whole thing in throw-away machines, against the same done by hand.

Needs root (sudo scripts/bench), and for figures worth keeping a host that does nothing else meanwhile.
"""

from __future__ import annotations

import argparse
import signal
import sys

from tests.system import machine_host as host
from tests.system.machine_image import SUITES
from tests.system.machine_process import MachineProblem
from tests.system.measuring import again, applies, crowd, first_load, front, kernels, memory, spawn, starts
from tests.system.measuring.stage import Stage
from tests.system.measuring.table import PAGE, conditions, table, write

PARTS = {
    "apply": (applies.measure, 3),
    "second-apply": (again.measure, 15),
    "hub-start": (starts.measure, 7),
    "spawn": (spawn.measure, 30),
    "crowd": (crowd.measure, 1),
    "memory": (memory.measure, 3),
    "kernels": (kernels.measure, 3),
    "front": (front.measure, 5),
    "first-load": (first_load.measure, 5),
}
"""What there is to measure, and how often unless told otherwise."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"what to measure: {', '.join(PARTS)}")
    parser.add_argument("--all", action="store_true", help="measure everything (about an hour)")
    parser.add_argument("--runs", type=int, help="how often, for each figure")
    parser.add_argument("--suite", choices=SUITES, default="bookworm", help="which Debian (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help=f"also put the tables into {PAGE.name} in docs/")
    options = parser.parse_args()
    parts = list(PARTS) if options.all else options.parts
    unknown = set(parts) - set(PARTS)
    if not parts or unknown:
        parser.error(f"say what to measure: {', '.join(PARTS)}, or --all")
    if options.runs is not None and options.runs < 1:
        parser.error("--runs must be 1 or more")

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        host.install_packages(host.PACKAGES)
        host.require()
        with Stage(options.suite) as stage:
            for part in parts:
                measure, runs = PARTS[part]
                loads: list[float] = []
                text = table(measure(stage, options.runs or runs, loads))
                text = f"{text}\n\n{conditions(options.suite, loads)}"
                print(f"\n{part}\n\n{text}\n", flush=True)
                if options.write:
                    write(part, text)
    except MachineProblem as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; the machines are gone", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
