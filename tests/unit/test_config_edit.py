"""Kernels put into a config's text, changed and taken out: everything else stays as people left it."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from installer.config.edit import (
    Entry,
    with_account,
    with_admins,
    with_default_kernel,
    with_kept,
    with_kernel,
    without_kernel,
)
from installer.config.load import load_text
from installer.config.models import Config, KernelEntry
from installer.host import paths
from installer.host.errors import ConfigProblem

FILE = Path("/etc/jupyterhub/installer.yaml")
LAB: dict[str, object] = {"name": "lab", "packages": ["polars", "numpy<2"]}


class Edit(NamedTuple):
    """A text before and after, and what was done to it in between."""

    before: str
    done: Callable[[str], str]
    after: str


def put(entry: str | Mapping[str, object], before: str, after: str) -> Edit:
    return Edit(before, lambda text: with_kernel(text, entry), after)


def take(name: str, before: str, after: str) -> Edit:
    return Edit(before, lambda text: without_kernel(text, name), after)


def default(name: str | None, before: str, after: str) -> Edit:
    return Edit(before, lambda text: with_default_kernel(text, name), after)


DEFAULTS = "kernels:\n  - python\n  - r\n  - julia\n  - go\n"
LAB_LINES = '  - name: lab\n    packages: [polars, "numpy<2"]\n'
LAB_FLUSH = '- name: lab\n  packages: [polars, "numpy<2"]\n'
LAB_INLINE = '{name: lab, packages: [polars, "numpy<2"]}'


def admins(names: list[str], before: str, after: str) -> Edit:
    return Edit(before, lambda text: with_admins(text, names), after)


def account(name: str, new: str | None, before: str, after: str) -> Edit:
    return Edit(before, lambda text: with_account(text, name, new), after)


def kept(files: list[str], before: str, after: str) -> Edit:
    return Edit(before, lambda text: with_kept(text, files), after)


SITE, PAM = str(paths.NGINX_SITE), str(paths.PAM_SERVICE)

EDITS = {
    # --- without kernels in the file
    "an empty file": put("lab", "", DEFAULTS + "  - lab\n"),
    "an entry into an empty file": put(LAB, "", DEFAULTS + LAB_LINES),
    "nothing but comments": put("lab", "# ours\n\n# none yet\n", "# ours\n\n# none yet\n" + DEFAULTS + "  - lab\n"),
    "a comment without a newline": put("lab", "# ours", "# ours\n" + (DEFAULTS + "  - lab")),
    "nothing but blank lines": put("lab", "\n\n", "\n\n" + DEFAULTS + "  - lab\n"),
    "a document marker alone": put("lab", "---\n", "---\n" + DEFAULTS + "  - lab\n"),
    "a document marker with a comment": put("lab", "--- # us\n# x\n", "--- # us\n# x\n" + DEFAULTS + "  - lab\n"),
    "an end marker": put("lab", "hub: {}\n...\n# x\n", "hub: {}\n" + DEFAULTS + "  - lab\n...\n# x\n"),
    "null": put("lab", "~ # none\n", "{kernels: [python, r, julia, go, lab]} # none\n"),
    "empty braces": put("lab", "{}\n", "{kernels: [python, r, julia, go, lab]}\n"),
    "a file in braces": put("lab", "{hub: {domain: x}}", "{hub: {domain: x}, kernels: [python, r, julia, go, lab]}"),
    "a file in braces on many lines": put(
        "lab",
        '{\n  "hub": {"domain": "x"}, # us\n  "culler": {} # them\n}\n',
        '{\n  "hub": {"domain": "x"}, # us\n  "culler": {}, # them\n  kernels: [python, r, julia, go, lab]\n}\n',
    ),
    "other sections, comments at the end": put(
        "lab",
        "# us\nhub:\n    domain: 'x'   # ours\nculler:\n    timeout: 1h\n    # max_age: 7d\n",
        "# us\nhub:\n    domain: 'x'   # ours\nculler:\n    timeout: 1h\n    # max_age: 7d\n" + DEFAULTS + "  - lab\n",
    ),
    "an empty last section": put("lab", "culler:\n", "culler:\n" + DEFAULTS + "  - lab\n"),
    "a file that is indented": put(
        "lab", " hub: {}\n", " hub: {}\n kernels:\n   - python\n   - r\n   - julia\n   - go\n   - lab\n"
    ),
    "a byte order mark": put("lab", "\ufeffhub: {}\n", "\ufeffhub: {}\n" + DEFAULTS + "  - lab\n"),
    "line ends of Windows": put(
        "lab", "hub: {}\r\n# x\r\n", "hub: {}\r\n# x\r\n" + (DEFAULTS + "  - lab\n").replace("\n", "\r\n")
    ),
    "a default that says more": put(
        {"name": "r", "pip": ["x"]},
        "",
        "kernels:\n  - python\n  - name: r\n    pip: [x]\n  - julia\n  - go\n",
    ),
    "a default that is there": put("julia", "# x", "# x"),
    # --- admins
    "an admin into an empty file": admins(["ada"], "", "hub: {admin_users: [ada]}\n"),
    "an admin into a section with comments": admins(
        ["ada"],
        "# us\nhub: # site\n  domain: a.b # x\n# end\n",
        "# us\nhub: # site\n  domain: a.b # x\n  admin_users: [ada]\n# end\n",
    ),
    "one more admin": admins(
        ["ada", "grace"],
        "hub:\n  admin_users:  # who\n  - ada # first\n  domain: a.b\n",
        "hub:\n  admin_users:  # who\n  - ada # first\n  - grace\n  domain: a.b\n",
    ),
    "one more admin, in brackets": admins(
        ["ada", "grace"], "hub: {admin_users: [ada]} # x\n", "hub: {admin_users: [ada, grace]} # x\n"
    ),
    "an admin less": admins(
        ["grace"], "hub:\n  admin_users:\n  - ada # first\n  - grace # second\n",
        "hub:\n  admin_users:\n  - grace # second\n",
    ),
    "the last admin": admins([], "hub:\n  admin_users: [ada] # x\n", "hub:\n  admin_users: [] # x\n"),
    "admins that are there": admins(["ada"], "hub: {admin_users: ['ada']}", "hub: {admin_users: ['ada']}"),
    # --- what is said of somebody
    "limits of another name": account(
        "ada", "lovelace",
        "# us\nlimits:\n  users: # some\n    ada: # hers\n      memory: 8G # by May\n    bob: {cpu: 1}\n",
        "# us\nlimits:\n  users: # some\n    lovelace: # hers\n      memory: 8G # by May\n    bob: {cpu: 1}\n",
    ),
    "limits and an exemption of another name, in braces": account(
        "ada", "1e3",
        "limits: {users: {bob: {cpu: 1}, 'ada': {cpu: 2}}} # x\nculler: {exempt: [ada, bob]}\n",
        'limits: {users: {bob: {cpu: 1}, "1e3": {cpu: 2}}} # x\nculler: {exempt: ["1e3", bob]}\n',
    ),
    "the exemption of another name that has one": account(
        "ada",
        "grace",
        "culler: {exempt: [hopper, ada, grace]} # spared\n",
        "culler: {exempt: [hopper, grace]} # spared\n",
    ),
    "limits of nobody any more": account(
        "ada", None,
        "limits:\n  users:\n    ada:\n      memory: 8G\n    bob: {cpu: 1} # his\n  total: {cpu: 4}\n",
        "limits:\n  users:\n    bob: {cpu: 1} # his\n  total: {cpu: 4}\n",
    ),
    "the last limits of anybody": account(
        "ada", None,
        "limits:\n  users:\n    ada:\n      memory: 8G\n  total: {cpu: 4}\n# end\n",
        "limits:\n  total: {cpu: 4}\n# end\n",
    ),
    "the last of all limits, and the last who is spared": account(
        "ada", None,
        "# us\nlimits:\n  users: {ada: {cpu: 1}}\nculler:\n  timeout: 1h\n  exempt:\n  - ada # she\nhub: {}\n",
        "# us\nculler:\n  timeout: 1h\nhub: {}\n",
    ),
    "somebody of whom nothing is said": account(
        "bob", None, "limits: {users: {ada: {cpu: 1}}}\nauth: {blocked: [bob]}",
        "limits: {users: {ada: {cpu: 1}}}\nauth: {blocked: [bob]}",
    ),
    # --- into a list with dashes
    "behind the last": put("lab", "kernels:\n  - r\n", "kernels:\n  - r\n  - lab\n"),
    "behind the last without a newline": put("lab", "kernels:\n  - r", "kernels:\n  - r\n  - lab"),
    "dashes below the key": put(LAB, "kernels:\n- r\nhub: {}\n", "kernels:\n- r\n" + LAB_FLUSH + "hub: {}\n"),
    "dashes further in": put(
        LAB, "kernels:\n     - r\n", 'kernels:\n     - r\n     - name: lab\n       packages: [polars, "numpy<2"]\n'
    ),
    "comments behind entries": put(
        "lab",
        "kernels:  # all\n  # statistics\n  - r  # by demand\n  # go\n\n# the rest\nhub: {}\n",
        "kernels:  # all\n  # statistics\n  - r  # by demand\n  - lab\n  # go\n\n# the rest\nhub: {}\n",
    ),
    "comments below the last one's keys": put(
        "lab",
        "kernels:\n- name: a\n  pip: [x]\n  # display_name: A\n# the rest\nhub: {}\n",
        "kernels:\n- name: a\n  pip: [x]\n  # display_name: A\n- lab\n# the rest\nhub: {}\n",
    ),
    "behind a list in a list": put(
        "lab",
        "kernels:\n  - name: a\n    packages:\n    - x # one\n    - z # two\n",
        "kernels:\n  - name: a\n    packages:\n    - x # one\n    - z # two\n  - lab\n",
    ),
    "behind a folded title": put(
        "lab",
        "kernels:\n  - name: a\n    display_name: >-\n      Our\n      kernel\n\n# x\nhub: {}\n",
        "kernels:\n  - name: a\n    display_name: >-\n      Our\n      kernel\n  - lab\n\n# x\nhub: {}\n",
    ),
    "behind a comment with a dash": put(
        "lab", "kernels:\n  - # - not this\n    name: a\n", "kernels:\n  - # - not this\n    name: a\n  - lab\n"
    ),
    "a name in quotes and one in braces": put(
        "lab",
        "kernels:\n  - 'r'\n  - {name: \"a\"}\nhub: {}\n",
        "kernels:\n  - 'r'\n  - {name: \"a\"}\n  - lab\nhub: {}\n"
    ),
    "long lines": put(
        "lab", f"hub: {{domain: {'x.' * 90}org}}  # {'y ' * 90}\nkernels:\n  - r\n",
        f"hub: {{domain: {'x.' * 90}org}}  # {'y ' * 90}\nkernels:\n  - r\n  - lab\n",
    ),
    "dashes and the line ends of Windows": put(
        LAB, "kernels:\r\n  - r # x\r\nhub: {}\r\n",
        "kernels:\r\n  - r # x\r\n" + LAB_LINES.replace("\n", "\r\n") + "hub: {}\r\n",
    ),
    "letters of the world": put(
        {"name": "lab", "display_name": "Übung 🧪 (Ä)"},
        "# für alle\nkernels:\n  - r # größer\n",
        '# für alle\nkernels:\n  - r # größer\n  - name: lab\n    display_name: "Übung 🧪 (Ä)"\n',
    ),
    "words that need quotes": put(
        {"name": "1e3", "revision": "123456789012", "pip": ["x>=1,<2"]},
        "kernels:\n  - r\n",
        'kernels:\n  - r\n  - name: "1e3"\n    revision: "123456789012"\n    pip: ["x>=1,<2"]\n',
    ),
    # --- into a list in brackets
    "brackets": put("lab", "kernels: [python, r]  # ours\n", "kernels: [python, r, lab]  # ours\n"),
    "an entry in brackets": put(LAB, "kernels: [ python ]\n", f"kernels: [ python, {LAB_INLINE} ]\n"),
    "empty brackets": put("lab", "kernels: []\n", "kernels: [lab]\n"),
    "empty brackets with a comment": put("lab", "kernels: [# none\n]\n", "kernels: [lab # none\n]\n"),
    "a comma at the end": put("lab", "kernels: [python, r,]\n", "kernels: [python, r, lab,]\n"),
    "brackets over several lines": put(
        "lab",
        "kernels: [\n  python,  # first\n  r        # then\n  # no more, please\n]\n",
        "kernels: [\n  python,  # first\n  r,        # then\n  lab\n  # no more, please\n]\n",
    ),
    "brackets over several lines with a last comma": put(
        "lab", "kernels: [\n  python,\n  r,  # then\n]", "kernels: [\n  python,\n  r,  # then\n  lab,\n]"
    ),
    "brackets that close behind the last": put(
        "lab", "kernels: [python,\n          r]  # x\n", "kernels: [python,\n          r,\n          lab]  # x\n"
    ),
    "two on a line": put("lab", "kernels: [\n  python, r\n]\n", "kernels: [\n  python, r, lab\n]\n"),
    "brackets below the key": put("lab", "kernels:\n  [python]\nhub: {}\n", "kernels:\n  [python, lab]\nhub: {}\n"),
    "a file in one pair of braces": put("lab", '{"kernels": ["r"], "hub": {}}', '{"kernels": ["r", lab], "hub": {}}'),
    # --- an entry changed
    "a name that says more": put(
        LAB,
        "kernels:\n  - lab  # ours\n  - r\n",
        'kernels:\n  - name: lab  # ours\n    packages: [polars, "numpy<2"]\n  - r\n'
    ),
    "a name in brackets that says more": put(LAB, "kernels: ['lab', r]\n", f"kernels: [{LAB_INLINE}, r]\n"),
    "an entry that says the same": put(
        LAB, "kernels:\n- packages:\n  - 'polars'\n  - numpy<2\n  pip: []\n  name: lab\n",
        "kernels:\n- packages:\n  - 'polars'\n  - numpy<2\n  pip: []\n  name: lab\n",
    ),
    "a package more": put(
        {**LAB, "packages": ["polars", "numpy<2", "scipy"]},
        "kernels:\n  - name: lab  # ours\n    packages:\n      - polars  # a\n      - numpy<2\n    # so far\n  - r\n",
        "kernels:\n  - name: lab  # ours\n    packages:\n      - polars  # a\n      - numpy<2\n      - scipy\n"
        "    # so far\n  - r\n",
    ),
    "a package in another version": put(
        {**LAB, "packages": ["polars", "numpy<3", "scipy"]},
        "kernels:\n  - name: lab\n    packages:\n      - polars  # a\n      - numpy<2  # b\n      - scipy  # c\n",
        'kernels:\n  - name: lab\n    packages:\n      - polars  # a\n      - "numpy<3"  # b\n      - scipy  # c\n',
    ),
    "a package less and another in front": put(
        {**LAB, "packages": ["a", "polars", "b", "scipy"]},
        "kernels:\n  - name: lab\n    packages:\n      - polars  # a\n      - x  # old\n      - z\n      - scipy\n",
        "kernels:\n  - name: lab\n    packages:\n      - a\n      - polars  # a\n      - b  # old\n      - scipy\n",
    ),
    "packages in brackets": put(
        {**LAB, "packages": ["a", "polars", "scipy"]},
        "kernels:\n  - name: lab\n    packages: ['polars', x, \"scipy\"]  # all\n",
        "kernels:\n  - name: lab\n    packages: [a, 'polars', \"scipy\"]  # all\n",
    ),
    "a key more and one less": put(
        {"name": "lab", "recipe": "python", "pip": ["x"]},
        "kernels:\n  - name: lab\n    # the old one\n    lock: /x.lock\n    pip: [x]  # one\n    # more?\n  - r\n",
        "kernels:\n  - name: lab\n    # the old one\n    pip: [x]  # one\n    recipe: python\n    # more?\n  - r\n",
    ),
    "the first key of an entry taken out": put(
        {"name": "lab", "pip": ["x"]},
        "kernels:\n  - recipe: python\n    name: lab\n    pip: [x]\n",
        "kernels:\n  - name: lab\n    pip: [x]\n",
    ),
    "the first key with a comment taken out": put(
        {"name": "lab", "pip": ["x"]},
        "kernels:\n  - recipe: python # why\n    # the lab\n    name: lab\n    pip: [x]\n",
        "kernels:\n  - # why\n    # the lab\n    name: lab\n    pip: [x]\n",
    ),
    "an entry in braces": put(
        {**LAB, "pip": ["x"]},
        "kernels: [r, {name: lab, packages: [polars, 'numpy<2'], lock: /x}]\n",
        "kernels: [r, {name: lab, packages: [polars, 'numpy<2'], pip: [x]}]\n",
    ),
    "an entry without braces in brackets": put("lab", "kernels: [name: lab]\n", "kernels: [name: lab]\n"),
    "an entry that says no more": put(
        "lab", "kernels:\n  - name: lab\n    pip:\n    - x\n  - r\n", "kernels:\n  - lab\n  - r\n"
    ),
    "an entry that says no more, with comments": put(
        "lab",
        "kernels:\n  - name: lab  # ours\n    # nothing by pip\n    pip: [x]\n  - r\n",
        "kernels:\n  - name: lab  # ours\n    # nothing by pip\n  - r\n",
    ),
    "a title changed": put(
        {"name": "lab", "display_name": "B"},
        "kernels:\n  - display_name: >-\n      A\n      title\n    name: lab  # x\n",
        "kernels:\n  - display_name: B\n    name: lab  # x\n",
    ),
    "others as they are": put(
        "lab",
        "kernels:\n- {name: r}\n- name: a\n  pip: []\n- !lab\n".replace("!lab", "name: lab\n  pip: [x]"),
        "kernels:\n- {name: r}\n- name: a\n  pip: []\n- lab\n",
    ),
    # --- taken out
    "one of the defaults": take("r", "# x\n", "# x\nkernels:\n  - python\n  - julia\n  - go\n"),
    "one that is not there": take("lab", "kernels: [r]", "kernels: [r]"),
    "from the middle": take(
        "r", "kernels:\n  - a\n  # statistics\n  - r  # by demand\n  - b\n", "kernels:\n  - a\n  # statistics\n  - b\n"
    ),
    "from the end": take(
        "r", "kernels:\n  - a\n  - name: r\n    pip: [x]\n# x\nhub: {}\n", "kernels:\n  - a\n# x\nhub: {}\n"
    ),
    "from the end without a newline": take("r", "kernels:\r\n  - a\r\n  - r", "kernels:\r\n  - a"),
    "the last one": take(
        "r", "kernels: # ours\n  # statistics\n  - r\nhub: {}\n", "kernels: [] # ours\n  # statistics\nhub: {}\n"
    ),
    "the last one, without a newline": take("r", "hub: {}\nkernels:\n- r", "hub: {}\nkernels: []"),
    "the first in brackets": take("r", "kernels: [r, a, b]\n", "kernels: [a, b]\n"),
    "the last in brackets": take("r", "kernels: [a, b, r]  # x\n", "kernels: [a, b]  # x\n"),
    "the only one in brackets": take("r", "kernels: [ 'r' ]\n", "kernels: [ ]\n"),
    "the only one before a comma": take("r", "kernels: [r,]\n", "kernels: []\n"),
    "a line in brackets": take(
        "r", "kernels: [\n  a,  # one\n  r,  # two\n  b   # three\n]\n", "kernels: [\n  a,  # one\n  b   # three\n]\n"
    ),
    "the last line in brackets": take(
        "r", "kernels: [\n  a,  # one, two\n  r\n]\n", "kernels: [\n  a  # one, two\n]\n"
    ),
    "a line with the bracket": take("r", "kernels: [a,\n  {name: r, pip: [x]}]\n", "kernels: [a\n]\n"),
    "the first before a comment": take("r", "kernels: [r, # one\n  a]\n", "kernels: [# one\n  a]\n"),
    "the default": take("r", "default_kernel: r # x\nkernels: [a, r]\nhub: {}\n", "kernels: [a]\nhub: {}\n"),
    "all but the default": take("a", "default_kernel: r\nkernels: [a, r]\n", "default_kernel: r\nkernels: [r]\n"),
    # --- the default
    "a default where there is none": default("r", "hub: {}\n# x\n", "hub: {}\n# x\ndefault_kernel: r\n"),
    "a default in an empty file": default("r", "", "default_kernel: r\n"),
    "a default behind the kernels": default(
        "r",
        "kernels:\n  - a\n  - r # x\n    # y\n\n# z\nhub: {}\n",
        "kernels:\n  - a\n  - r # x\n    # y\ndefault_kernel: r\n\n# z\nhub: {}\n"
    ),
    "a default behind kernels in brackets": default(
        "r", "kernels: [a, r] # x\nhub: {}\n", "kernels: [a, r] # x\ndefault_kernel: r\nhub: {}\n"
    ),
    "another default": default("go", "default_kernel: 'r'  # x\n", "default_kernel: go  # x\n"),
    "another default that needs quotes": default(
        "1e3", "kernels: ['1e3', r]\ndefault_kernel: r\n", "kernels: ['1e3', r]\ndefault_kernel: \"1e3\"\n"
    ),
    "the same default": default("r", "default_kernel: 'r'\n", "default_kernel: 'r'\n"),
    "no default any more": default(None, "# a\ndefault_kernel: r # x\n# b\n", "# a\n# b\n"),
    "no default any more, at the end": default(None, "hub: {}\ndefault_kernel: r", "hub: {}"),
    "no default in braces": default(None, "{default_kernel: r, hub: {}}\n", "{hub: {}}\n"),
    "no default as it was": default(None, "hub: {}\n", "hub: {}\n"),
    # --- files to keep
    "a file to keep": kept([SITE], "# us\nkernels: []  # none\n", f"# us\nkernels: []  # none\nkeep:\n  - {SITE}\n"),
    "another one": kept([PAM], f"keep: # ours\n  - {SITE} # by me\n", f"keep: # ours\n  - {SITE} # by me\n  - {PAM}\n"),
    "one of two that is there": kept([SITE, PAM], f"keep: [{SITE}]\n", f"keep: [{SITE}, {PAM}]\n"),
    "said twice": kept([SITE, SITE], "", f"keep:\n  - {SITE}\n"),
    "none to keep so far": kept([SITE], "keep: [] # x\nhub: {}\n", f"keep: [{SITE}] # x\nhub: {{}}\n"),
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_nothing_but_what_was_asked_for_is_changed(edit: Edit) -> None:
    load_text(FILE, edit.before)
    after = edit.done(edit.before)
    assert after == edit.after
    load_text(FILE, after)
    assert edit.done(after) == after


def test_what_cannot_be_changed_safely_is_left_to_people() -> None:
    with pytest.raises(ConfigProblem, match="can't change") as caught:
        with_kernel("? kernels\n: - r\n", "lab")
    assert caught.value.hint == "change it in an editor, for example: kernels: [r, lab]"


# --- any file ------------------------------------------------------------------------------------
NAMES = st.sampled_from(["python", "r", "lab", "a.b", "1e3"])
ENTRIES = st.one_of(
    NAMES,
    st.fixed_dictionaries(
        {"name": NAMES},
        optional={
            "recipe": st.just("python"),
            "packages": st.lists(st.sampled_from(["numpy<2", "scipy", "x=1.*", "a::b"]), min_size=1, unique=True),
            "pip": st.lists(st.sampled_from(["flask", "x>=1,<2"]), min_size=1, unique=True),
            "display_name": st.sampled_from(["A", "Ü 🧪", "# no comment", "a: b", "[x]", "'", '"']),
        },
    ),
)
"""What can be asked for."""


def name_of(entry: object) -> str:
    return str(entry["name"]) if isinstance(entry, Mapping) else str(entry)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Files that load, in all the styles that people have."""
    blank = st.sampled_from(["", "\n", "# a comment\n", "  # an indented one, - with: [all]\n", "\n# x\n\n"])
    behind = st.sampled_from(["", "", "  # why, - not: [this]", " #", "   "])
    sections = [draw(blank) + draw(st.sampled_from(OTHERS)) + draw(behind) + "\n"]
    kernels = draw(
        st.none() | st.lists(ENTRIES, max_size=4, unique_by=lambda e: e if isinstance(e, str) else e["name"])
    )
    if kernels is not None:
        sections.append(draw(blank) + draw(written(kernels, behind)))
        if draw(st.booleans()) and kernels:
            sections.append(f"default_kernel: '{name_of(draw(st.sampled_from(kernels)))}'{draw(behind)}\n")
    text = "".join(draw(st.permutations(sections))) + draw(blank)
    text = draw(st.sampled_from(["", "", "---\n", "# top\n---\n"])) + text
    text = text if draw(st.booleans()) else text.removesuffix("\n")
    return text if draw(st.booleans()) else text.replace("\n", "\r\n")


