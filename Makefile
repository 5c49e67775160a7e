# Needs make and Python >= 3.11, nothing else. tox.ini says what each command does.
PYTHON ?= python3
TOX = .venv/bin/tox -q run
.DEFAULT_GOAL := help
.PHONY: help demo test e2e lint unit chart bench image clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/done  ## a cluster with the chart installed, and the headers it echoes (CLUSTER=embedded|kind)
	@$(TOX) -e demo

test: .venv/done  ## everything: lint, types, unit, chart, e2e on the embedded cluster, e2e on kind
	@$(TOX) -e lint,typing,unit,chart
	@CLUSTER=embedded $(TOX) -e e2e
	@CLUSTER=kind $(TOX) -e e2e

e2e: .venv/done  ## the chart on a real cluster (CLUSTER=kind|embedded|existing KUBECONTEXT=...; KEEP=1 keeps it)
	@$(TOX) -e e2e

lint: .venv/done  ## style and types
	@$(TOX) -e lint,typing

unit: .venv/done  ## the backend and the harness alone
	@$(TOX) -e unit

chart: .venv/done  ## the rendered chart
	@$(TOX) -e chart

image: .venv/done  ## the backend image
	@$(TOX) -e image

clean: .venv/done  ## remove the demo, kept clusters and the engine we started
	@$(TOX) -e clean

.venv/done: requirements/tox.txt ci/setup.py
	@$(PYTHON) ci/setup.py
