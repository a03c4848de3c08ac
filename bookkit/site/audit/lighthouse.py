"""The scores that Lighthouse gives each page, mobile and desktop: the median of several runs."""

import contextlib
import json
import math
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from bookkit.site.audit.host import StaticHost
from bookkit.site.audit.programs import Programs
from bookkit.site.audit.table import Finding
from bookkit.site.browser import browser_flags

# Performance is measured, so that a busy machine shows in it; the rest is counted.
SCORES = {"performance": 98, "accessibility": 100, "best-practices": 100, "seo": 100}
PRESETS = {"mobile": [], "desktop": ["--preset=desktop"]}
SECONDS = 180  # that a run may take
GRACE = 30  # seconds until a run that was interrupted is killed

Report = dict[str, Any]


def end(process: subprocess.Popen) -> str:
    """End a Lighthouse that takes too long, and its Chromium; return what it has said."""
    process.send_signal(signal.SIGINT)  # takes its Chromium along
    try:
        return process.communicate(timeout=GRACE)[0]
    except subprocess.TimeoutExpired:
        lighthouse = psutil.Process(process.pid)
        for each in (*lighthouse.children(recursive=True), lighthouse):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
    return process.communicate()[0]


def run(command: list[str], environment: dict[str, str]) -> Report | None:
    """Run Lighthouse and return its report, or None where it crashed or found no page."""
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            output, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            output = end(process)
        except BaseException:
            end(process)
            raise
    try:
        report = json.loads(output)
    except ValueError:
        return None
    return None if "runtimeError" in report else report


def shortcomings(report: Report, category: str) -> Iterator[str]:
    """Yield a line for each audit that costs a page points in a category."""
    for reference in report["categories"][category]["auditRefs"]:
        audit = report["audits"][reference["id"]]
        if reference["weight"] and audit["score"] is not None and audit["score"] < 1:
            items = audit.get("details", {}).get("items", [])
            selectors = [item["node"]["selector"] for item in items if "selector" in item.get("node", {})]
            yield " ".join([audit["id"], audit.get("displayValue", ""), ", ".join(selectors)]).strip()


def judged(name: str, preset: str, reports: list[Report]) -> Finding:
    """Return the median scores of some runs, and what cost points where one is below its bar."""
    if not reports:
        return Finding(name, preset, "failed", [f"Lighthouse, {preset}: crashed twice"])
    scores, complaints = [], []
    for category, bar in SCORES.items():
        of_runs = [report["categories"][category]["score"] or 0 for report in reports]
        score = math.floor(100 * statistics.median(of_runs) + 1e-6)  # or 97.5 would pass for 98
        scores.append(score)
        if score < bar:
            what = "; ".join(shortcomings(reports[of_runs.index(min(of_runs))], category))
            complaints.append(f"Lighthouse, {preset}: {category} {score}: {what}")
    return Finding(name, preset, " ".join(f"{score:3}" for score in scores), complaints)


def check(
    host: StaticHost, pages: list[str], runs: int, modules: Path, programs: Programs, folder: Path
) -> Iterator[Finding]:
    """Yield the scores of each page."""
    if not runs:
        yield Finding(None, None, None, ["Lighthouse: not run"])
        return
    environment = os.environ | {"CHROME_PATH": programs.chromium, "TMPDIR": str(folder)}
    flags = " ".join(["--headless=new", *browser_flags()])
    for number, name in enumerate(pages, start=1):
        for preset, options in PRESETS.items():
            print(f"Lighthouse {number}/{len(pages)}: {name}, {preset} ...", file=sys.stderr, flush=True)
            command = [programs.node, str(modules / "lighthouse" / "cli" / "index.js"), host.url + name, *options]
            command += ["--quiet", "--output=json", f"--chrome-flags={flags}"]
            command += [f"--only-categories={','.join(SCORES)}", "--no-enable-error-reporting"]
            attempts = (run(command, environment) or run(command, environment) for _ in range(runs))
            yield judged(name, preset, [report for report in attempts if report])