OTHERS = [
    "hub: {}", "hub:\n  domain: 'hub.example.org'", "culler: {timeout: 1h}", "hub:",
    "culler:\n    timeout: \"2h\" # x\n    max_age: 7d",
    "channels: [a,\n  b]", "channels:\n- conda-forge",
]  # fmt: skip


@st.composite
def written(draw: st.DrawFn, kernels: Sequence[object], behind: st.SearchStrategy[str]) -> str:
    """A list of kernels, in brackets or with dashes."""
    style = draw(st.sampled_from(["line", "lines", "dashes"])) if kernels else "line"
    if style == "line":
        return f"kernels: [{', '.join(map(in_braces, kernels))}]{draw(behind)}\n"
    if style == "lines":
        comma = draw(st.sampled_from(["", ","]))
        lines = [f"  {in_braces(kernel)}," + draw(behind) for kernel in kernels[:-1]]
        return "\n".join(
            [f"kernels: [{draw(behind)}", *lines, f"  {in_braces(kernels[-1])}{comma}{draw(behind)}", "]\n"]
        )
    indent = draw(st.sampled_from(["", "  ", "    "]))
    text = f"kernels:{draw(behind)}\n"
    for kernel in kernels:
        text += draw(st.sampled_from(["", f"{indent}# above\n"]))
        if isinstance(kernel, Mapping) and draw(st.booleans()):
            keys = draw(st.permutations(list(kernel)))
            lines = [f"{key}: {in_braces(kernel[key])}{draw(behind)}\n" for key in keys]
            text += f"{indent}- " + f"{indent}  ".join(lines)
        else:
            text += f"{indent}- {in_braces(kernel)}{draw(behind)}\n"
    return text


