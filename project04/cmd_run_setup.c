// SPDX-License-Identifier: GPL-2.0
/*
 * vtxctl run, first part: the image, the VM, its memory, its vCPUs.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd_create.h"
#include "cmd_run.h"
#include "cmd_run_parts.h"
#include "ctl.h"
#include "ctl_vendor.h"
#include "guest/guest.h"

#define SUFFIX ".bin"
#define PAGE 4096
#define STACK (64ULL << 10)

struct image {
	u8 *bytes;
	u64 size;
};

/* ---- the image ------------------------------------------------------------------------------- */

/* A name without a slash is looked for where guests lie, and then here. */
static const char *find_image(const char *guest, char *path, size_t size)
{
	const char *folders[] = { getenv("VTX_GUESTS"), GUEST_FOLDER };
	size_t i;

	for (i = 0; !strchr(guest, '/') && i < ARRAY_SIZE(folders); i++) {
		if (!folders[i])
			continue;
		snprintf(path, size, "%s/%s" SUFFIX, folders[i], guest);
		if (!access(path, F_OK))
			return path;
	}
	return access(guest, F_OK) ? NULL : guest;
}

static void explain_no_image(const char *guest)
{
	const char *folder = getenv("VTX_GUESTS");
	char own[PATH_MAX] = "";

	if (strchr(guest, '/')) {
		ctl_error("run: %s: %m", guest);
		return;
	}
	if (folder)
		snprintf(own, sizeof(own), "%s/%s" SUFFIX ", ", folder, guest);
	ctl_error("run: there is no guest '%s'. Looked for: %s" GUEST_FOLDER "/%s" SUFFIX ", ./%s.",
		  guest, own, guest, guest);
}

static bool read_all(int fd, struct image *image)
{
	u64 done = 0;
	ssize_t got = 1;

	image->bytes = malloc(image->size);
	while (image->bytes && done < image->size && got > 0) {
		got = read(fd, image->bytes + done, image->size - done);
		done += got > 0 ? got : 0;
	}
	return image->bytes && done == image->size;
}

static bool check_image(const char *path, const struct stat *file, u64 mem)
{
	u64 size = file->st_size;

	if (!S_ISREG(file->st_mode)) {
		ctl_error("run: %s is no file: the image of a guest is expected.", path);
		return false;
	}
	if (!size) {
		ctl_error("run: %s is empty: the image of a guest has at least one instruction.",
			  path);
		return false;
	}
	if (mem < VTX_GUEST_LOAD || size > mem - VTX_GUEST_LOAD) {
		ctl_error("run: %s has %" PRIu64 " bytes and is loaded at 0x%x: more than %" PRIu64
			  " bytes of memory hold. A larger --mem helps.",
			  path, size, VTX_GUEST_LOAD, mem);
		return false;
	}
	return true;
}

static bool load_image(const char *path, u64 mem, struct image *image)
{
	struct stat file;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &file)) {
		ctl_error("run: %s cannot be read: %m", path);
	} else if (check_image(path, &file, mem)) {
		image->size = file.st_size;
		if (!read_all(fd, image)) {
			ctl_error("run: %s cannot be read: %m", path);
			free(image->bytes);
			image->bytes = NULL;
		}
	}
	if (fd >= 0)
		close(fd);
	return image->bytes;
}

/* ---- the VM ---------------------------------------------------------------------------------- */

/* The guest's name without folder and .bin; what a VM's name may not have becomes '?'. */
static void name_vm(const char *path, char *name)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	size_t length = strlen(base);
	size_t i;

	if (length > strlen(SUFFIX) && !strcmp(base + length - strlen(SUFFIX), SUFFIX))
		length -= strlen(SUFFIX);
	if (length > VTX_NAME_SIZE - 1)
		length = VTX_NAME_SIZE - 1;
	for (i = 0; i < length; i++)
		name[i] = base[i] >= ' ' && base[i] <= '~' ? base[i] : '?';
}

static bool create_vm(struct run *run)
{
	struct vtx_vm_config config = { .guest_mem_size = run->options->mem };

	name_vm(run->path, config.name);
	/* The number goes into an int; what does not fit is above every limit. */
	config.num_vcpus = run->options->vcpus > INT_MAX ? INT_MAX : run->options->vcpus;
	if (ioctl(run->fd, VTXDRV_CREATE_VM, &config)) {
		create_explain("run", &config, errno);
		return false;
	}
	if (ioctl(run->fd, VTXDRV_VM_INFO, &run->info)) {
		ctl_error("run: the VM is there, but the driver does not describe it: %m");
		return false;
	}
	return true;
}

