"""The Sphinx extensions of the website."""