def in_braces(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {in_braces(below)}' for key, below in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(in_braces, value))}]"
    return "'" + str(value).replace("'", "''") + "'"


def comments(text: str) -> Counter[str]:
    return Counter(re.findall(r"(?:^|\s)(#[^\r\n]*)", text, re.MULTILINE))


def others(config: Config) -> Config:
    return config.model_copy(update={"kernels": (), "default_kernel": None})


def entry_of(config: Config, name: str) -> KernelEntry | None:
    return next((kernel for kernel in config.kernels if kernel.name == name), None)


def line_ends(text: str) -> set[str]:
    return set(re.findall("\r?\n", text))


@settings(max_examples=150, deadline=None, database=None)
@given(texts(), ENTRIES)
def test_a_kernel_put_into_any_file(text: str, entry: object) -> None:
    before = load_text(FILE, text)
    changed = with_kernel(text, cast("Entry", entry))
    after = load_text(FILE, changed)
    name = name_of(entry)
    assert entry_of(after, name) == KernelEntry.model_validate({"name": entry} if isinstance(entry, str) else entry)
    assert [k for k in after.kernels if k.name != name] == [k for k in before.kernels if k.name != name]
    assert [k.name for k in after.kernels][: len(before.kernels)] == [k.name for k in before.kernels]
    assert others(after) == others(before)
    assert after.default_kernel == before.default_kernel
    assert line_ends(changed) <= (line_ends(text) or {"\n"})
    assert changed.endswith("\n") == (text.endswith("\n") or not text)
    assert with_kernel(changed, cast("Entry", entry)) == changed
    if entry_of(before, name) is None:  # added: no line is gone, and every comment is there
        gone = [line for line in difflib.ndiff(text.splitlines(), changed.splitlines()) if line.startswith("- ")]
        assert len(gone) <= 1
        assert comments(changed) == comments(text)


@settings(max_examples=150, deadline=None, database=None)
@given(texts(), NAMES | st.none())
def test_a_kernel_taken_out_of_any_file(text: str, name: str | None) -> None:
    before = load_text(FILE, text)
    gone = name or (before.kernels[-1].name if before.kernels else "r")
    changed = without_kernel(text, gone)
    after = load_text(FILE, changed)
    assert after.kernels == tuple(kernel for kernel in before.kernels if kernel.name != gone)
    assert others(after) == others(before)
    assert after.default_kernel == (None if before.default_kernel == gone else before.default_kernel)
    assert without_kernel(changed, gone) == changed
    assert not comments(changed) - comments(text)
    assert line_ends(changed) <= (line_ends(text) or {"\n"})


@settings(max_examples=100, deadline=None, database=None)
@given(texts(), st.booleans())
def test_the_default_of_any_file(text: str, unset: bool) -> None:
    before = load_text(FILE, text)
    name = None if unset or not before.kernels else before.kernels[-1].name
    changed = with_default_kernel(text, name)
    after = load_text(FILE, changed)
    assert after == before.model_copy(update={"default_kernel": name})
    assert with_default_kernel(changed, name) == changed
