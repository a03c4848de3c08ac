"""What the checks find, and the table that they make together: a row a page, a column a check."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

COLUMNS = {
    "first": "first kB", "next": "next kB", "requests": "requests",
    "mobile": "mobile P A BP SEO", "desktop": "desktop P A BP SEO",
    "light": "axe light", "dark": "axe dark", "Nu": "Nu", "links": "links",
}  # fmt: skip


class Finding(NamedTuple):
    """What a check has to say about a page, or about the whole site."""

    page: str | None
    column: str | None  # where the value stands in the table; None where there is only something wrong
    value: object
    complaints: list[str]


Findings = Iterable[Finding]


class Table:
    def __init__(self) -> None:
        self.cells: dict[tuple[str, str], object] = {}
        self.complaints: list[str] = []

    def add(self, findings: Findings) -> None:
        for finding in findings:
            if finding.page and finding.column:
                self.cells[finding.page, finding.column] = finding.value
            place = f"{finding.page}: " if finding.page else ""
            self.complaints += [place + complaint for complaint in finding.complaints]

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table, `–` where a check did not look, and of all complaints."""
        yield f"{'page':28}" + "  ".join(COLUMNS.values())
        for page in dict.fromkeys(page for page, _ in self.cells):
            cells = (f"{self.cells.get((page, column), '–'):>{len(title)}}" for column, title in COLUMNS.items())
            yield f"{page:28}" + "  ".join(cells)
        yield from ["", *self.complaints]
