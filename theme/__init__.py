"""How the website looks: Sphinx extensions, templates, style and script."""
