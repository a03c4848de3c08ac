"""Sphinx extension: a drawing whose groups are named step-1, step-2 … is shown one step after another.

It stays one <img>. Its file gets a target for each step, to which the address leads (drawing.svg#show-2) and which
hides what comes later; book.js changes the address. Without a target everything is there: without a script, on paper.
"""

import re
from pathlib import Path

from bookkit.conventions import STEP
from bookkit.project import CHINESE, ENGLISH, Edition

GROUP = re.compile(rf'\bid="(?P<name>{STEP.pattern})"')
ROOT = re.compile(r"<svg\b[^>]*>")
TARGET = '<g id="show-{}"/>'
# What is said of the whole, on the buttons, and of where the reader is: # is the step, {} the last one.
SAID = {
    ENGLISH: ("Figure in {} steps", "Previous", "Next", "Step # of {}"),
    CHINESE: ("分 {} 步显示的图", "上一步", "下一步", "第 # 步，共 {} 步"),
}
FIGURE = """<figure class="steps" aria-label="{whole}" data-steps="{last}" data-count="{count}">
{image}
<div class="step-controls pst-js-only">
<button type="button" class="btn btn-sm" aria-disabled="true">{previous}</button>
<button type="button" class="btn btn-sm" aria-disabled="false">{following}</button>
<output aria-live="polite">{first}</output>
</div>
</figure>
"""


def last_step(drawing: str) -> int:
    """Return the number of the last step of a drawing; 0 if it has none."""
    return max((int(found[2]) for found in GROUP.finditer(drawing)), default=0)


def with_targets(drawing: str) -> str:
    """Return a drawing in which the target of each step hides what comes later."""
    groups = [(int(found[2]), found["name"]) for found in GROUP.finditer(drawing)]
    numbers = range(1, last_step(drawing) + 1)
    hidden = [f"#show-{number}:target ~ * #{name}" for number in numbers for step, name in groups if step > number]
    targets = "".join(map(TARGET.format, numbers))
    return ROOT.sub(rf"\g<0><style>{','.join(hidden)}{{visibility:hidden}}</style>{targets}", drawing, count=1)


def in_steps(image: str, last: int, edition: Edition) -> str:
    """Return the HTML of a drawing in steps, given that of its image."""
    whole, previous, following, count = (words.format(last) for words in SAID[edition])
    return FIGURE.format(
        image=image.strip(),
        whole=whole,
        last=last,
        count=count,
        previous=previous,
        following=following,
        first=count.replace("#", "1"),
    )


def add_targets(app, exception):
    """Give the drawings that are published their targets; those that are stored stay as they are."""
    if exception or app.builder.name != "html":
        return
    for path in Path(app.outdir, app.builder.imagedir).glob("*.svg"):
        drawing = path.read_text(encoding="utf-8")
        if last_step(drawing) > 1 and TARGET.format(1) not in drawing:
            path.write_text(with_targets(drawing), encoding="utf-8")


def setup(app):
    app.connect("build-finished", add_targets)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
