# SPDX-License-Identifier: GPL-2.0
# For instructors: hand out, grade a class, and test the grader. Starter trees do not have this file.
#
#   make starter OUT=dir [UPTO=2] [SOLVED=1] [HIDE="…"]    the students' repository
#   make solution-diff STAGE=02                            what a correct answer adds to it
#   make check-grader [ONLY=name] [BUDGET=minutes]         starters, mutants and cheats, each graded
#   make torture [COUNT=n] [SEED=n] [FIRST=n] [JOBS=n]     random guests against the driver
#   make parity [COLUMNS="…"] [JOBS=n]                     the tests of stages 1 to 6 on VMX and on SVM
#   make bench [SAVE=1 [ACCEPT='row=why']]                 vtxdrv beside KVM
#   make grade-class SUBMISSIONS=dir STAGE=02 [OUT=dir] [POLICY=file] [DEADLINE=time]

COURSE = $(HARNESS) $(PYTHON) -m
given = $(if $($(1)),--$(2) $(call quoted,$($(1))))

# The part of tests/grader that `make check` has time for.
grader-sample = tests/grader --grader-sample

# Of the parity table what `make check` has time for: the tests of the stages before on SVM in QEMU.
parity-sample = $(if $(filter 07,$(STAGES)),--parity svm-tcg)
parity-of = $(if $(filter 07,$(1)),$(parity-sample) $(wildcard tests/stage/test_project0[1-6]*.py))

.PHONY: starter solution-diff check-entry check-grader grade-class class-deps torture bench parity
# Grading a class, and testing that, takes three packages more.
check check-grader grade-class: class-deps
class-deps: deps
	@sh common/mk/install-deps.sh class

## For instructors (docs/instructors.md)
starter: deps ## the students' repository into OUT=; UPTO=, SOLVED=, HIDE=
	@$(COURSE) harness.starter --out $(call quoted,$(if $(filter command line environment,$(origin OUT)),$(OUT))) \
		--caller $(call quoted,$(PWD)) $(call given,UPTO,upto) $(call given,SOLVED,solved) $(call given,HIDE,hide)

solution-diff: deps ## what a correct answer adds to the starter; STAGE=
	$(stage-known)
	@$(COURSE) harness.solution --stage $(STAGE)

check-grader: deps ## test the grader: every starter, step, mutant and cheat, graded; ONLY=name, BUDGET=minutes
	@$(PYTEST) tests/grader --results $(O)/results-grader $(if $(ONLY),-k $(call quoted,$(ONLY))) \
		$(call given,BUDGET,budget) $(call given,SEED,seed)

check-entry: deps project$(NEWEST) ## hold the rules of a VM entry against a machine, case by case; SAMPLE=, SEED=, MODEL=, VENDOR=svm, ACCEL=
	@$(COURSE) entry.$(if $(filter svm,$(VENDOR)),svm_)campaign --stage-dir $(O)/project$(NEWEST) \
		--artefacts $(O)/entry $(call given,SAMPLE,sample) $(call given,SEED,seed) \
		$(call given,MODEL,model) $(call given,ACCEL,accel) $(call given,KVER,kver)

torture: deps project$(NEWEST) ## random instruction sequences in guests, a million of them; COUNT=, SEED=, FIRST=, VENDOR=svm
	@$(COURSE) stage.torture --stage-dir $(O)/project$(NEWEST) --artefacts $(O)/torture --jobs $(JOBS) \
		$(call given,COUNT,count) $(call given,SEED,seed) $(call given,FIRST,first) \
		$(call given,VENDOR,vendor) $(call given,MODEL,model) $(call given,KVER,kver)

bench: deps project$(NEWEST) ## measure vtxdrv and KVM in one boot of each vendor, in emulated instructions; VENDOR=, SAVE=1, ACCEPT='row=why'
	@$(HARNESS) $(PYTHON) -m bench --stage-dir $(O)/project$(NEWEST) --out $(O)/bench \
		$(if $(filter 1,$(SAVE)),--save) $(call given,ACCEPT,accept) $(call given,VENDOR,vendor) \
		$(if $(KVER),--kver $(KVER))

parity: deps ## the table of the tests of stages 1 to 6 on VMX and on SVM: run it and write it; COLUMNS=
	@$(COURSE) harness.parity_table --build-root $(O) --jobs $(JOBS) $(call given,COLUMNS,columns)

grade-class: deps ## grade a directory of submissions; SUBMISSIONS=, STAGE=, OUT=, POLICY=, DEADLINE=
	$(stage-known)
	@$(COURSE) harness.klass --submissions $(call quoted,$(SUBMISSIONS)) --stage $(STAGE) --build-root $(O) \
		--jobs $(JOBS) $(if $(filter command line environment,$(origin OUT)),$(call given,OUT,out)) \
		$(call given,POLICY,policy) $(call given,DEADLINE,deadline) $(call given,KVER,kver)
