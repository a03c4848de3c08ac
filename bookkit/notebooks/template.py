"""A chapter that says nothing yet: the cells with which one begins, in both languages side by side.

It follows every rule of the book, so that whatever a check tells later is about the author's own change.
"""

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from bookkit.notebooks.chapters import LEAST_EXERCISES
from bookkit.project import EDITIONS, Edition

TITLE = (
    """# {title}

Which question does this chapter answer? Ask it in one paragraph, in words that a reader of the pages before knows.

**You will be able to**

- do something that can be tried at once;
- do something more with it.

**You need** what [the first page](index.ipynb) says of running a page.

**Running time** a few seconds.""",
    """# 新的一章：{title}

本章回答什么问题？用一段话提出来，只用读者在前面学过的词。

**学完本章，你能够**

- 做一件马上就能试的事；
- 在此基础上再做一件事。

**预备知识**：怎样运行本页，见[首页](index.ipynb)。

**运行时间**：几秒钟。""",
)
IMPORTS = """import matplotlib.pyplot as plt
import mxnet as mx
from mxnet import nd

mx.random.seed(1)"""
SECTION = (
    """({name}-first)=
## One idea

Say what the next cell does, and let the reader guess.

**Predict.** What is the last entry of `x + x`?""",
    """({name}-first)=
## 一个想法

说明下面的代码单元格做什么，让读者先说出自己的预期。

**先猜一猜。** `x + x` 的最后一个元素是什么？""",
)
FIRST = """x = nd.array([1, 2, 3])
x + x"""
READ = (
    "It is 6. Read the output together with the reader. Then draw what a drawing explains better than words.",
    "是 6。和读者一起读输出。然后画一张图：图能说清的，不必多写。",
)
DRAWING = """plt.plot(x.asnumpy(), (x + x).asnumpy())
plt.xlabel("x")
plt.ylabel("x + x")
plt.show()"""
ALT = (
    "A straight line that rises from 2 at 1 to 6 at 3.",
    "一条直线，从 1 处的 2 上升到 3 处的 6，斜率不变。",
)
# What the numbers in these texts are, computed from the page.
READ_VALUES = {"6": "2 * page.x.asnumpy()[-1]"}
ALT_VALUES = {"1 2 3 6": "[factor * page.x.asnumpy()[at] for at in (0, -1) for factor in (1, 2)]"}
PRACTICE = (
    """## In practice

**Where it bites.** Show in a few lines how this comes up in real training code, in a form that can be taken home.""",
    """## 实践要点

**在哪里会遇到。** 用几行代码说明它在真实的训练代码中怎样出现，写成读者可以直接拿走的样子。""",
)
PRACTICE_CODE = "print((x + x).sum().asscalar())"
EXERCISES = ("## Exercises", "## 练习")
EXERCISE = (
    """:::{{exercise}} Exercise number {number}
:label: {name}-ex-{number}

What is {number} times `x`?
:::""",
    """:::{{exercise}} 第 {number} 题
:label: {name}-ex-{number}

`x` 的 {number} 倍是多少？
:::""",
)
SOLUTION_START = """:::{{solution-start}} {name}-ex-{number}
:class: dropdown
:::"""
SOLUTION_END = """:::{solution-end}
:::"""
SUMMARY = (
    "## Summary\n\n- One line for each idea, and five at most.",
    "## 小结\n\n- 每个想法一行，最多五行。",
)
NEXT = (
    "## What's next\n\nWhere does the reader go from here? Back to [the first page](index.ipynb), for now.",
    "## 接下来\n\n读者接着读什么？暂且回到[首页](index.ipynb)。",
)
READING = (
    "## Further reading\n\n- Say who wrote what, when, and why it is worth reading.",
    "## 延伸阅读\n\n- 写明作者、题目、年份，以及为什么值得读。",
)


def exercise(name: str, number: int, language: int) -> list[NotebookNode]:
    """Return the cells of an exercise and its folded solution."""
    said = {"name": name, "number": number}
    return [
        new_markdown_cell(
            EXERCISE[language].format(**said),
            id=f"ex-{number}",
            metadata={"values": {f"{number} {number}": f"written('ex-{number}-code')[0]"}},
        ),
        new_markdown_cell(SOLUTION_START.format(**said), id=f"ex-{number}-start"),
        new_code_cell(f"{number} * x", id=f"ex-{number}-code"),
        new_markdown_cell(SOLUTION_END, id=f"ex-{number}-end"),
    ]


def chapter(name: str, edition: Edition, settings: NotebookNode) -> NotebookNode:
    """Return the notebook of a new chapter in an edition, not executed; `settings` is the cell figure-settings."""
    language = EDITIONS.index(edition)
    title = name.replace("-", " ").capitalize()
    facts = {"mystnb": {"image": {"alt": ALT[language]}}, "values": ALT_VALUES}
    cells = [
        new_markdown_cell(TITLE[language].format(title=title), id="title"),
        new_code_cell(IMPORTS, id="imports"),
        settings,
        new_markdown_cell(SECTION[language].format(name=name), id="first"),
        new_code_cell(FIRST, id="first-run"),
        new_markdown_cell(READ[language], id="first-read", metadata={"values": READ_VALUES}),
        new_code_cell(DRAWING, id="drawing", metadata=facts),
        new_markdown_cell(PRACTICE[language], id="practice"),
        new_code_cell(PRACTICE_CODE, id="practice-run"),
        new_markdown_cell(EXERCISES[language], id="exercises"),
    ]
    for number in range(1, LEAST_EXERCISES + 1):
        cells += exercise(name, number, language)
    for identifier, text in (("summary", SUMMARY), ("next", NEXT), ("reading", READING)):
        cells.append(new_markdown_cell(text[language], id=identifier))
    return new_notebook(cells=cells)
