"""Every way to get the keys about kernels wrong; no password is repeated in what is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config_mistakes import Bad, check

CHANNEL = "a conda channel such as conda-forge"
KERNEL = "a kernel such as python or {name: science, packages: [numpy]}"
KERNEL_NAME = "a kernel's name such as science"
ONE_OF_KERNEL = "one of name, recipe, environment, lock, packages, pip, display_name, revision"
SPEC = "a conda package such as numpy or numpy<2"
PIP = "a requirement for pip such as requests>=2"


def channel(value: str, wrong: str, found: str | None = None, example: str = "[", expected: str = CHANNEL) -> Bad:
    found = f'"{value}"' if found is None else found
    text = f"channels:\n  - conda-forge\n  - {value}\n"
    return Bad(text, 3, "channels[1]", wrong, expected, found, f"channels: {example}")


def kernel(value: str, wrong: str, found: str | None = None, example: str = "[") -> Bad:
    """A name alone that is wrong."""
    found = f'"{value}"' if found is None else found
    return Bad(f"kernels:\n  - r\n  - {value}\n", 3, "kernels[1]", wrong, KERNEL, found, f"kernels: {example}")


def entry(setting: str, wrong: str, expected: str, found: str, example: str = "") -> Bad:
    """An entry with a key that is wrong."""
    key, _, value = setting.partition(": ")
    text = f"kernels:\n  - r\n  - name: science\n    {setting}\n"
    place = f"kernels[1].{key}" + ("[0]" if value.startswith("[") and found != "a list" else "")
    return Bad(text, 4, place, wrong, expected, found, f"kernels: [{{name: science, {key}: {example}")


CASES = {
    # --- channels
    "text for channels": Bad(
        "channels: conda-forge\n", 1, "channels", "wrong type", "a list of conda channels such as [conda-forge]",
        '"conda-forge"', "channels: [conda-forge]",
    ),
    "no channels": Bad("channels: []\n", 1, "channels", "no channel", "at least one", "a list", "channels: ["),
    "channel twice": Bad(
        "channels: [a, file:///x/, file:///x]\n", 1, "channels[2]", "named twice", "each name once", "file:///x"
    ),
    "password where a list belongs": Bad(
        "channels: https://ada:sec/ret@x.org/a\n", 1, "channels", "wrong type", "a list of", "https://…@x.org/a"
    ),
    "password that is miswritten": channel("https://ada:sec/ret@x.org/a", "not a channel", "https://…@x.org/a"),
    "defaults": channel("defaults", "a word of conda's"),
    "path as channel": channel("/srv/channel/", "a path without file://", example='["file:///srv/channel"]'),
    "file on a host": channel("file://srv/channel", "a file on another host"),
    "channel with a platform": channel("conda-forge/linux-64", "one platform's part", example="[conda-forge]"),
    "channel with a query": channel("https://x.org/a?b=c", "has a query", example='["https://x.org/a"]'),
    "channel with a blank": channel("conda forge", "not a channel"),
    "channel with a newline": channel('"x\\n"', "not a channel", '"x\\n"', "[x]"),
    "channel that climbs": channel("file:///srv/../x", "not a channel"),
    "channel by ftp": channel("ftp://x.org/a", "not a channel"),
    "number as channel": channel("7", "wrong type", "the number 7"),
    "channel on": channel("on", "unclear without quotes", '"on" (YAML 1.1 reads true', '["on"]'),
    "channel with a password": channel(
        "https://ada:secret@x.org/a", "has credentials in it", "https://…@x.org/a", '["https://x.org/a"]',
        "a URL without them (they go into /etc/jupyterhub/secrets/channels.json: everybody can read this file)",
    ),
    "channel with a token": channel(
        "https://x.org/t/ab-123/get/a", "has credentials in it", "https://x.org/t/…/get/a",
        '["https://x.org/get/a"]', "a URL without them",
    ),
    # --- kernels
    "text for kernels": Bad(
        "kernels: r\n", 1, "kernels", "wrong type", "a list of kernels such as [python, r]", '"r"', "kernels: [r]"
    ),
    "section for kernels": Bad("kernels: {python: {}}\n", 1, "kernels", "wrong type", "a list of", "a section", "k"),
    "number as kernel": kernel("7", "wrong type", "the number 7"),
    "nothing as kernel": kernel("", "wrong type", "nothing"),
    "list as kernel": kernel("[python]", "wrong type", "a list"),
    "kernel on": kernel("on", "unclear without quotes", '"on" (YAML 1.1 reads true', '["on"]'),
    "kernel in capitals": kernel("Python", "not in lower case", example="[python]"),
    "kernel with a blank": kernel("my kernel", "not a kernel's name", example="[my-kernel]"),
    "kernel as a path": kernel("../../etc", "a path, not a name", example="[etc]"),
    "kernel with two dots": kernel("a..b", "has two dots in a row", example="[a-b]"),
    "hidden kernel": kernel(".cache", "not a kernel's name", example="[cache]"),
    "kernel with a newline": kernel('"a\\n"', "not a kernel's name", '"a\\n"', "[a]"),
    "kernel with an umlaut": kernel("bücher", "not a kernel's name", example="[b-cher]"),
    "kernel of nothing but umlauts": kernel("äöü", "not a kernel's name"),
    "kernel with a long name": kernel("a" * 33, "longer than 32 characters", '"aaa', "[" + "a" * 32 + "]"),
    "long name of a kernel with a dot": kernel("a" * 31 + ".bc", "longer than 32", '"aaa', "[" + "a" * 31 + "]"),
    "kernel twice": Bad(
        "kernels:\n- r\n- python\n- name: r\n", 4, "kernels[2]", "named twice", "each kernel once", 'a second "r"', "k"
    ),
    "kernel without a name": Bad(
        "kernels:\n- r\n- recipe: python\n", 3, "kernels[1]", "without its name", KERNEL, "a section",
        "kernels: [{name: science}]",
    ),
    "kernel of nothing": Bad("kernels: [{}]\n", 1, "kernels[0]", "without its name", KERNEL, "a section", "kernels: ["),
    "name left empty": Bad(
        "kernels:\n- name:\n", 2, "kernels[0].name", "no value", KERNEL_NAME, "nothing", "kernels: [{name: science}]"
    ),
    "packages left empty": entry("packages: ", "no value", "a list of conda packages", "nothing", "["),
    "misspelt key of a kernel": entry("package: [x]", "unknown key", ONE_OF_KERNEL, '"package"', "")._replace(
        key="kernels[1].package", example='kernels: [{name: science, packages: ["python=3.12", "numpy<2"]}]'
    ),
    "title of a kernel": entry("display-name: x", "unknown key", ONE_OF_KERNEL, '"display-name"')._replace(
        key='kernels[1]."display-name"', example='kernels: [{name: science, display_name: "Python 3 (science)"}]'
    ),
    "key of the file in a kernel": entry("channels: [x]", "unknown key", ONE_OF_KERNEL, '"channels"')._replace(
        key="kernels[1].channels", example="channels: ["
    ),
    "key of a kernel in the file": Bad(
        "packages: [numpy]\n", 1, "packages", "unknown key", "one of hub", '"packages"', "kernels: [{name: "
    ),
    "unknown key of a kernel": entry("zzz: 1", "unknown key", ONE_OF_KERNEL, '"zzz"')._replace(example="kernels: ["),
    "key of a kernel twice": entry("pip: [x]\n    pip: [y]", "given twice", "each key once", "it on line 4")._replace(
        line=5, key="kernels[1].pip", example=None
    ),
    "wrong name in an entry": Bad(
        "kernels:\n- name: A/B\n", 2, "kernels[0].name", "a path", KERNEL_NAME, '"A/B"', "kernels: [{name: a-b}]"
    ),
    "recipe as a path": entry("recipe: ../python", "a path, not a name", KERNEL_NAME, '"../python"', "python}"),
    "two sources": entry("recipe: python\n    lock: /x.lock", "beside recipe", "one of recipe", '"/x.lock"')._replace(
        line=5, key="kernels[1].lock", example="kernels: [{name: science, lock: /srv"
    ),
    "relative file": entry("environment: x.yml", "not an absolute path", "an absolute path such as", '"x.yml"', "/srv"),
    "file that climbs": entry("lock: /srv/../x", "has an empty segment, . or ..", "an absolute path", '"/srv/../x"'),
    "file with an escape": entry('lock: "/a\\e[2J"', "has characters that can't", "an absolute", '"/a\\x1b[2J"'),
    "file with a long path": entry("lock: " + "/a" * 501, "longer than 1000", "an absolute path", '"/a/a'),
    "text for packages": entry("packages: numpy", "wrong type", "a list of conda", '"numpy"', "[numpy]"),
    "option as package": entry("packages: [-c evil]", "an option, not a package", SPEC, '"-c evil"'),
    "package with blanks": entry('packages: [" numpy "]', "has blanks around it", SPEC, '" numpy "', "[numpy]"),
    "package on two lines": entry('packages: ["numpy\\nscipy"]', "more than one line", SPEC, '"numpy\\nscipy"'),
    "half a package": entry('packages: ["<2"]', "doesn't start with a package's name", SPEC, '"<2"'),
    "number as package": entry("packages: [3.12]", "wrong type", SPEC, "the number 3.12"),
    "URL as package": entry('packages: ["https://x.org/a.conda"]', "the URL of a package", SPEC, '"https://x.org/a.c'),
    "package with a bad channel": entry('packages: ["a b::x"]', "no channel before the ::", SPEC, '"a b::x"', "[x]"),
    "package with a password": entry(
        'packages: ["https://ada:secret@x.org/a::numpy"]', "has credentials in it", "a URL without them",
        "https://…@x.org/a::numpy", "[numpy]",
    ),
    "package twice": Bad(
        "kernels: [{name: a, packages: [x, x]}]\n", 1, "kernels[0].packages[1]", "named twice", "each name once", '"x"'
    ),
    "option as requirement": entry('pip: ["-r x.txt"]', "an option, not a package", PIP, '"-r x.txt"'),
    "requirement with an option": entry('pip: ["flask --pre"]', "has an option of pip's", PIP, '"flask --pre"'),
    "file as requirement": entry('pip: ["./x"]', "a file or a URL without a name", PIP, '"./x"'),
    "URL as requirement": entry('pip: ["https://x.org/a.whl"]', "a file or a URL", PIP, '"https://x.org/a.whl"'),
    "two requirements": entry('pip: ["flask scipy"]', "not a requirement", PIP, '"flask scipy"'),
    "requirement with a password": entry(
        'pip: ["x @ https://ada:secret@y.org/x"]', "has credentials in it", "a URL without them",
        "x @ https://…@y.org/x", '["x @ https://y.org/x"]',
    ),
    "title on two lines": entry('display_name: "a\\nb"', "more than one line", "a title", '"a\\nb"', '"a b"'),
    "title with blanks": entry('display_name: " a "', "has blanks around it", "a title", '" a "', "a}"),
    "long title": entry("display_name: " + "ä" * 81, "longer than 80", "a title such as", '"äää', '"' + "ä" * 80),
    "number as title": entry("display_name: 3", "wrong type", "a title", "the number 3"),
    "revision without quotes": entry("revision: 123456789012", "a number for want of quotes", "a rev", "the number"),
    "revision as a float": entry("revision: 12e456789012", "unclear without quotes", "a rev", "YAML 1.2 the", '"12e4'),
    "revision in capitals": entry("revision: 3F9C0A7B51DE", "not a rev", "a rev", '"3F9C0A7B51DE"', "3f9c0a7b51de"),
    "half a revision": entry("revision: 3f9c", "not a revision", "a revision such as", '"3f9c"'),
    # --- default_kernel
    "default that is no kernel": Bad(
        "kernels: [r, go]\ndefault_kernel: python\n", 2, "default_kernel", "not one of kernels", "one of r, go",
        '"python"', "default_kernel: r",
    ),
    "default of no kernels": Bad(
        "default_kernel: r\nkernels: []\n", 2, "kernels", 'without "r", the default_kernel',
        "a list with it, or no default_kernel", "a list", "kernels: [r]",
    ),
    "default in a list": Bad("default_kernel: [r]\n", 1, "default_kernel", "wrong type", KERNEL_NAME, "a list", "def"),
}  # fmt: skip


@pytest.mark.parametrize("bad", CASES.values(), ids=CASES.keys())
def test_every_mistake_is_told_with_line_key_expectation_and_example(bad: Bad, tmp_path: Path) -> None:
    told = check(bad, tmp_path)
    text = told.what + told.hint + told.detail
    assert not any(word in text for word in ("secret@", "ret@", "ada:", "ab-123"))
