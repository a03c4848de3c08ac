PYTHON = .venv/bin/python
PORT = 8000
RUNS = 5
# What a command is asked for is said to it, and is not the name of a machine in the environment.
NAME =
NB =
PART =

# Packages are installed uncompiled: let Python keep what it compiles on first use.
unexport PYTHONDONTWRITEBYTECODE
# What the caller has set for programs of his own would change what these do.
unexport PYTHONHOME PYTHONIOENCODING PYTHONOPTIMIZE PYTHONPATH PYTHONSAFEPATH PYTHONSTARTUP PYTHONWARNINGS
unexport PYTEST_ADDOPTS PYTEST_DISABLE_PLUGIN_AUTOLOAD PYTEST_PLUGINS GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE

help: ## list what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

setup:
	@sh bookkit/setup.sh

frameworks: setup ## set up PyTorch and JAX beside it, for the pages that need them
	@sh bookkit/frameworks.sh

book: setup ## build the website, both editions, into _build/html
	@$(PYTHON) -m bookkit build

test: setup ## re-execute every notebook, compare every output, check pages, gradients and the site
	$(PYTHON) -m pytest --ignore=tests/tools
	@echo "The tests of the tools were left out; with them: make test-all"

test-all: setup ## the same, and the tests of the tools that do all this (half an hour)
	$(PYTHON) -m pytest

check: setup ## check one page in both editions, in seconds (NB=book/en/gradients.ipynb)
	@$(PYTHON) -m bookkit check $(NB)

serve: book ## build the website and serve it on this machine (PORT=8000)
	@$(PYTHON) -m bookkit serve "$(PORT)"

live: book ## build the website and serve it with a kernel: every cell runs in the page (PORT=8000; needs Node)
	@$(PYTHON) -m bookkit live "$(PORT)"

live-numbers: book ## measure the live pages: weights, waiting, memory (needs Node and Chromium)
	@$(PYTHON) -m bookkit live-numbers

lab: setup ## open the book in JupyterLab
	$(PYTHON) -m jupyterlab --ServerApp.root_dir=book

refresh: setup ## re-execute and store the outputs of all notebooks, or of one (NB=book/en/gradients.ipynb)
	@$(PYTHON) -m bookkit refresh $(NB)

new: setup ## begin a chapter in both editions (NAME=jacobian-products, PART=… where it is not the last numbered one)
	@$(PYTHON) -m bookkit new "$(NAME)" $(if $(PART),"$(PART)")

questions: setup ## write all questions of a chapter as notebooks for a class (NAME=head-gradients)
	@$(PYTHON) -m bookkit questions "$(NAME)"

module: setup ## write the module that the chapter "Your own autograd" builds, from its cells
	@$(PYTHON) -m bookkit module

agree: setup ## record that both editions say the same as they stand now
	@$(PYTHON) -m bookkit agree

gradients: setup ## derive every gradient again without MXNet, and write the tables of the page that says so
	@$(PYTHON) -m bookkit gradients

operators: setup ## try which derivatives MXNet's operators have, and write the table of the page that says so
	@$(PYTHON) -m bookkit operators

prose: setup ## say what the numbers and formulas of the text rest on, and write the table of the page that says so
	@$(PYTHON) -m bookkit prose

lock: ## resolve requirements.in and requirements-frameworks.in anew into their locks
	@sh bookkit/lock.sh

faults: setup ## plant faults in copies of all notebooks and see each one caught
	@$(PYTHON) -m bookkit faults

matrix: setup ## execute and compare the book as other processors, locales and orders would (an hour or two)
	@$(PYTHON) -m bookkit matrix

audit: setup ## measure the website: weight, Lighthouse, axe, Nu, links (an hour, RUNS=1 a quarter of one; needs Node, Java, Chromium)
	@$(PYTHON) -m bookkit audit "$(RUNS)"

pdf: setup ## print both editions into _build/pdf (needs Chromium and a Chinese font)
	@$(PYTHON) -m bookkit pdf

bench: setup ## measure set-up, build and checks against their bars
	@$(PYTHON) -m bookkit bench

clean: ## remove what was built, and the environments that were set up
	rm -rf _build .pytest_cache
	@for folder in .venv .venv-frameworks; do \
		if [ ! -L $$folder ] && [ -f $$folder/made-from ]; then (set -x; rm -rf $$folder); \
		elif [ -e $$folder ]; then echo "$$folder was not made by this set-up and is left as it is"; fi; \
	done

.PHONY: help setup frameworks book test test-all check serve live live-numbers lab refresh new questions module agree gradients operators prose lock faults matrix audit pdf bench clean
