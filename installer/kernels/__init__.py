"""Conda kernels: recipes, requests, and the immutable revisions that they become."""
