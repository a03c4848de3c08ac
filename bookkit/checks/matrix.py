"""Re-execute and compare the book as other machines would.

Every variant sets what differs between machines, for pytest and with --cell-environment for
the cells, and runs `pytest book`. It must show first
that what it sets has an effect; where it has none, because of the processor or because
something is not installed, its row says "not run" and why. Any difference: exit code 1.
"""

import locale
import os
import random
import re
import subprocess
import sys
import time

from bookkit.notebooks.cells import code_cells
from bookkit.notebooks.files import find_notebooks, read
from bookkit.notebooks.interpreters import lacking
from bookkit.project import ROOT, name

TIMES = 20  # in a row
# What a machine may have set already, and would be in all variants.
PRESET = re.compile("(OPENBLAS|DNNL|ONEDNN|OMP|MXNET|LC)_.*|TZ|PYTHON(HASHSEED|UTF8)")

# Cells may show that MXNet's engine is asynchronous. The naive engine is not, so that there, and only there,
# each of them must come out otherwise.
NAIVE = "MXNET_ENGINE_TYPE=NaiveEngine"

NO_KERNELS = "this processor cannot run such kernels"
NO_LOCALE = "the locale is not installed (Debian: apt-get install locales-all)"
NO_EFFECT = "it has no effect on this machine"

# Makes the libraries say what they use, and Python what it finds.
LOUD = {"OPENBLAS_VERBOSE": "2", "DNNL_VERBOSE": "1", "OMP_DISPLAY_ENV": "TRUE"}
PROBE = """
import locale, sys, time
import mxnet as mx, numpy as np
a = mx.nd.ones((64, 64))
mx.nd.dot(a, a).wait_to_read()
mx.nd.FullyConnected(a, a, no_bias=True, num_hidden=64).wait_to_read()
np.ones((64, 64)) @ np.ones((64, 64))
try:
    print("locale:", locale.setlocale(locale.LC_ALL, ""))
except locale.Error:
    pass
print("zone:", time.strftime("%z"))
print("hashes: random" if sys.flags.hash_randomization else "hashes: fixed")
"""


def chinese():
    """Return the name of a Chinese locale, of one that is installed if there is any."""
    names = [f"zh_{country}.UTF-8" for country in ("CN", "SG", "HK", "TW")]
    before = locale.setlocale(locale.LC_ALL)
    for found in names:
        try:
            locale.setlocale(locale.LC_ALL, found)
        except locale.Error:
            continue
        locale.setlocale(locale.LC_ALL, before)
        return found
    return names[0]


# What is set; what the probe must say then, a label and a value; why it may not.
SETTINGS = [
    ("OPENBLAS_CORETYPE=Nehalem", "Core: ", "Nehalem", NO_KERNELS),
    ("OPENBLAS_CORETYPE=Haswell", "Core: ", "Haswell", NO_KERNELS),
    ("OPENBLAS_CORETYPE=SkylakeX", "Core: ", "SkylakeX", NO_KERNELS),
    ("DNNL_MAX_CPU_ISA=SSE41", "cpu,isa:", "Intel SSE4.1", NO_KERNELS),
    ("DNNL_MAX_CPU_ISA=AVX2", "cpu,isa:", "Intel AVX2", NO_KERNELS),
    ("OMP_NUM_THREADS=1 MXNET_CPU_WORKER_NTHREADS=1", "OMP_NUM_THREADS = ", "'1'", NO_EFFECT),
    ("OMP_NUM_THREADS=4 MXNET_CPU_WORKER_NTHREADS=4", "OMP_NUM_THREADS = ", "'4'", NO_EFFECT),
    (NAIVE, "engine: ", "NaiveEngine", NO_EFFECT),
    ("MXNET_ENGINE_TYPE=ThreadedEngine", "engine: ", "ThreadedEngine", NO_EFFECT),
    ("PYTHONHASHSEED=random", "hashes: ", "random", NO_EFFECT),
    ("LC_ALL=C", "locale: ", "C", NO_EFFECT),
    (f"LC_ALL={chinese()}", "locale: ", chinese(), NO_LOCALE),
    ("TZ=HST10", "zone: ", "-1000", NO_EFFECT),
]


def environment(setting):
    plain = {key: value for key, value in os.environ.items() if not PRESET.fullmatch(key)}
    return {**plain, **dict(assignment.split("=") for assignment in setting.split())}


def probe(setting, label):
    """Return all that libraries or Python say after a label; nothing if the processor has ended the process."""
    result = subprocess.run(
        [sys.executable, "-c", PROBE],
        env={**environment(setting), **LOUD},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return [] if result.returncode else re.findall(re.escape(label) + "(.*)", result.stdout)


def variants():
    """Yield (name, setting, arguments of pytest, what shows the effect, why it cannot run or None) of each."""
    for setting, label, value, reason in SETTINGS:
        found = probe(setting, label)
        yield setting, setting, ["book"], label + ", ".join(found), None if value in found else reason
    shuffled = [name(path) for path in find_notebooks()]
    random.shuffle(shuffled)
    yield "notebooks in another order", "", shuffled, f"{shuffled[0]} first", None
    for number in range(1, TIMES + 1):
        # Another order of sets every time.
        yield f"once more, {number} of {TIMES}", f"PYTHONHASHSEED={100 + number}", ["book"], "", None


def asynchronous():
    """Return the cells that say of themselves that they differ where the engine is not asynchronous."""
    return {
        f"{name(path)}: cell {cell.id}"
        for path in find_notebooks()
        for cell in code_cells(read(path))
        if "differs-with-engine" in cell.metadata
    }


def cells(word, summary):
    """Return the cells of which the summary of pytest says a word."""
    found = re.findall(rf"^{word} (\S+)::Cell \d+\[([\w-]+)\]", summary, re.MULTILINE)
    return {f"{path}: cell {cell}" for path, cell in found}


def run(setting, arguments):
    """Run pytest; return nothing if all is as it must be, and otherwise what it says about the failures."""
    # Cells do not inherit what pytest runs in.
    options = ["-q", "-rfEp", "-pno:cacheprovider", *(f"--cell-environment={part}" for part in setting.split())]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *arguments],
        cwd=ROOT,
        env=environment(setting),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    failed, passed = (cells(word, result.stdout) for word in ("FAILED", "PASSED"))
    different = asynchronous() if setting == NAIVE else set()
    # What is no cell may not fail under any engine.
    others = re.search(r"^(FAILED (?!\S+::Cell \d+\[)|ERROR )", result.stdout, re.MULTILINE)
    # What follows a cell that raises may be skipped.
    if failed <= different and not passed & different and not others and result.returncode == bool(failed):
        return ""
    failures = re.search(r"^=+ (FAILURES|ERRORS) =+$", result.stdout, re.MULTILINE)
    said = re.sub(r"^PASSED .*\n", "", result.stdout[failures.start() if failures else 0 :], flags=re.MULTILINE)
    return said if result.returncode in (0, 1) else f"{said}pytest ended with {result.returncode}\n"


def main():
    for path, reason in lacking(find_notebooks()).items():
        print(f"{name(path)} is not executed: {reason}", flush=True)
    failed = False
    for title, setting, arguments, shown, reason in variants():
        print(f"{title:48}", end="", flush=True)
        if reason:
            print(f"not run: {reason}", flush=True)
            continue
        start = time.perf_counter()
        failure = run(setting, arguments)
        failed = failed or bool(failure)
        print(f"{'DIFFERENT' if failure else 'the same':10}{time.perf_counter() - start:6.1f} s  {shown}")
        print(failure, end="", flush=True)
    return 1 if failed else 0
