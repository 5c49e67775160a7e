# Needs make and Python >= 3.11, nothing else. tox.ini says which packages and variables the commands have.
PYTHON ?= python3
TOX = .venv/bin/tox -q run
RUN_IN_TOX = $(TOX) -e dev --
# ARGS are more words for pytest. The suites that run our own lines are measured; `make unit MEASURED=` is faster.
PYTEST = pytest --junitxml=reports/$(1).xml $(ARGS)
MEASURED = python ci/measured.py $(1)
# What a release signs and uploads with: no test is given it.
FOR_RELEASES = testenv.pass_env+=ACTIONS_ID_TOKEN_*,COSIGN_*,GH_TOKEN,GITHUB_*,TWINE_*
# One after another: beside other suites two cores are too few for a kind cluster, whose Service rules then come seconds late.
SUITES = lint unit chart docs docs-site embedded e2e-on-processes e2e-on-kind
WORKERS = -n 2 --dist loadfile
# More than processors: these wait for sockets and for other processes half of the time.
WAITING_WORKERS = -n 4 --dist loadfile
.DEFAULT_GOAL := help
.PHONY: help demo test e2e e2e-on-kind e2e-on-processes lint unit chart embedded docs docs-site bench soak interop image clean load programs outdated audit ci summary coverage gate release

help:  ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/done  ## a cluster with the chart installed, and the headers it echoes (CLUSTER=embedded|kind; GATEWAY=http://127.0.0.1:8000 puts your own service there)
	@$(RUN_IN_TOX) python ci/commands/demo.py

test: .venv/done  ## everything: lint, types, unit, chart, docs, their site, the embedded cluster, e2e on it, e2e on kind; then the coverage
	@rm -rf reports/coverage
	@$(MAKE) --no-print-directory programs
	@failed=; for suite in $(SUITES); do \
		$(MAKE) --no-print-directory $$suite || failed="$$failed $$suite"; \
	done; test -z "$$failed" || { echo "failed:$$failed"; exit 1; }
	@$(MAKE) --no-print-directory coverage

# Not measured: tests/embedded, which is, runs most of the same lines in the same kind of cluster.
e2e-on-processes:
	@$(MAKE) --no-print-directory e2e CLUSTER=embedded MEASURED=

# On kind without what shows the same there as on processes, which took ten minutes; `make e2e` and `make interop` have it.
e2e-on-kind:
	@$(MAKE) --no-print-directory e2e CLUSTER=kind CHOSEN='-m "not interop and not same_on_processes"'

e2e: .venv/done  ## the chart on a real cluster (CLUSTER=kind|embedded|existing KUBECONTEXT=...; KEEP=1 keeps it)
	@$(RUN_IN_TOX) $(call MEASURED,e2e-$(or $(CLUSTER),kind)) $(call PYTEST,e2e-$(or $(CLUSTER),kind)) -n auto $(CHOSEN) tests/install tests/e2e

lint: .venv/done  ## style and types
	@$(RUN_IN_TOX) ruff check
	@$(RUN_IN_TOX) ruff format --check
	@$(RUN_IN_TOX) yamllint --strict .github ci chart/values.yaml chart/ci
	@$(RUN_IN_TOX) python ci/commands/tool.py actionlint -shellcheck= -pyflakes=
	@$(RUN_IN_TOX) zizmor --quiet --offline --persona=pedantic .github
	@$(RUN_IN_TOX) mypy -n 2 backend tests/pytest_apiservice ci bench

unit: .venv/done  ## the backend and the harness alone (ARGS="-k identity" gives pytest more words, here and below)
	@$(RUN_IN_TOX) $(call MEASURED,unit) $(call PYTEST,unit) $(WAITING_WORKERS) tests/unit tests/harness_unit

chart: .venv/done  ## the rendered chart
	@$(RUN_IN_TOX) $(call PYTEST,chart) $(WORKERS) tests/chart

embedded: .venv/done  ## the embedded cluster itself: its pods, and its ends; the distributions, installed where nothing else is
	@$(RUN_IN_TOX) $(call MEASURED,embedded) $(call PYTEST,embedded) -n auto --dist loadfile --apiservice-cluster=embedded tests/embedded

docs: .venv/done  ## the README walked, versions that agree, the workflows and the release's dry run
	@$(RUN_IN_TOX) $(call PYTEST,docs) $(WORKERS) tests/docs

docs-site: .venv/done  ## the documents as a site, in reports/site: a broken link fails it; then a browser looks at it, where there is one
	@rm -rf reports/site
	@$(TOX) -e site -- sphinx-build --quiet --fresh-env --fail-on-warning --keep-going -c ci/docs/website -d reports/site-read . reports/site
	@$(TOX) -e site -- $(call PYTEST,website) tests/website

bench: .venv/done  ## measurements beside Go and gunicorn: table, plots, raw figures (BENCH=quick|full|resources)
	@$(TOX) -e bench -- python -m bench

soak: .venv/done  ## hostile clients for MINUTES=10 (BACKEND=asgi has streams; BACKEND=metrics: 500 autoscalers instead), with memory, descriptors and honest latency plotted
	@$(TOX) -e bench -- python -m bench.soak.abuse

interop: .venv/done  ## other versions of Kubernetes and cert-manager, upstream's own tests: hours the first time (PARTS=kubernetes-1.30,conformance)
	@$(RUN_IN_TOX) python ci/interop/interop.py

image: .venv/done  ## the backend image (REGISTRY=ghcr.io/you pushes it, PLATFORMS=linux/amd64,linux/arm64 for both) and how to install it
	@$(RUN_IN_TOX) python ci/commands/image.py

load: .venv/done  ## let the demo's cluster run an image (IMAGE=my-backend:1 COMMAND="python3 my_backend.py")
	@$(RUN_IN_TOX) python ci/commands/load.py

clean: .venv/done  ## remove the demo, kept clusters and the engine we started
	@$(RUN_IN_TOX) python ci/commands/clean.py

programs: .venv/done  ## download or build what ci/tools pins and the cache lacks
	@$(RUN_IN_TOX) python ci/commands/tool.py

outdated: .venv/done  ## pinned programs and Python packages that have a newer release
	@$(RUN_IN_TOX) python ci/outdated.py

audit: .venv/done  ## known vulnerabilities of the pinned Python packages
	@$(TOX) -e audit -- python ci/audit.py

ci: .venv/done  ## the steps of .github/workflows/ci.yaml in their order (RUN=1 runs them, JOBS=lint,unit only these)
	@$(RUN_IN_TOX) python ci/workflow_steps.py

summary:  ## what the last runs of the tests came to, and why they failed (on GitHub: the job's page)
	@$(PYTHON) ci/summary.py

coverage: .venv/done  ## what share of the backend and the harness the tests ran that were run last (fails below the floors in pyproject.toml)
	@$(RUN_IN_TOX) python ci/measured.py

release: .venv/done  ## what a release would do (PUSH=ghcr.io/owner TAG=v1.2.3 does it; PUSH=localhost:5000 rehearses it)
	@$(TOX) -x '$(FOR_RELEASES)' -e dev -- python ci/release.py

gate:  ## succeed if RESULTS are all "success" (the last job of CI)
	@$(if $(and $(RESULTS),$(if $(filter-out success,$(RESULTS)),,all)),echo every job succeeded,$(error not every job succeeded: '$(RESULTS)'))

.venv/done: requirements/tox.txt ci/setup.py
	@$(PYTHON) ci/setup.py
