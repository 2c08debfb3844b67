# The front door. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
export STRONGHOLD_CACHE ?= $(HOME)/.cache/stronghold-mongodb
export PYTHON
VERSION_OF_PYTHON := $(shell $(PYTHON) -c 'import platform; print(platform.python_version())')
VENV := $(STRONGHOLD_CACHE)/venv-$(VERSION_OF_PYTHON)-$(shell cat requirements-dev.txt meta/ee-requirements.txt | sha256sum | cut -c1-12)
BIN := $(VENV)/bin
TREE := .tree/ansible_collections/stronghold/mongodb

export PATH := $(BIN):$(PATH):/usr/sbin:/sbin
export PYTHONPATH := $(CURDIR)/tests
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.tree
export ANSIBLE_NOCOWS := 1

LAB := $(BIN)/python -m lab
DEMO_INVENTORY := $(STRONGHOLD_CACHE)/labs/demo/inventory/hosts.yml

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile

.PHONY: setup
setup: ## Install what is missing on this machine: system packages, a virtual environment
	@tests/lab/setup.sh $(VENV) requirements-dev.txt
	@[[ -e $(TREE) ]] || { mkdir -p $(dir $(TREE)) && ln -s ../../.. $(TREE); }

.PHONY: demo
demo: setup ## Three database hosts in three zones and a backup host, converged and shown
	@$(LAB) up tests/lab/fleets/demo.yml >/dev/null
	@ANSIBLE_DISPLAY_OK_HOSTS=no ANSIBLE_DISPLAY_SKIPPED_HOSTS=no $(BIN)/ansible-playbook -i $(DEMO_INVENTORY) playbooks/site.yml
	@$(LAB) status demo

.PHONY: demo-down
demo-down: setup ## Remove every trace of the demo
	@$(LAB) down demo

.PHONY: lint
lint: lint-style lint-types lint-ansible lint-documents ## Style, types, shell, roles and playbooks, documentation, changelog

.PHONY: lint-style
lint-style: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	@$(BIN)/shellcheck $$(git ls-files -z | xargs -0 awk 'FNR == 1 && /^#!.*sh( |$$)/ {print FILENAME} {nextfile}')

.PHONY: lint-types
lint-types: setup
	$(BIN)/mypy plugins tests/ci tests/lab tests/scenario

.PHONY: lint-ansible
lint-ansible: setup
	$(BIN)/ansible-lint

.PHONY: lint-documents
lint-documents: setup
	$(BIN)/antsibull-changelog lint
	cd $(TREE) && $(BIN)/antsibull-docs lint-collection-docs --plugin-docs --skip-rstcheck .

.PHONY: units
units: setup ## Unit tests
	$(BIN)/pytest tests/unit tests/ci

.PHONY: integration
integration: setup ## Modules against real servers on loopback; each file has ports of its own, so that two run at once
	$(BIN)/pytest --numprocesses 2 --dist loadfile tests/integration

.PHONY: sanity
sanity: setup ## ansible-test sanity and units on the oldest and the newest supported ansible-core
	tests/sanity/run

.PHONY: importer
importer: setup ## What Galaxy says of the built collection
	tests/sanity/importer

.PHONY: molecule
molecule: setup ## The stories of all fleets, on real hosts
	tests/scenario/run

.PHONY: test
test: setup ## All that CI runs, side by side on this machine
	@tests/ci/run

.PHONY: clean
clean: setup ## Remove the demo and all that was built and cached
	@for fleet in $$(ls $(STRONGHOLD_CACHE)/labs 2>/dev/null); do $(LAB) down $$fleet; done
	@podman images --format '{{.Repository}}:{{.Tag}}' | grep '^localhost/stronghold-lab-' | xargs -r podman rmi
	@rm -rf $(STRONGHOLD_CACHE)

.PHONY: test-long
test-long: setup ## Long repetitions: servers of all kinds; machines; the playbook killed at ten tasks, one fresh fleet each
	STRONGHOLD_LONG=1 $(BIN)/pytest --numprocesses 2 --dist loadfile tests/integration
	STRONGHOLD_LONG=1 $(BIN)/pytest --numprocesses 1 tests/long
	tests/scenario/run --long

.PHONY: bench-converge
bench-converge: setup ## First converge and unchanged re-run, beside community.mongodb's roles
	$(BIN)/python tests/bench/converge.py

.PHONY: bench-certificates
bench-certificates: setup ## Certificates, beside a loop over the modules of community.crypto
	$(BIN)/python tests/bench/certificates.py

.PHONY: bench-rotation
bench-rotation: setup ## What a writer sees while certificates are rotated and the authority is replaced
	PYTHONPATH=$(PYTHONPATH):$(CURDIR)/.tree $(BIN)/python tests/bench/rotation.py

.PHONY: bench-backup-load
bench-backup-load: setup ## The age of the archive, and a writer during a backup
	PYTHONPATH=$(PYTHONPATH):$(CURDIR)/.tree $(BIN)/python tests/bench/backup_load.py

.PHONY: bench-backup
bench-backup: setup ## Backups, beside mongodump with gzip and into restic
	PYTHONPATH=$(PYTHONPATH):$(CURDIR)/.tree $(BIN)/python tests/bench/backup.py

.PHONY: bench-accounts
bench-accounts: setup ## Many accounts, beside a loop over community.mongodb's module and beside bare commands
	$(BIN)/python tests/bench/accounts.py

.PHONY: bench-allowlist
bench-allowlist: setup ## Many ranges in the packet filter, beside nft itself and a loop over iptables
	PYTHONPATH=$(PYTHONPATH):$(CURDIR)/.tree $(BIN)/python tests/bench/allowlist.py
