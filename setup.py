"""Packaging only: what is installed on a server is copied from a checkout by the installer itself."""

from setuptools import find_packages, setup

setup(
    name="jupyterhub-installer",
    version="0.1.0",
    description="JupyterHub on a plain Ubuntu or Debian server, without containers",
    license="BSD-3-Clause",
    python_requires=">=3.10",
    packages=find_packages(include=["installer", "installer.*"]),
)
