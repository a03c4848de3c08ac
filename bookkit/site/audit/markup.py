"""What the Nu HTML checker finds in each page."""

import json
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bookkit.project import BookError
from bookkit.site.audit.table import Finding


def check(java: str | None, site: Path, pages: list[str], modules: Path) -> Iterator[Finding]:
    """Yield the errors in each page."""
    if not java:
        missing = "Nu HTML checker: not run, it needs Java (Debian: apt-get install default-jre-headless)"
        yield Finding(None, None, None, [missing])
        return
    jar = modules / "vnu-jar" / "build" / "dist" / "vnu.jar"
    command = [java, "-jar", str(jar), "--errors-only", "--format", "json", *(str(site / name) for name in pages)]
    output = subprocess.run(command, capture_output=True, text=True).stderr
    try:
        messages = json.loads(output)["messages"]
    except ValueError:
        raise BookError(f"the Nu HTML checker failed:\n{output[-1000:]}") from None
    found = defaultdict(list)
    for message in messages:
        place = f"line {message.get('lastLine', '?')}: {' '.join(message.get('extract', '').split())}"
        if "url" not in message:
            raise BookError(f"the Nu HTML checker failed: {message['message']}")
        found[unquote(urlsplit(message["url"]).path)].append(f"Nu, {place}: {message['message']}")
    for name in pages:
        complaints = found[str(site / name)]
        yield Finding(name, "Nu", len(complaints), complaints)
