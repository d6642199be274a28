# SPDX-License-Identifier: GPL-2.0
# The front door. `make help` lists what it does; how a stage is built is in common/mk/stage.mk, how
# a lab machine is run and a stage is graded in tests/harness.

.DEFAULT_GOAL := help
GOALS := $(or $(MAKECMDGOALS),help)

# kbuild splits M= at spaces and make splits targets at colons: no use to find out half-way.
ifneq ($(words x$(subst :, ,$(CURDIR))x),1)
ifneq ($(filter-out help,$(GOALS)),)
$(error This clone lives in "$(CURDIR)". The kernel's build system cannot work below a directory \
with a space or a colon in its name: move the clone, for example to $$HOME/vtxdrv, and try again)
endif
endif

# The oldest and the newest kernel series that every stage is tested with; see README.md.
KERNELS ?= 6.1 6.12
VTX_CACHE ?= $(HOME)/.cache/vtxdrv
JOBS ?= $(shell nproc)
export VTX_CACHE

# Found when first used and not before: `make install-deps` may have to install it first.
ifeq ($(origin PYTHON),undefined)
PYTHON = $(eval PYTHON := $(find-python))$(PYTHON)
find-python = $(or $(shell sh common/mk/find-python.sh),$(if $(dry-run),python3,$(no-python)))
dry-run = $(findstring n,$(firstword -$(MAKEFLAGS)))
no-python = $(error No python3 here is 3.11 or newer and has pytest, xdist and pexpect. \
	Run: make install-deps)
endif

include common/mk/stage.mk
include common/mk/hand-in.mk
# For instructors; a student's repository does not have it.
-include common/mk/course.mk

STAGE_DIR := $(O)/project$(STAGE)
RESULTS ?= $(O)/results
# The harness runs make itself, for stages and kbuild: what this make was told is not for those.
# exec: a signal for make has to reach the grader, and not a shell that waits for it.
HARNESS = exec env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u O -u STAGE -u SUBMIT -u TODO \
	PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=tests
LAB = $(HARNESS) $(PYTHON) -m harness.lab
PYTEST = $(HARNESS) $(PYTHON) -m pytest -c tests/pytest.ini -n $(JOBS) --dist loadgroup \
	--build-root $(O)

# Only the stage's own test files: another one that cannot even be read costs no points here. Of the
# course itself, and not of a student, project07 has to pass the tests of the stages before as well.
grade = $(PYTEST) $(wildcard tests/stage/test_project$(1)*.py) --stage $(1) \
	$(if $(SUBMIT)$(TODO),,$(call parity-of,$(1))) \
	$(if $(SUBMIT),--submit $(call quoted,$(SUBMIT))) $(if $(KVER),--kver $(KVER)) \
	$(if $(TODO),--todo "$(TODO)") $(if $(SEED),--seed $(SEED)) --results $(RESULTS)/project$(1)

# For the shell: students choose the names of directories.
quoted = '$(subst ','\'',$(1))'

# check-project1 and check-project01 are the same; anything else is named as unknown.
stage-of = $(or $(filter 0$(1:0%=%),$(STAGES)),$(error There is no project$(1) here. \
	The stages of this tree: $(addprefix project,$(STAGES))))

.PHONY: help demo check lab debug docs doctor install-deps clean distclean deps FORCE
FORCE:

## The two commands to start with
demo: project$(NEWEST) ## build the newest stage, boot the lab machine and show the stage's main job
	@$(LAB) demo --stage-dir $(O)/project$(NEWEST)

check: deps ## everything: unit tests, repository rules, every stage on the oldest and newest kernel
	@$(PYTEST) $(wildcard tests/unit tests/repo) tests/stage $(grader-sample) $(parity-sample) --results $(RESULTS) \
		$(addprefix --kver ,$(or $(KVER),$(KERNELS)))

## One stage; N is 1 or 01, SUBMIT=dir grades somebody's directory
check-project%: deps FORCE ## check-projectN: grade stage N and print its rubric
	@$(call grade,$(call stage-of,$*))

project%: FORCE ## projectN: build vtxdrv.ko and vtxctl of stage N into build/projectNN
	@$(MAKE) --no-print-directory project$(call stage-of,$*)

lab: project$(STAGE) ## a shell in the lab machine with module and tool; STAGE=, VENDOR=svm: AMD, VTX_ACCEL=
	@$(LAB) shell --stage-dir $(STAGE_DIR) $(if $(VENDOR),--vendor $(VENDOR))

debug: project$(STAGE) ## the lab machine with a debugger on kernel and module; STAGE=, VTX_DEBUG_VENDOR=vmx: Bochs
	@sh common/mk/install-deps.sh debug
	@$(LAB) debug --stage-dir $(STAGE_DIR)

## snapshot: a stage whole, in one flat directory that builds on its own; STAGE=, OUT=
## diff: what a stage adds to the one before; STAGE=
## sparse: a stage under the kernel's static checker; STAGE=
## hand-in: pack a student's files of a stage, and say what would be refused; STAGE=, NAME=

## The rest
docs: ## the manual as HTML, write-ups included (Doxygen; installs it the first time)
	@sh common/mk/install-deps.sh docs
	@sh docs/build.sh $(O)/docs

doctor: ## look for whatever stops people, and say how to fix each
	@python=$$(sh common/mk/find-python.sh -) || { \
		echo "problem: no python3 from 3.11 on; fix: make install-deps"; exit 1; }; \
	$(HARNESS) $$python -m harness.doctor --build $(O) $(if $(KVER),--kver $(KVER)) \
		$(if $(JSON),--json)

install-deps: ## install what is missing; DEPS="core debug docs class dev" for more
	@sh common/mk/install-deps.sh $(or $(DEPS),core)

# What is missing comes before the first thing that needs it, however the user came here.
deps:
	@sh common/mk/install-deps.sh
$(KERNEL_MK): | deps

clean: ## remove the build folder; downloaded kernels stay
	@sh common/mk/remove.sh $(O)
	@find tests -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## the same, and the downloaded kernels in VTX_CACHE
	@sh common/mk/remove.sh "$(VTX_CACHE)"

help: ## this text
	@sh common/mk/help.sh Makefile $(wildcard common/mk/course.mk)
