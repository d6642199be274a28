# SPDX-License-Identifier: GPL-2.0
# Makefile of a projectNN directory: `make -C project02` is `make project02` at the top.
stage := $(notdir $(patsubst %/,%,$(dir $(abspath $(firstword $(MAKEFILE_LIST))))))

.PHONY: all check clean snapshot diff sparse
all:
	@$(MAKE) --no-print-directory -C .. $(stage)
check:
	@$(MAKE) --no-print-directory -C .. check-$(stage)
snapshot diff sparse:
	@$(MAKE) --no-print-directory -C .. $@ STAGE=$(stage:project%=%)
clean:
	@cd .. && sh common/mk/remove.sh $(or $(O),build)/$(stage)
