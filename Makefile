# SPDX-License-Identifier: Apache-2.0
# Two commands: `make demo` runs a community's trading day, `make test` runs every test. Each sets up what it needs.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
GRIDX = .venv/bin/gridx
N ?= 100

.PHONY: help setup ready demo test up check faults mutants reset doctor

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

setup: ## prepare everything; leaves .venv/bin/gridx
	@$(PYTHON) scripts/setup.py

ready:
	@$(PYTHON) scripts/setup.py --without-browser

demo: ready ## a trading day on the embedded stack, then the audit
	@$(GRIDX) demo

test: setup ## the whole test suite
	@scripts/test

up: ready ## keep the stack running, data under .gridx/
	@$(GRIDX) up

check: setup ## formatting, types, layers, contract scanner
	@scripts/check

faults: setup ## seeded fault sequences against the real stack: make faults N=1000 SEED=7
	@.venv/bin/python -m tests.faults --runs $(N) $(if $(SEED),--seed $(SEED))

mutants: setup ## planted bugs, each of which must be caught
	@.venv/bin/python -m tests.faults.mutants

reset: setup ## throw the local chain and database away
	@$(GRIDX) reset

doctor: ## what is missing, and how to get it
	@$(PYTHON) scripts/doctor.py
