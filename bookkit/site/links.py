"""The links inside the built site: each one must lead somewhere."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit
from xml.etree import ElementTree

from bs4 import BeautifulSoup

Soups = dict[Path, BeautifulSoup]
NOWHERE = "http://site.invalid/"  # where a site is that is not published
LOCATION = "{http://www.sitemaps.org/schemas/sitemap/0.9}loc"


def parse(site: Path) -> Soups:
    """Return {path: soup} of all pages."""
    return {
        path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in sorted(site.rglob("*.html"))
    }


def addresses(soup: BeautifulSoup) -> Iterator[str]:
    """Yield every address that a page names: links, what it loads, and what it tells those who share it."""
    for tag in soup.select("[href], [src]"):
        yield str(tag["href"] if tag.has_attr("href") else tag["src"])
    for tag in soup.select('meta[property="og:url"], meta[property="og:image"]'):
        yield str(tag["content"])


def file_at(site: Path, path: str) -> Path:
    """Return the file that a host answers with when it is asked for a path of the site."""
    target = site / unquote(urlsplit(path).path)
    return target / "index.html" if target.is_dir() else target


def broken_links(soups: Soups, site: Path, url: str = NOWHERE) -> dict[str, list[str]]:
    """Return {page: [address, ...]} of addresses inside the site, which is built for `url`, that lead nowhere."""
    ids = {path: {str(tag["id"]) for tag in soup.select("[id]")} for path, soup in soups.items()}

    def leads_nowhere(whole: str, fragment: str) -> bool:
        if not whole.startswith(url):
            return False
        target = file_at(site, whole.removeprefix(url))
        if not target.is_file():
            return True
        return bool(fragment) and target in ids and unquote(fragment) not in ids[target]

    return {
        name: [
            address
            for address in dict.fromkeys(addresses(soup))
            if leads_nowhere(*urldefrag(urljoin(url + name, address)))
        ]
        for path, soup in soups.items()
        for name in [path.relative_to(site).as_posix()]
    }


def broken_entries(sitemap: Path, site: Path, url: str) -> list[str]:
    """Return the addresses in a site map of a site, which is built for `url`, that lead nowhere."""
    places = [place.text or "" for place in ElementTree.parse(sitemap).iter(LOCATION)]
    return [place for place in places if not (site / place.removeprefix(url)).is_file()]
