// SPDX-License-Identifier: GPL-2.0
/*
 * The grader's own client of /dev/vtxdrv: what vtxctl would never do, and what it would do too
 * slowly.
 *
 *	abitool cycles N EVERY   N times enable and disable; in each EVERYth CPU 1 goes and comes
 *	abitool hostile          arguments that must be refused, each with its own errno
 *	abitool memory N         N rounds of threads that change and read the tables of one VM
 *	abitool races N          N rounds of threads that create, look at and close one VM
 *
 * Exit status: 0 as expected; 1 not, with what was expected and seen on stdout.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abitool.h"
#include "vtxdrv.h"

#define CPU1_ONLINE "/sys/devices/system/cpu/cpu1/online"

int open_device(void)
{
	int fd = open(VTXDRV_DEVICE, O_RDWR);

	if (fd < 0) {
		printf("open %s: %s\n", VTXDRV_DEVICE, strerror(errno));
		exit(1);
	}
	return fd;
}

/* ---- cycles ---------------------------------------------------------------------------------- */

static int fails_in(int cycle, const char *what)
{
	printf("cycle %d: %s: %s\n", cycle, what, strerror(errno));
	return 1;
}

static int set_cpu1(const char *online)
{
	int fd = open(CPU1_ONLINE, O_WRONLY);
	int written;

	if (fd < 0)
		return -1;
	written = write(fd, online, 1);
	close(fd);
	return written == 1 ? 0 : -1;
}

/* By turns: off and on while enabled; off while enabled, on after disable. */
static int cycle(int fd, int number, int hotplug)
{
	struct vtx_enable enable = { 0 };
	struct vtx_disable disable = { 0 };
	int late = hotplug && number % 2;

	if (ioctl(fd, VTXDRV_ENABLE, &enable))
		return fails_in(number, "enable");
	if (hotplug && set_cpu1("0"))
		return fails_in(number, "CPU 1 offline");
	if (hotplug && !late && set_cpu1("1"))
		return fails_in(number, "CPU 1 online while enabled");
	if (ioctl(fd, VTXDRV_DISABLE, &disable))
		return fails_in(number, "disable");
	if (late && set_cpu1("1"))
		return fails_in(number, "CPU 1 online after disable");
	return 0;
}

static int cycles(int count, int every)
{
	int fd = open_device();
	int i;

	for (i = 0; i < count; i++) {
		if (cycle(fd, i / every, i % every == every - 1))
			return 1;
	}
	printf("%d cycles\n", i);
	return 0;
}

/* ---- hostile --------------------------------------------------------------------------------- */

int failures;

void expect(const char *what, int result, int wanted)
{
	int seen = result ? errno : 0;

	if (seen == wanted)
		return;
	failures++;
	printf("%s: expected %s, seen %s\n", what, wanted ? strerror(wanted) : "success",
	       seen ? strerror(seen) : "success");
}

static void hostile_detect(int fd)
{
	struct vtx_cpu_query query = { .cpu = 1U << 30 };

	expect("GET_INFO with a null pointer", ioctl(fd, VTXDRV_GET_INFO, NULL), EFAULT);
	expect("QUERY_CPU with a null pointer", ioctl(fd, VTXDRV_QUERY_CPU, NULL), EFAULT);
	expect("QUERY_CPU with a kernel pointer", ioctl(fd, VTXDRV_QUERY_CPU, -4096L), EFAULT);
	expect("QUERY_CPU of CPU 2^30", ioctl(fd, VTXDRV_QUERY_CPU, &query), ERANGE);
	query.cpu = ~0U;
	expect("QUERY_CPU of CPU 2^32 - 1", ioctl(fd, VTXDRV_QUERY_CPU, &query), ERANGE);
	query = (struct vtx_cpu_query){ .pad = 1 };
	expect("QUERY_CPU with pad 1", ioctl(fd, VTXDRV_QUERY_CPU, &query), EINVAL);
}

static void hostile_vmxon(int fd)
{
	struct vtx_enable enable = { .pad = 7 };
	struct vtx_disable disable = { .pad = 7 };
	struct vtx_cpu_status status = { .cpu = ~0U };
	void *readonly = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	expect("ENABLE with a null pointer", ioctl(fd, VTXDRV_ENABLE, NULL), EFAULT);
	expect("ENABLE with pad 7", ioctl(fd, VTXDRV_ENABLE, &enable), EINVAL);
	expect("ENABLE with a read-only argument", ioctl(fd, VTXDRV_ENABLE, readonly), EFAULT);
	expect("DISABLE with a null pointer", ioctl(fd, VTXDRV_DISABLE, NULL), EFAULT);
	expect("DISABLE with pad 7", ioctl(fd, VTXDRV_DISABLE, &disable), EINVAL);
	disable.pad = 0;
	expect("DISABLE without a user", ioctl(fd, VTXDRV_DISABLE, &disable), EALREADY);
	expect("CPU_STATUS with a null pointer", ioctl(fd, VTXDRV_CPU_STATUS, NULL), EFAULT);
	expect("CPU_STATUS of CPU 2^32 - 1", ioctl(fd, VTXDRV_CPU_STATUS, &status), ERANGE);
}

static int hostile(void)
{
	struct vtx_info info = { 0 };
	int fd = open_device();

	expect("GET_INFO", ioctl(fd, VTXDRV_GET_INFO, &info), 0);
	expect("an ioctl that nobody knows", ioctl(fd, _IO(VTXDRV_IOC, 0xfe), &info), ENOTTY);
	expect("an ioctl of another driver", ioctl(fd, _IO('q', 1), &info), ENOTTY);
	hostile_detect(fd);
	if (info.features & VTX_FEATURE_VMXON)
		hostile_vmxon(fd);
	if (info.features & VTX_FEATURE_VM)
		hostile_vms();
	if (info.features & VTX_FEATURE_MEMORY)
		hostile_memory();
	close(fd);
	if (!failures)
		printf("all refused\n");
	return failures != 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "cycles") && atoi(argv[3]) > 0)
		return cycles(atoi(argv[2]), atoi(argv[3]));
	if (argc == 2 && !strcmp(argv[1], "hostile"))
		return hostile();
	if (argc == 3 && !strcmp(argv[1], "races") && atoi(argv[2]) > 0)
		return vm_races(atoi(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "memory") && atoi(argv[2]) > 0)
		return memory_races(atoi(argv[2]));
	fprintf(stderr, "usage: abitool cycles N EVERY | hostile | races N | memory N\n");
	return 2;
}
