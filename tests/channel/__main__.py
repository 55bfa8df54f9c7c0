"""Builds the channel and prints its directory."""

from tests.channel.build import build
from tests.system.machine_host import cache_dir

print(build(cache_dir()))