static void *map(const struct run *run, u64 size, u64 offset)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, run->fd, offset);

	if (at == MAP_FAILED) {
		ctl_error("run: mapping %" PRIu64 " bytes at offset 0x%" PRIx64 " of the device "
			  "failed: %m",
			  size, offset);
		return NULL;
	}
	return at;
}

static void explain_init(const struct run *run, u32 vcpu, int err)
{
	switch (err) {
	case EINVAL:
		ctl_error("run: the driver does not take this guest. Either --mem, %" PRIu64
			  " bytes, leaves no room for code at 0x%x and a stack below the page "
			  "tables, or there are no page tables (exercise 4.1): dmesg says which.",
			  (u64)run->info.memory_size, VTX_GUEST_LOAD);
		break;
	case ENOSYS:
		ctl_error("run: vCPU %u: an exercise that this needs is not done yet; dmesg names "
			  "it.",
			  vcpu);
		break;
	case ESHUTDOWN:
		ctl_error("run: vCPU %u: the CPU is not in %s; vtxctl status shows it.", vcpu,
			  ctl_vendor->operation);
		break;
	default:
		ctl_error("run: vCPU %u cannot be initialised: %s. dmesg may say more.", vcpu,
			  strerror(err));
	}
}

static bool init_vcpu(struct run *run, u32 id)
{
	struct run_vcpu *vcpu = &run->vcpus[id];
	struct vtx_vcpu_init init = {
		.vcpu = id,
		.rip = VTX_GUEST_LOAD,
		.rdi = id,
		.rsi = run->options->arg,
	};

	vcpu->run = run;
	vcpu->id = id;
	vcpu->page = map(run, PAGE, VTX_MMAP_RUN(id));
	if (!vcpu->page)
		return false;
	run_parts_start(run, &init);
	/* How much is usable comes back from the first call; the guest gets it with the second. */
	if (ioctl(run->fd, VTXDRV_INIT_VCPU, &init)) {
		explain_init(run, id, errno);
		return false;
	}
	init.rdx = init.usable;
	run->usable = init.usable;
	if (ioctl(run->fd, VTXDRV_INIT_VCPU, &init)) {
		explain_init(run, id, errno);
		return false;
	}
	vcpu->page->flags = run->options->trace ? VTX_RUN_EVERY_EXIT : 0;
	return true;
}

/* Code below, stacks above: they must not meet. */
static bool check_room(const struct run *run, u64 image_size)
{
	u64 stacks = STACK * run->info.vcpus;
	u64 needed = VTX_GUEST_LOAD + image_size + stacks;

	if (needed <= run->usable)
		return true;
	ctl_error("run: --mem: %" PRIu64 " bytes are too few: code and data end at 0x%" PRIx64
		  ", stacks (64 KiB a vCPU) take 0x%" PRIx64 " bytes, and the page tables begin at "
		  "0x%" PRIx64 ".",
		  (u64)run->info.memory_size, VTX_GUEST_LOAD + image_size, stacks, run->usable);
	return false;
}

static bool prepare(struct run *run, const struct image *image)
{
	u32 i;

	if (!create_vm(run))
		return false;
	run->memory = map(run, run->info.memory_size, VTX_MMAP_MEMORY);
	if (!run->memory)
		return false;
	for (i = 0; i < run->info.vcpus; i++) {
		if (!init_vcpu(run, i))
			return false;
	}
	if (!check_room(run, image->size))
		return false;
	memcpy(run->memory + VTX_GUEST_LOAD, image->bytes, image->size);
	run->image_size = image->size;
	return run_parts_setup(run);
}

int run_setup(struct run *run)
{
	static char path[PATH_MAX];
	struct image image = { 0 };
	struct vtx_info info;
	int status;

	run->path = find_image(run->options->guest, path, sizeof(path));
	if (!run->path) {
		explain_no_image(run->options->guest);
		return RUN_STATUS_REFUSED;
	}
	if (!load_image(run->path, run->options->mem, &image))
		return RUN_STATUS_REFUSED;
	status = ctl_open(&run->fd, &info, VTX_FEATURE_RUN);
	if (status != CTL_DONE) {
		run->fd = -1;
		free(image.bytes);
		return status == CTL_NO_DEVICE ? status : RUN_STATUS_REFUSED;
	}
	status = prepare(run, &image) ? 0 : RUN_STATUS_REFUSED;
	free(image.bytes);
	return status;
}

void run_release(struct run *run)
{
	u32 i;

	for (i = 0; i < VTX_MAX_VCPUS; i++) {
		if (run->vcpus[i].page)
			munmap(run->vcpus[i].page, PAGE);
	}
	if (run->memory)
		munmap(run->memory, run->info.memory_size);
	if (run->fd >= 0)
		close(run->fd);
	free(run->output.text);
}
