# SPDX-License-Identifier: GPL-2.0
# What a student hands in of a stage: make hand-in STAGE=01 [NAME=yours]
# Only a NAME from the command line: some systems have one in the environment.
.PHONY: hand-in
hand-in: deps
	$(stage-known)
	@$(HARNESS) $(PYTHON) -m harness.hand_in --stage $(STAGE) \
		$(if $(filter command,$(origin NAME)),--name $(call quoted,$(NAME)))
