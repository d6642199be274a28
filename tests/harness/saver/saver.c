// SPDX-License-Identifier: GPL-2.0
/*
 * One more command for Bochs's debugger: "save-state FOLDER", on a line of its own.
 *
 * Bochs saves a machine from buttons and menus only, which its text display does not have. This
 * library is preloaded where a machine is to be saved: it looks at the lines that the debugger
 * reads, and calls the function behind the buttons, which Bochs exports for its plugins.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND "save-state "
#define SAVE_STATE "_ZN13bx_real_sim_c10save_stateEPKc" /* bool bx_real_sim_c::save_state(char *) */

static bool save(const char *folder)
{
	bool (*save_state)(void *sim, const char *folder) = dlsym(RTLD_DEFAULT, SAVE_STATE);
	void **sim = dlsym(RTLD_DEFAULT, "SIM");

	return save_state && sim && save_state(*sim, folder);
}

/* In the place of the C library's: the debugger reads its commands with it. */
char *fgets(char *line, int size, FILE *file)
{
	char *(*next)(char *, int, FILE *) = dlsym(RTLD_NEXT, "fgets");
	char *got = next(line, size, file);

	while (got && !strncmp(got, COMMAND, strlen(COMMAND))) {
		got[strcspn(got, "\n")] = 0;
		if (!save(got + strlen(COMMAND))) {
			fprintf(stderr, "saver: this Bochs does not save its state\n");
			exit(1);
		}
		got = next(line, size, file);
	}
	return got;
}
