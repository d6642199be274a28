# SPDX-License-Identifier: GPL-2.0
# The composition rules: a stage is the difference to the one before. Included by the top Makefile.
#
#   make project02 [TODO="2.3"] [SUBMIT=dir] [O=build] [KVER=6.12]
#   make snapshot STAGE=02 [OUT=dir]      one flat directory that builds on its own
#   make diff STAGE=02                    what the stage adds to the one before
#   make sparse STAGE=02                  the stage under sparse

O ?= build
TODO ?=
SUBMIT ?=
# Stage numbers are found, not listed: project03 is a stage as soon as it has its stage.c.
STAGES := $(patsubst project%/stage.c,%,$(sort $(wildcard project0[1-7]/stage.c)))
NEWEST := $(lastword $(STAGES))
STAGE ?= $(NEWEST)
# 2 and 02 are the same stage.
override STAGE := 0$(STAGE:0%=%)
OUT ?= $(O)/snapshot/project$(STAGE)

compose = TODO="$(TODO)" sh common/mk/compose.sh $(1) $(2) "$(3)"

# Which kernel the module is built for: KVER, KDIR, KCC, VMLINUZ … (see tests/harness/kernel.py).
# The file is remade when another KVER is asked for or when installed kernels have changed.
KERNEL_MK := $(O)/kernel$(if $(KVER),-$(KVER)).mk
$(KERNEL_MK): tests/harness/kernel.py $(wildcard /lib/modules)
	@mkdir -p $(@D)
	@PYTHONDONTWRITEBYTECODE=1 $(PYTHON) tests/harness/kernel.py --make $(if $(KVER),--kver $(KVER)) \
		>$@.new || { rm -f $@.new; exit 1; }
	@mv $@.new $@

.PHONY: $(addprefix project,$(STAGES)) snapshot diff sparse
$(addprefix project,$(STAGES)): project%: $(KERNEL_MK)
	@$(call compose,$(O)/$@,$*,$(SUBMIT))
	@$(if $(dry-run),: )$(confine) $(MAKE) --no-print-directory -C $(O)/$@ $(call kernel-arguments)

# A submission's compiler reads the stage and the system, and nothing else.
confine = $(if $(CONFINED),$(PYTHON) -I tests/harness/confine.py $(O)/$@ \
	$(shell sed -n 's/^KDIR *:= *//p' $(KERNEL_MK)))
kernel-arguments = $(shell sed -n 's/^\(KDIR\|KCC\|KVER\) *:= *\(..*\)/\1=\2/p' $(KERNEL_MK))

# STAGE= may be anything that somebody typed.
stage-known = $(if $(filter $(STAGE),$(STAGES)),,$(error There is no project$(STAGE) here. \
	The stages of this tree: $(addprefix project,$(STAGES))))

sparse: project$(STAGE)
	@$(MAKE) --no-print-directory -C $(O)/project$(STAGE) sparse $(call kernel-arguments)

snapshot:
	$(stage-known)
	@rm -rf $(O)/compose/project$(STAGE)
	@$(call compose,$(O)/compose/project$(STAGE),$(STAGE),)
	@[ -f "$(OUT)/stage-config.mk" ] || [ ! -e "$(OUT)" ] || rmdir "$(OUT)" 2>/dev/null || { \
		echo "OUT=$(OUT) is there and is no snapshot: name a new or an empty directory" >&2; exit 1; }
	@sh common/mk/remove.sh "$(OUT)" && mkdir -p "$(OUT)"
	@cp -rL $(O)/compose/project$(STAGE)/* "$(OUT)"/
	@cp project$(STAGE)/README.md "$(OUT)"/
	@echo "$(OUT): project$(STAGE) whole in one directory; build it with: make -C $(OUT)"

diff:
	$(stage-known)
	@$(MAKE) --no-print-directory snapshot STAGE=$(STAGE) OUT=$(O)/diff/project$(STAGE) >/dev/null
	@before=$$(printf %02d $$(($(STAGE:0%=%) - 1))); mkdir -p $(O)/diff/project$$before; \
	if [ -f project$$before/stage.c ]; then \
		$(MAKE) --no-print-directory snapshot STAGE=$$before OUT=$(O)/diff/project$$before >/dev/null; fi; \
	cd $(O)/diff && diff -Nru -x stage-config.mk project$$before project$(STAGE) || [ $$? -eq 1 ]
