"""Sphinx extension: the finish of the website. What Jupyter Book puts on every page and this book does not use goes."""

UNUSED_SCRIPTS = ("thebe",)


def drop_unused_scripts(app, pagename, templatename, context, doctree):
    def is_used(script):
        text = f"{script.filename} {script.attributes.get('body', '')}".lower()
        return not any(name in text for name in UNUSED_SCRIPTS)

    context["script_files"] = list(filter(is_used, context["script_files"]))


def setup(app):
    app.connect("html-page-context", drop_unused_scripts, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
