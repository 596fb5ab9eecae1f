// SPDX-License-Identifier: Apache-2.0
/* load MODE ...: see each mode's file. Exit status: 0 as expected, 1 a surprise, 2 wrong usage. */
#include <signal.h>
#include <string.h>

#include "load.h"

static const struct {
	const char *name;
	void (*run)(int argc, char **argv);
} modes[] = {
	{ "client", client },
	{ "origin", origin },
	{ "idle", idle },
	{ "flood", flood },
	{ "prepare", prepare },
};

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(*modes); i++) {
		if (!strcmp(argv[1], modes[i].name)) {
			modes[i].run(argc - 1, argv + 1);
			return 0;
		}
	}
	usage("load client|origin|idle|flood|prepare [OPTION]...");
}
