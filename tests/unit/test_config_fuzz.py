"""Whatever is in the file, it is a config or a ConfigProblem, told on printable lines."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from installer.config.describe import all_keys, entry_keys
from installer.config.load import load
from installer.config.yaml_text import inline
from installer.host.errors import ConfigProblem

WORDS = sorted({part for key in (*all_keys(), *entry_keys()) for part in key.path})
SCALARS = st.one_of(
    st.sampled_from(["python", "numpy<2", "https://a:b@c/t/d", "conda-forge::x", "x @ https://y", "/a/../b"]),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.text("-+_.:0123456789obx"),
)
KEYS = st.sampled_from(WORDS) | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=4),
    max_leaves=12,
)
SNIPPETS = st.sampled_from(
    ["hub:", "domain: ", "- ", "\n", "\n  ", "\t", "[", "]", "{", "}", ",", ": ", "? ", "!!str ", "&a ", "*a", "|\n",
     ">\n", "'", '"', "\\x", "---\n", "...\n", "%YAML 1.1\n", "#", "<<: ", "1:30", "no", "0x", "~", "é", "\u2028",
     "\x85", "@"]
)  # fmt: skip


def holds(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "installer.yaml"
        file.write_bytes(data)
        file.chmod(0o644)
        try:
            load(file)
        except ConfigProblem as problem:
            assert problem.what.isprintable()
            assert problem.hint.isprintable()
            assert all(line.isprintable() for line in problem.detail.split("\n"))


@settings(max_examples=100, deadline=None, database=None)
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    holds(data)


@settings(max_examples=200, deadline=None, database=None)
@given(st.lists(SNIPPETS, max_size=15))
def test_any_pieces_of_yaml(pieces: list[str]) -> None:
    holds("".join(pieces).encode())


@settings(max_examples=150, deadline=None, database=None)
@given(st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=5))
def test_any_values(values: dict[str, object]) -> None:
    holds(inline(values).encode("utf-8", errors="surrogatepass"))


@settings(max_examples=200, deadline=None, database=None)
@given(st.lists(st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=5) | VALUES, max_size=4))
def test_any_kernels(kernels: list[object]) -> None:
    holds(inline({"kernels": kernels}).encode("utf-8", errors="surrogatepass"))
