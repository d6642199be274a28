# SPDX-License-Identifier: GPL-2.0
# Makefile of a composed stage (build/projectNN) and of a snapshot: it needs nothing from outside
# its folder but a compiler, kernel headers, json-c and (from project05 on) Capstone.
#
#   make                  vtxdrv.ko for the running kernel, vtxctl, and the guests
#   make KDIR=/path       for another kernel's headers
include stage-config.mk

KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build
KCC ?= $(CC)
W ?= 1
Q := $(if $(V),,@)

CFLAGS ?= -O2 -g
VTXCTL_CFLAGS := -std=gnu11 -Wall -Wextra -Wmissing-prototypes -Wno-unused-parameter -I. $(VTX_DEFINES)
# The decoder of what vtxctl emulates for a guest.
VTXCTL_LIBS := $(if $(filter 1 2 3 4,$(VTX_STAGE)),,-lcapstone) -ljson-c -lm
VTXCTL_OBJECTS := $(sort $(patsubst %.c,user/%.o,$(wildcard cmd_*.c ctl_*.c *_logic.c)))

# Every guest/NAME.S and guest/NAME.c becomes guest/NAME.bin, but for the parts that they share: lib.S
# is in all of them, lib_*.[cS] in those that use it.
GUESTS := $(sort $(addsuffix .bin,$(basename $(filter-out guest/lib%,$(wildcard guest/*.[cS])))))
GUEST_PARTS := $(addsuffix .o,$(basename $(wildcard guest/lib_*.[cS])))
GUEST_CFLAGS := -m64 -O2 -ffreestanding -fno-pic -fno-stack-protector -fno-asynchronous-unwind-tables \
	-fcf-protection=none -mno-red-zone -mgeneral-regs-only -Wall -Wextra -Wno-unused-parameter
OBJCOPY ?= objcopy

.PHONY: all module sparse guests clean
.SECONDARY: $(GUESTS:.bin=.elf) $(GUESTS:.bin=.o) guest/lib.o $(GUEST_PARTS)
all: module vtxctl guests

# O= because kbuild would take our build root for its own. No BTF: it needs the kernel's own vmlinux,
# which the headers package does not have.
# + because make sees no $(MAKE) in a call, and would keep its job slots to itself.
kbuild = +$(Q)$(MAKE) --no-print-directory -C $(KDIR) O= M=$(CURDIR) CC=$(KCC) \
	CONFIG_DEBUG_INFO_BTF_MODULES= $(1) modules

module:
	$(call kbuild,W=$(W))

# C=2 has sparse read every file, also those that need no compiling: with the same W= none does.
sparse:
	$(call kbuild,W=$(W) C=2)

vtxctl: $(VTXCTL_OBJECTS)
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS) -static -o $@ $^ $(VTXCTL_LIBS)

user/%.o: %.c stage-config.mk
	@mkdir -p user
	@echo "  CC      $<"
	$(Q)$(CC) $(CFLAGS) $(VTXCTL_CFLAGS) -MMD -c -o $@ $<

guests: $(GUESTS)

# A flat image for memory; the ELF file keeps the symbols, for objdump and gdb.
guest/%.bin: guest/%.elf
	$(Q)$(OBJCOPY) -O binary $< $@

guest/%.elf: guest/%.o guest/lib.o guest/parts.a guest/guest.ld
	@echo "  GUEST   $(@:.elf=.bin)"
	$(Q)$(LD) -m elf_x86_64 -static --build-id=none -z noexecstack -T guest/guest.ld -o $@ \
		$(filter %.o %.a,$^)

guest/parts.a: $(GUEST_PARTS)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

guest/%.o: guest/%.S stage-config.mk
	$(Q)$(CC) -m64 -g -I. -MMD -c -o $@ $<

guest/%.o: guest/%.c stage-config.mk
	$(Q)$(CC) -std=gnu11 -g $(GUEST_CFLAGS) -MMD -I. -c -o $@ $<

-include $(wildcard user/*.d guest/*.d)

clean:
	$(Q)rm -f guest/*.[ao] guest/*.d guest/*.elf guest/*.bin
	$(Q)rm -rf user vtxctl *.o *.ko *.mod *.mod.c *_offsets.[hs] .*.cmd .*.d modules.order \
		Module.symvers
