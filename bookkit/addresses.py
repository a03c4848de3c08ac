"""Where the site and its repository are published, as far as it is known when the book is built."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from bookkit.project import BookError


@dataclass(frozen=True)
class Addresses:
    """Addresses that pages name; where one is empty, nothing that needs it is put on a page."""

    site: str = ""  # of the English edition, with a slash at the end
    repository: str = ""  # with its owner and its name as the last two parts
    branch: str = "main"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Addresses":
        """Return what SITE_URL, or on GitHub Actions GITHUB_REPOSITORY, says; raise BookError if it is no address."""
        site, name = environment.get("SITE_URL", ""), environment.get("GITHUB_REPOSITORY", "")
        if site and not (urlsplit(site).scheme in ("http", "https") and urlsplit(site).netloc):
            raise BookError(
                f"SITE_URL is {site}, which is no address; say for example SITE_URL=https://example.org/book/"
            )
        if not name:
            return cls(site and site.rstrip("/") + "/")
        owner, _, repository = name.partition("/")
        if not owner or not repository or "/" in repository:
            raise BookError(f"GITHUB_REPOSITORY is {name}, which is not of the form owner/name; mend it, or unset it")
        server = environment.get("GITHUB_SERVER_URL", "https://github.com")
        return cls(
            (site or f"https://{owner.lower()}.github.io/{repository}").rstrip("/") + "/",
            f"{server}/{name}",
            environment.get("GITHUB_REF_NAME", "main"),
        )
