"""What notebooks write and the site shows in its own way: questions that are answered by a cell, and figures in steps.

The rules for notebooks and the theme both read them here.
"""

import re

from bookkit.project import CHINESE, ENGLISH

# The last paragraph of a text cell that begins with this in bold asks what the code cell after it will show.
PREDICT = {ENGLISH: "Predict.", CHINESE: "先猜一猜。"}
# The id of a group of a drawing that belongs to a step. What has no such id is there from the first step on.
STEP = re.compile(r"step-([1-9]\d*)(?:-[\w-]+)?")
