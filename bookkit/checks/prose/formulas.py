"""The formulas that a text says, and what a slip of the pen makes of them."""

import itertools
import re
from collections.abc import Iterator

TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\S")
WORDS = re.compile(r"\\text\{[^}]*\}")
SPACES = {"\\,", "\\;", "\\:", "\\!", "\\ ", "\\quad", "\\qquad", "\\left", "\\right", "&"}
# What stands between the sides of an equality, or between two formulas in one.
RELATIONS = {"=", "<", ">", "\\le", "\\ge", "\\leq", "\\geq", "\\ne", "\\neq", "\\approx", "\\to", "\\leftarrow"}
BREAKS = {",", "\\\\", "\\begin", "\\end", "\\implies"}
SUBSCRIPT = re.compile(r"_(?:\{[^{}]*\}|.)")
CLAIM = re.compile(r"\d|[-+=<>]|\\(?:le|ge|leq|geq|ne|neq|approx|to|leftarrow|infty|pm|mp)\b")
TURNED = {"+": "-", "-": "+", "<": ">", ">": "<", "\\le": "\\ge", "\\ge": "\\le"}

Tokens = tuple[str, ...]


def tokens(formula: str) -> Tokens:
    """Return what a formula says, whatever its spaces, its words and the point at its end."""
    found = [token for token in TOKEN.findall(WORDS.sub("", formula)) if token not in SPACES]
    while found and found[-1] in (".", ","):
        found.pop()
    return tuple(found)


def claims(formula: str) -> bool:
    """Whether a formula says something that can be wrong: a number, a sign or a relation; indices name things."""
    return bool(CLAIM.search(SUBSCRIPT.sub("", formula)))


def parts(formula: str) -> Iterator[Tokens]:
    """Yield a formula, each equality in it, each side of one, and each run of sides next to each other."""
    whole = tokens(formula)
    yield whole
    chain: list[list[str]] = [[]]  # sides and relations in turn
    depth = 0
    for token in (*whole, "\\\\"):
        depth += (token in "([{") - (token in ")]}")
        if depth == 0 and token in BREAKS:
            for first, last in itertools.combinations(range(len(chain) + 1), 2):
                if first % 2 == 0 and last % 2 == 1:
                    yield tuple(itertools.chain(*chain[first:last]))
            chain = [[]]
        elif depth == 0 and token in RELATIONS:
            chain += [[token], []]
        else:
            chain[-1].append(token)


def slips(formula: Tokens) -> Iterator[Tokens]:
    """Yield what a slip makes of a formula: one number higher or lower, one sign or relation turned over."""
    for place, token in enumerate(formula):
        if token[0].isdigit():
            made = {token[:-1] + str((int(token[-1]) + by) % 10) for by in (1, -1)}
        else:
            made = {TURNED[token]} if token in TURNED else set()
        for new in made:
            yield (*formula[:place], new, *formula[place + 1 :])


def is_unmistakable(formula: str, found: set[Tokens]) -> bool:
    """Whether a formula is one of these, and nothing that a slip would make of it is another."""
    whole = tokens(formula)
    return whole in found and not any(slip in found for slip in slips(whole))
