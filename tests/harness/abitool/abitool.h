/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file abitool.h
 * @brief What the files of abitool share.
 */
#ifndef ABITOOL_H
#define ABITOOL_H

/** Open the device, or end the program. */
int open_device(void);
/** Compare an ioctl's @p result (and errno) with the errno @p wanted (0: success), and count. */
void expect(const char *what, int result, int wanted);
/** How many expectations have failed. */
extern int failures;

/** Arguments about VMs that must be refused. */
void hostile_vms(void);
/** The same about the memory of VMs. */
void hostile_memory(void);
/** Threads that change and read the tables of one VM. @return exit status */
int memory_races(int rounds);
/** Threads that create, look, walk and close at the same moment. @return exit status */
int vm_races(int rounds);

#endif
