"""The conda channel of the tests reaches machines: as a directory, and over HTTP in whatever state."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.channel.build import GO_PROXY, JULIA_REGISTRY, SERVED
from tests.system.channel_server import ChannelServer, Cut, Flip, Status
from tests.system.conftest import Boot
from tests.system.machine_image import Layer
from tests.system.machine_person import ADMIN

REPODATA = "/noarch/repodata.json"


@pytest.mark.only_on("bookworm")
def test_a_machine_has_the_channel(kernel_server: Layer, boot: Boot, channel: Path) -> None:
    machine = boot(kernel_server)
    told = machine.run(["sha256sum", f"{SERVED}{REPODATA}"], user=ADMIN.name).stdout
    machine.run(["test", "-r", f"{JULIA_REGISTRY}/Registry.toml", "-a", "-d", str(GO_PROXY)], user=ADMIN.name)
    # What it changes there is its own.
    machine.run(["truncate", "--size=0", f"{SERVED}{REPODATA}"])
    again = boot(kernel_server)
    assert again.run(["sha256sum", f"{SERVED}{REPODATA}"]).stdout == told
    assert (channel / REPODATA.lstrip("/")).stat().st_size > 0


@pytest.mark.only_on("bookworm")
def test_a_machine_reaches_the_channel_over_http(kernel_server: Layer, boot: Boot, channel: Path) -> None:
    machine = boot(kernel_server)
    machine.offline()
    whole = (channel / REPODATA.lstrip("/")).read_text()

    def get(*options: str) -> tuple[int, str]:
        words = ["curl", "--silent", "--noproxy", "*", "--max-time", "10", *options, server.url + REPODATA]
        got = machine.run(words, check=False)
        return got.code, got.stdout

    with ChannelServer(channel, machine.host_address, login=("reader", "secret")) as server:
        assert get("--fail")[0] == 22
        assert get("--user", "reader:secret") == (0, whole)
        server.faults["*/repodata.json"] = Status(503)
        assert get("--fail", "--user", "reader:secret")[0] == 22
        server.faults["*/repodata.json"] = Cut(1000)
        assert get("--user", "reader:secret") == (18, whole[:1000])
        server.faults["*/repodata.json"] = Flip(5)
        code, text = get("--user", "reader:secret")
        assert (code, len(text), text == whole) == (0, len(whole), False)
        assert server.requests == [f"GET {REPODATA}"] * 5
    assert get()[0] == 7
