"""Keep secrets that came in a URL out of the log: JupyterHub does so in its own lines, tornado in its warnings not."""

from __future__ import annotations

import logging
import re

# What JupyterHub's access log hides as well.
_PARAMETER = re.compile(r"([?&](?:token|auth|key|code|state|_xsrf)=)[^&\s'\"]+", re.IGNORECASE)


class Redact(logging.Filter):
    """Takes the values of such parameters out of every line."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the line where it has one; no line is dropped."""
        text = record.getMessage()
        clean = _PARAMETER.sub(r"\1[secret]", text)
        if clean != text:
            record.msg, record.args = clean, ()
        return True
