"""Where the site and its repository are published, as far as it is known when the book is built."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bookkit.project import BookError

ADDRESS = re.compile(r"https?://([\w.-]+|\[[\da-fA-F:]+\])(:\d+)?(/[^\s\"'<>?#]*)?")
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


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
        server = environment.get("GITHUB_SERVER_URL", "https://github.com")
        for variable, value in (("SITE_URL", site), ("GITHUB_SERVER_URL", server)):
            if value and not ADDRESS.fullmatch(value):
                example = f"{variable}=https://example.org/book/"
                raise BookError(f"{variable} is {value}, which is no address; say for example {example}")
        if not name:
            return cls(site and site.rstrip("/") + "/")
        if not REPOSITORY.fullmatch(name):
            raise BookError(f"GITHUB_REPOSITORY is {name}, which is not of the form owner/name; mend it, or unset it")
        owner, repository = name.lower().split("/")[0], name.split("/")[1]
        host = f"{owner}.github.io"
        pages = f"https://{host}/" if repository.lower() == host else f"https://{host}/{repository}/"
        return cls(
            (site or pages).rstrip("/") + "/",
            f"{server.rstrip('/')}/{name}",
            environment.get("GITHUB_REF_NAME", "main"),
        )
