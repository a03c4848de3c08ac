PYTHON = .venv/bin/python
PORT = 8000
RUNS = 5

# Packages are installed uncompiled: let Python keep what it compiles on first use.
unexport PYTHONDONTWRITEBYTECODE

help: ## list what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

setup:
	@sh tools/setup.sh

book: setup ## build the website, both editions, into _build/html
	@$(PYTHON) tools/website.py

test: setup ## re-execute every notebook, compare every output, check pages and tools
	$(PYTHON) -m pytest

serve: book ## build the website and serve it on this machine (PORT=8000)
	@$(PYTHON) tools/serve.py $(PORT)

lab: setup ## open the book in JupyterLab
	$(PYTHON) -m jupyterlab --ServerApp.root_dir=book

refresh: setup ## re-execute and store the outputs of all notebooks, or of one (NB=book/gradients.ipynb)
	@$(PYTHON) tools/notebooks.py $(NB)

agree: setup ## record that the Chinese text says what the English text says now
	@$(PYTHON) tools/agree.py

truth: setup ## derive every gradient again without MXNet, and write the table of the page that says so
	@$(PYTHON) tools/truth.py

lock: ## resolve requirements.in anew into requirements.txt
	@sh tools/lock.sh

mutants: setup ## plant faults in copies of all notebooks and see each one caught
	@$(PYTHON) tools/mutants.py

matrix: setup ## execute and compare the book as other processors, locales and orders would (15 minutes)
	@$(PYTHON) tools/matrix.py

audit: setup ## measure the website: weight, Lighthouse, axe, Nu, links (an hour, RUNS=1 a quarter of one; needs Node, Java, Chromium)
	@$(PYTHON) tools/audit.py $(RUNS)

pdf: setup ## print both editions into _build/pdf (needs Chromium and a Chinese font)
	@$(PYTHON) tools/pdf.py

bench: setup ## measure set-up, build and checks against their bars
	@$(PYTHON) tools/bench.py

clean: ## remove what was built, and .venv
	rm -rf _build book/zh/_build .venv .pytest_cache

.PHONY: help setup book test serve lab refresh agree truth lock mutants matrix audit pdf bench clean
