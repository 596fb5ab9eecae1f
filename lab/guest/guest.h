/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LAB_GUEST_GUEST_H
#define LAB_GUEST_GUEST_H

#include <stdbool.h>
#include <stddef.h>

/* util.c */

/* A message in the kernel's log, thus on the serial console. Adds errno's text if @error is not 0. */
void report(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same, and exit: of PID 1 it makes the kernel panic, which the lab sees at once. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* Write @text to an existing file such as a sysctl; 0 or -errno. */
int write_text(const char *path, const char *text);
/* Make the folders above @path. @path is changed on the way and restored. */
int make_parents(char *path);
/* Copy @from and what is below it over @to; owners become root's, modes are kept. */
int copy_tree(const char *from, const char *to);
/* Remove what is below the open folder @dir without leaving its file system; closes @dir. */
void remove_tree(int dir);
/* The value of NAME=VALUE on the kernel's command line, or @missing. Valid until the process ends. */
const char *parameter(const char *name, const char *missing);

/* network.c: the addresses that the command line names */
void configure_network(void);

/* script.c: run the program @path, then power off */
void run_script(const char *path) __attribute__((noreturn));

/* agent.c: serve one connection on @fd, or find the virtio port if @fd is negative. Does not return in a guest. */
int agent_serve(int fd);

#endif
