"""A conda channel for the tests, made of what is at hand: Debian's packages, PyPI's wheels, Go's modules.

`python -m tests.channel` builds it and prints the directory.
"""
