# Two commands do all the set-up on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
OFFICIAL := .venv-official
S3 := .venv-s3
FUZZ := .venv-fuzz

.PHONY: help demo test test-s3 test-kills test-disk test-power test-root fuzz simulate simulate-bugs lint docs
.PHONY: bench-policy bench-queue bench-ways official-client clean

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

# The official client pins an old urllib3, so it gets an environment of its own; only one test uses it.
$(OFFICIAL)/.installed: constraints-official.txt
	$(PYTHON) -m venv $(OFFICIAL)
	$(OFFICIAL)/bin/python -m pip install --quiet -c constraints-official.txt dataforseo-client
	touch $@

# An S3-compatible server brings sixty packages with it; only `make test-s3` uses it.
$(S3)/.installed: constraints-s3.txt
	$(PYTHON) -m venv $(S3)
	$(S3)/bin/python -m pip install --quiet -c constraints-s3.txt 'moto[server,s3]'
	touch $@

# A coverage-guided fuzzer of 35 MB, with wheels for few versions of Python; only `make fuzz` uses it.
$(FUZZ)/.installed: pyproject.toml constraints.txt constraints-fuzz.txt
	$(PYTHON) -m venv $(FUZZ)
	$(FUZZ)/bin/python -m pip install --quiet -c constraints.txt -c constraints-fuzz.txt -e . atheris
	touch $@

demo: $(VENV)/.installed ## live through three simulated days in a minute or a few
	$(VENV)/bin/readyd demo

official-client: $(OFFICIAL)/.installed ## install the official client beside ours, for one test

lint: $(VENV)/.installed ## style, types, import rules
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

docs: $(VENV)/.installed ## write the reference of settings (docs/settings.md)
	$(VENV)/bin/python -m tests.daemon.test_settings_page

bench-policy: $(VENV)/.installed ## how good the order of collecting is, beside the optimum (docs/benchmarks.md)
	$(VENV)/bin/python -m bench.policy

bench-queue: $(VENV)/.installed ## how long the queue stops the loop, with half a million tasks in the ledger
	$(VENV)/bin/python -m bench.queue

bench-ways: $(VENV)/.installed ## the ways to learn of completion compared, with everything that can fail (docs/three-ways.md)
	$(VENV)/bin/python -m bench.ways --into docs/three-ways.md

test: lint official-client ## every check and every test
	$(VENV)/bin/pytest -n auto --dist worksteal

test-s3: $(VENV)/.installed $(S3)/.installed ## hand results over to a real S3-compatible server
	$(VENV)/bin/python -m tests.handover.s3_server $(S3)/bin/python

test-kills: $(VENV)/.installed ## kill readyd at every system call of a cycle, not at a few (needs strace; most of an hour)
	READYD_ALL_KILLS=1 $(VENV)/bin/pytest -n auto --dist worksteal tests/process/test_cycle_kills.py tests/process/test_post_kills.py

test-disk: $(VENV)/.installed ## let the disk fail at every write, sync, open and unlink of a cycle (needs strace; most of an hour)
	READYD_ALL_FAULTS=1 $(VENV)/bin/pytest -n auto --dist worksteal tests/process/test_disk_faults.py

test-power: $(VENV)/.installed ## rebuild 5,000 disks as a power cut may leave them, not a few (needs strace)
	READYD_IMAGES=5000 $(VENV)/bin/pytest -n auto tests/power/test_crash_images.py

test-root: $(VENV)/.installed ## what needs root: a disk that is full, real power cuts on a loop device
	READYD_ROOT=1 $(VENV)/bin/pytest -rs tests/power/test_power_cuts.py tests/process/test_root_disks.py

SEEDS ?= 50000

simulate: $(VENV)/.installed ## live through 50,000 simulated worlds on all cores (SEEDS=n)
	$(VENV)/bin/python -m tests.simulation --seeds $(SEEDS)

simulate-bugs: $(VENV)/.installed ## plant each known bug, and say which simulated world finds it first
	$(VENV)/bin/python -m tests.simulation --bugs

MINUTES ?= 1
TARGETS ?= listing result posted posting account headers packed settings tasks answers moments webhook ledger
fuzz: $(FUZZ)/.installed ## fuzz every parser for MINUTES minutes each (TARGETS=... for some), guided by coverage
	@for target in $(TARGETS); do echo "== $$target"; \
	  $(FUZZ)/bin/python -m tests.fuzz $$target fuzz-corpus/$$target \
	    -max_total_time=$$(($(MINUTES) * 60)) -print_final_stats=1 -verbosity=0 || exit 1; done

clean: ## remove what the targets made
	rm -rf $(VENV) $(OFFICIAL) $(S3) $(FUZZ) fuzz-corpus build dist *.egg-info demo-ledger
