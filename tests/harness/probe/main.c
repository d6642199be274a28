// SPDX-License-Identifier: GPL-2.0
/* The misc device: one line in, one answer out. */
#include "probe.h"

#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#define LINE_MAX_BYTES 256

static int probe_help(struct probe_query *q);

static const struct probe_command commands[] = {
	{ "help", 0, probe_help, "this list" },
	{ "cr0", 1, probe_cr0, "CPU" },
	{ "cr4", 1, probe_cr4, "CPU" },
	{ "cr4copy", 1, probe_cr4copy, "CPU (what the kernel believes CR4 to be)" },
	{ "efer", 1, probe_efer, "CPU" },
	{ "setcr0", 2, probe_setcr0, "CPU VALUE (\"fault\" if the processor refuses)" },
	{ "setcr4", 2, probe_setcr4, "CPU VALUE (the same; behind the kernel's back)" },
	{ "rdmsr", 2, probe_rdmsr, "CPU INDEX (\"fault\" on #GP)" },
	{ "wrmsr", 3, probe_wrmsr, "CPU INDEX VALUE (\"ok\" or \"fault\")" },
	{ "cpuid", 3, probe_cpuid, "CPU LEAF SUBLEAF (eax ebx ecx edx)" },
	{ "vmxop", 1, probe_vmxop, "CPU (1: in VMX operation, or EFER.SVME set; 0: not)" },
	{ "host", 1, probe_host, "CPU (selectors, bases, tables, CR3)" },
	{ "slept", 0, probe_slept, "(as vmxop, of the last CPU when it last fell asleep)" },
	{ "witness", 1, probe_witness, "NUMBER (signs what is written to the console at reboot)" },
	{ "vmxon", 1, probe_vmxon, "CPU (play the other hypervisor; EBUSY if there is one)" },
	{ "vmxoff", 1, probe_vmxoff, "CPU (and stop playing)" },
	{ "vmxscrub", 1, probe_vmxscrub, "CPU (end VMX operation whose owner is gone)" },
	{ "vmcs", 1, probe_vmcs, "CPU (its current VMCS: address, ENCODING:VALUE …; \"none\")" },
	{ "call", 4, probe_call, "CPU FUNCTION ARGUMENT ARGUMENT (what it returns)" },
	{ "callout", 4, probe_callout, "CPU FUNCTION ARGUMENT VALUE (the same, and *(&VALUE))" },
	{ "switch", 5, probe_switch, "CPU FUNCTION RIP LAUNCHED SEED (the world switch, called)" },
	{ "page", 2, probe_page, "NUMBER WORD (its address; zeros but for the first word)" },
	{ "set", 3, probe_set, "NUMBER INDEX VALUE (a word of 64 bits in that page)" },
	{ "callpages", 3, probe_callpages, "CPU FUNCTION COUNT (pages 0 to 2 are its arguments)" },
	{ "phys", 2, probe_phys, "ADDRESS LENGTH (up to 4096 bytes of RAM, in hex)" },
	{ "poke", 2, probe_poke, "ADDRESS BYTE (into RAM)" },
	{ "names", 2, probe_names, "FRAME INDEX (pages whose entry INDEX names this frame)" },
	{ "pages", 0, probe_pages, "(free pages, slab pages)" },
	{ "hang", 0, probe_hang, "(every CPU spins with interrupts off)" },
	{ "lockup", 1, probe_lockup, "CPU (that CPU spins with interrupts on)" },
	{ "triplefault", 0, probe_triplefault, "" },
	{ "oops", 0, probe_oops, "" },
	{ "warn", 0, probe_warn, "" },
};

struct session {
	struct mutex lock; /* one file may be shared by threads */
	int len;
	char answer[PROBE_ANSWER];
};

static int probe_help(struct probe_query *q)
{
	int len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		len += scnprintf(q->out + len, PROBE_ANSWER - len, "%s %s\n", commands[i].name,
				 commands[i].help);
	return len;
}

int probe_on_cpu(u64 cpu, void (*fn)(void *arg), void *arg)
{
	if (cpu >= nr_cpu_ids)
		return -ERANGE;
	return smp_call_function_single((int)cpu, fn, arg, 1);
}

static const struct probe_command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int execute(char *line, char *out)
{
	struct probe_query q = { .out = out };
	const struct probe_command *command;
	char *word = strsep(&line, " ");
	int count = 0, err;

	command = find_command(word);
	if (!command)
		return -ENOENT;
	while ((word = strsep(&line, " "))) {
		if (!*word)
			continue;
		if (count == PROBE_ARGS)
			return -E2BIG;
		err = kstrtou64(word, 0, &q.arg[count++]);
		if (err)
			return err;
	}
	return count == command->args ? command->run(&q) : -EINVAL;
}

static ssize_t probe_write(struct file *file, const char __user *from, size_t size, loff_t *pos)
{
	struct session *s = file->private_data;
	char line[LINE_MAX_BYTES];
	int len;

	if (size >= sizeof(line))
		return -E2BIG;
	if (copy_from_user(line, from, size))
		return -EFAULT;
	line[size] = 0;
	mutex_lock(&s->lock);
	len = execute(strim(line), s->answer);
	s->len = max(len, 0);
	mutex_unlock(&s->lock);
	*pos = 0;
	return len < 0 ? len : (ssize_t)size;
}

static ssize_t probe_read(struct file *file, char __user *to, size_t size, loff_t *pos)
{
	struct session *s = file->private_data;
	ssize_t got;

	mutex_lock(&s->lock);
	got = simple_read_from_buffer(to, size, pos, s->answer, s->len);
	mutex_unlock(&s->lock);
	return got;
}

static int probe_open(struct inode *inode, struct file *file)
{
	struct session *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return -ENOMEM;
	mutex_init(&s->lock);
	file->private_data = s;
	return 0;
}

static int probe_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	return 0;
}

static const struct file_operations probe_fops = {
	.owner = THIS_MODULE,
	.open = probe_open,
	.release = probe_release,
	.read = probe_read,
	.write = probe_write,
};

static struct miscdevice probe_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vtxprobe",
	.fops = &probe_fops,
	.mode = 0600,
};

static int __init probe_init(void)
{
	int err = misc_register(&probe_device);

	if (err)
		return err;
	err = probe_witness_start();
	if (err)
		misc_deregister(&probe_device);
	return err;
}

static void __exit probe_exit(void)
{
	probe_witness_stop();
	misc_deregister(&probe_device);
	probe_vmx_cleanup();
	probe_call_cleanup();
}

module_init(probe_init);
module_exit(probe_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("vtxdrv course: the grader's view of the processor");
