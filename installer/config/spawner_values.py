"""Names of environment variables: what may be handed to a server, and what never is."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from installer.config.kinds import Kind, Unfit, each_once, items, some_text

_PATTERN = r"[A-Za-z_][A-Za-z0-9_]{0,127}"
_LOADING = re.compile(r"PATH|HOME|USER|LOGNAME|SHELL|IFS|ENV|BASH_ENV|LD_.*|PYTHON.*|GCONV_PATH|NODE_OPTIONS|PERL5.*")
"""How programs are found and loaded, and whose process it is: decided where the server is started."""


def variable(value: object) -> str:
    """Read the name of a variable that servers may be given."""
    text = some_text(value)
    if re.fullmatch(_PATTERN, text) is None:
        raise Unfit("not the name of a variable")
    if _LOADING.fullmatch(text):
        raise Unfit("a variable that the hub has no say in")
    return text


_VARIABLE = Kind(
    "a variable's name such as HTTPS_PROXY",
    "Letters, digits and `_`; not `PATH`, `HOME`, `LD_PRELOAD`, `PYTHONPATH` and the like.",
)
VariableNames = Annotated[
    tuple[Annotated[str, _VARIABLE, BeforeValidator(variable)], ...],
    Kind(
        "a list of variables' names such as [HTTPS_PROXY]",
        f"{_VARIABLE.rules} Each once, in brackets or one a line after `- `.",
        items=_VARIABLE,
    ),
    BeforeValidator(items(re.compile(_PATTERN).fullmatch)),
    AfterValidator(each_once),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "string", "pattern": f"^(?!({_LOADING.pattern})$){_PATTERN}$"},
            "uniqueItems": True,
        }
    ),
]
"""Several of them, each once."""
