"""The program that solves and unpacks conda environments, run by an account without rights, in a process of its own.

    python -I kernel-builder OPERATION <request.json

It reads one JSON object and prints a JSON object a line: `{"progress": "…"}` as it goes on, and at the end
`{"result": …}` or `{"error": {"kind": …, "message": …, "detail": …}}`. A process of its own, since the engine's runtime
may crash while an interpreter shuts down (so it is never let), and panics with what no `except Exception` catches.
"""
