// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest.h"

static void vreport(int error, const char *format, va_list args)
{
	char text[512];
	int fd, size = 0;

	/* <2> is KERN_CRIT: shown on the console at every log level in use here. */
	size = snprintf(text, sizeof(text), "<2>lab-init: ");
	size += vsnprintf(text + size, sizeof(text) - size, format, args);
	if (error && size < (int)sizeof(text))
		snprintf(text + size, sizeof(text) - size, ": %s", strerror(error));
	fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		fd = STDERR_FILENO;
	if (write(fd, text, strnlen(text, sizeof(text))) < 0)
		return;		/* There is nowhere left to say so. */
	if (fd != STDERR_FILENO)
		close(fd);
}

void report(int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vreport(error, format, args);
	va_end(args);
}

void die(const char *format, ...)
{
	int error = errno;
	va_list args;

	va_start(args, format);
	vreport(error, format, args);
	va_end(args);
	exit(1);
}

int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		error = -errno;
	close(fd);
	return error;
}

int make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) && errno != EEXIST) {
			int error = -errno;

			*slash = '/';
			return error;
		}
		*slash = '/';
	}
	return 0;
}

static int copy_file(const char *from, const char *to, const struct stat *st)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out, error = 0;
	ssize_t count;

	if (in < 0)
		return -errno;
	/* Of its final mode from the start: a private key must never be readable. */
	unlink(to);
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st->st_mode & 07777);
	if (out < 0) {
		error = -errno;
		close(in);
		return error;
	}
	do {
		count = sendfile(out, in, NULL, 1 << 20);
	} while (count > 0);
	if (count < 0 || fchmod(out, st->st_mode & 07777))
		error = -errno;
	close(in);
	if (close(out) && !error)
		error = -errno;
	return error;
}

int copy_tree(const char *from, const char *to)
{
	char source[512], target[512];
	struct dirent *entry;
	int error = 0;
	DIR *dir = opendir(from);

	if (!dir)
		return -errno;
	while (!error && (entry = readdir(dir))) {
		struct stat st;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (snprintf(source, sizeof(source), "%s/%s", from, entry->d_name) >= (int)sizeof(source) ||
		    snprintf(target, sizeof(target), "%s/%s", to, entry->d_name) >= (int)sizeof(target)) {
			error = -ENAMETOOLONG;
		} else if (lstat(source, &st)) {
			error = -errno;
		} else if (S_ISDIR(st.st_mode)) {
			if (mkdir(target, st.st_mode & 07777) && errno != EEXIST)
				error = -errno;
			else
				error = copy_tree(source, target);
		} else if (S_ISREG(st.st_mode)) {
			error = copy_file(source, target, &st);
		}
	}
	closedir(dir);
	return error;
}

void remove_tree(int fd)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;
	struct stat top, st;

	if (!dir) {
		close(fd);
		return;
	}
	if (fstat(fd, &top)) {
		closedir(dir);
		return;
	}
	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) || st.st_dev != top.st_dev)
			continue;
		if (S_ISDIR(st.st_mode)) {
			int below = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

			if (below >= 0)
				remove_tree(below);
			unlinkat(fd, entry->d_name, AT_REMOVEDIR);
		} else {
			unlinkat(fd, entry->d_name, 0);
		}
	}
	closedir(dir);
}

const char *parameter(const char *name, const char *missing)
{
	static char line[4096];
	static bool loaded;
	static char *words[256];
	static size_t count;
	size_t length = strlen(name);

	if (!loaded) {
		int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
		char *state;

		if (fd >= 0) {
			ssize_t size = read(fd, line, sizeof(line) - 1);

			line[size > 0 ? size : 0] = '\0';
			close(fd);
		}
		for (char *word = strtok_r(line, " \n", &state); word && count < 256; word = strtok_r(NULL, " \n", &state))
			words[count++] = word;
		loaded = true;
	}
	for (size_t i = 0; i < count; i++)
		if (!strncmp(words[i], name, length) && words[i][length] == '=')
			return words[i] + length + 1;
	return missing;
}
