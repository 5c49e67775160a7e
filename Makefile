# Needs make and Python >= 3.11, nothing else. tox.ini says what each command does.
PYTHON ?= python3
TOX = .venv/bin/tox -q run
.DEFAULT_GOAL := help
.PHONY: help demo test e2e lint unit chart embedded docs bench soak interop image clean load programs outdated audit ci summary coverage gate release

help:  ## this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/done  ## a cluster with the chart installed, and the headers it echoes (CLUSTER=embedded|kind)
	@$(TOX) -e demo

test: .venv/done  ## everything: lint, types, unit, chart, docs, the embedded cluster, e2e on it, e2e on kind; then the coverage
	@rm -rf reports/coverage
	@$(TOX) -e programs
	@$(TOX) -e lint,typing,unit,chart,docs,embedded
	@CLUSTER=embedded $(TOX) -e e2e
	@CLUSTER=kind $(TOX) -e e2e
	@$(TOX) -e coverage

e2e: .venv/done  ## the chart on a real cluster (CLUSTER=kind|embedded|existing KUBECONTEXT=...; KEEP=1 keeps it)
	@$(TOX) -e e2e

lint: .venv/done  ## style and types
	@$(TOX) -e lint,typing

unit: .venv/done  ## the backend and the harness alone
	@$(TOX) -e unit

chart: .venv/done  ## the rendered chart
	@$(TOX) -e chart

embedded: .venv/done  ## the embedded cluster itself: its pods, and its ends
	@$(TOX) -e embedded

docs: .venv/done  ## the README walked, versions that agree, the workflows and the release's dry run
	@$(TOX) -e docs

bench: .venv/done  ## measurements beside Go and gunicorn: table, plots, raw figures (BENCH=quick|full)
	@$(TOX) -e bench

soak: .venv/done  ## hostile clients for MINUTES=10, with memory, descriptors and honest latency plotted
	@$(TOX) -e soak

interop: .venv/done  ## other versions of Kubernetes and cert-manager, upstream's own tests: hours the first time (PARTS=kubernetes-1.30,conformance)
	@$(TOX) -e interop

image: .venv/done  ## the backend image (REGISTRY=ghcr.io/you pushes it, PLATFORMS=linux/amd64,linux/arm64 for both) and how to install it
	@$(TOX) -e image

load: .venv/done  ## let the demo's cluster run an image (IMAGE=my-backend:1 COMMAND="python3 my_backend.py")
	@$(TOX) -e load

clean: .venv/done  ## remove the demo, kept clusters and the engine we started
	@$(TOX) -e clean

programs: .venv/done  ## build what ci/tools pins and the cache lacks
	@$(TOX) -e programs

outdated: .venv/done  ## pinned programs and Python packages that have a newer release
	@$(TOX) -e outdated

audit: .venv/done  ## known vulnerabilities of the pinned Python packages
	@$(TOX) -e audit

ci: .venv/done  ## the steps of .github/workflows/ci.yaml in their order (RUN=1 runs them, JOBS=lint,unit only these)
	@$(TOX) -e ci

summary:  ## what the last runs of the tests came to, and why they failed (on GitHub: the job's page)
	@$(PYTHON) ci/summary.py

coverage: .venv/done  ## what share of the backend and the harness the tests ran that were run last (fails below the floors in pyproject.toml)
	@$(TOX) -e coverage

release: .venv/done  ## what a release would do (PUSH=ghcr.io/owner TAG=v1.2.3 does it; PUSH=localhost:5000 rehearses it)
	@$(TOX) -e release

gate:  ## succeed if RESULTS are all "success" (the last job of CI)
	@$(if $(and $(RESULTS),$(if $(filter-out success,$(RESULTS)),,all)),echo every job succeeded,$(error not every job succeeded: '$(RESULTS)'))

.venv/done: requirements/tox.txt ci/setup.py
	@$(PYTHON) ci/setup.py
