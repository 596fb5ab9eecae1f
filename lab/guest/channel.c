// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "channel.h"
#include "guest.h"

enum { MAX_STRINGS = 1024 };

static int open_channel(struct channel *channel)
{
	uint32_t id = channel->id;

	memset(channel, 0, sizeof(*channel));
	channel->id = id;
	channel->in = channel->from[OUT] = channel->from[ERR] = -1;
	channel->drain[OUT] = channel->drain[ERR] = -1;
	channel->credit = WINDOW_INITIAL;
	channel->ring = malloc(WINDOW_INITIAL);
	if (!channel->ring)
		return -ENOMEM;
	channel->used = true;
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* In the child: everything an ordinary command may expect, nothing of what makes the agent special. */
static void __attribute__((noreturn)) become(char **argv, char **environment, const char *folder, const int fds[3],
					     bool terminal)
{
	static const int defaults[] = { SIGPIPE, SIGCHLD, SIGINT, SIGQUIT, SIGTERM, SIGHUP };
	struct sched_param normal = { 0 };
	sigset_t none;
	bool missing;

	setsid();
	if (terminal)
		ioctl(fds[0], TIOCSCTTY, 0);
	for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++)
		signal(defaults[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	sched_setscheduler(0, SCHED_OTHER, &normal);
	write_text("/proc/self/oom_score_adj", "0");
	/* The descriptors given are all above 2, since the agent keeps 0 to 2 open. */
	for (int fd = 0; fd < 3; fd++)
		dup2(fds[fd], fd);
	if (folder[0] && chdir(folder))
		goto failed;
	environ = environment;
	execvp(argv[0], argv);
	folder = argv[0];
failed:
	missing = errno == ENOENT;
	dprintf(STDERR_FILENO, "%s: %s\n", folder, strerror(errno));
	_exit(missing ? 127 : 126);
}

static int make_terminal(struct channel *channel, const struct exec_request *request, int fds[3])
{
	struct winsize size = { .ws_row = request->rows, .ws_col = request->columns };
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	char name[64];
	int slave;

	if (master < 0)
		return -errno;
	if (grantpt(master) || unlockpt(master) || ptsname_r(master, name, sizeof(name)))
		goto failed;
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		goto failed;
	ioctl(master, TIOCSWINSZ, &size);
	fcntl(master, F_SETFL, O_NONBLOCK);
	fds[0] = fds[1] = fds[2] = slave;
	channel->from[OUT] = master;
	channel->in = fcntl(master, F_DUPFD_CLOEXEC, 3);
	channel->terminal = true;
	return 0;
failed:
	slave = -errno;
	close(master);
	return slave;
}

static int make_pipes(struct channel *channel, int fds[3], bool input)
{
	int pair[2];

	for (int fd = 0; fd < 3; fd++) {
		int ours;

		if (fd == 0 && !input) {
			fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
			if (fds[0] < 0)
				return -errno;
			continue;
		}
		if (pipe2(pair, O_CLOEXEC))
			return -errno;
		fds[fd] = pair[fd == 0 ? 0 : 1];
		ours = pair[fd == 0 ? 1 : 0];
		fcntl(ours, F_SETFL, O_NONBLOCK);
		if (fd == 0)
			channel->in = ours;
		else
			channel->from[fd - 1] = ours;
	}
	return 0;
}

/* The payload's strings: folder, argv and environment, each ended by NUL. False unless they fill it exactly. */
static bool split(char *strings, uint32_t size, const struct exec_request *request, char **words)
{
	uint32_t wanted = 1 + request->argc + request->envc;
	uint32_t count = 0;
	char *end = strings + size;

	if (!request->argc || wanted > MAX_STRINGS)
		return false;
	while (strings < end) {
		char *nul = memchr(strings, '\0', end - strings);

		if (!nul || count == wanted)
			return false;
		words[count++] = strings;
		strings = nul + 1;
	}
	return count == wanted;
}

int channel_exec(struct channel *channel, const char *payload, uint32_t size)
{
	static char strings[MAX_PAYLOAD];
	static char *words[MAX_STRINGS], *argv[MAX_STRINGS + 1], *environment[MAX_STRINGS + 1];
	int fds[3] = { -1, -1, -1 };
	struct exec_request request;
	int error;

	if (size < sizeof(request))
		return -EINVAL;
	memcpy(&request, payload, sizeof(request));
	size -= sizeof(request);
	memcpy(strings, payload + sizeof(request), size);
	if (!split(strings, size, &request, words))
		return -EINVAL;
	memcpy(argv, words + 1, request.argc * sizeof(*argv));
	argv[request.argc] = NULL;
	memcpy(environment, words + 1 + request.argc, request.envc * sizeof(*environment));
	environment[request.envc] = NULL;

	error = open_channel(channel);
	if (error)
		return error;
	if (request.flags & EXEC_TERMINAL)
		error = make_terminal(channel, &request, fds);
	else
		error = make_pipes(channel, fds, !(request.flags & EXEC_NO_INPUT));
	if (!error) {
		channel->pid = fork();
		if (!channel->pid)
			become(argv, environment, words[0], fds, channel->terminal);
		if (channel->pid < 0)
			error = -errno;
	}
	close_fd(&fds[0]);
	if (!channel->terminal) {
		close_fd(&fds[1]);
		close_fd(&fds[2]);
	}
	if (error)
		channel_drop(channel);
	return error;
}

/* A path of the payload's rest, ended by NUL within it. */
static char *take_path(const char *payload, uint32_t size)
{
	if (!size || payload[0] != '/' || memchr(payload, '\0', size) != payload + size - 1)
		return NULL;
	return strdup(payload);
}

int channel_put(struct channel *channel, const char *payload, uint32_t size)
{
	uint32_t mode;
	int error;

	if (size <= sizeof(mode))
		return -EINVAL;
	memcpy(&mode, payload, sizeof(mode));
	error = open_channel(channel);
	if (error)
		return error;
	channel->path = take_path(payload + sizeof(mode), size - sizeof(mode));
	error = -EINVAL;
	if (!channel->path)
		goto failed;
	error = make_parents(channel->path);
	if (error)
		goto failed;
	if (asprintf(&channel->temporary, "%s.%08x.part", channel->path, channel->id) < 0) {
		channel->temporary = NULL;
		error = -ENOMEM;
		goto failed;
	}
	channel->in = open(channel->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (channel->in < 0 || fchmod(channel->in, mode & 07777)) {
		error = -errno;
		goto failed;
	}
	return 0;
failed:
	channel_drop(channel);
	return error;
}

int channel_get(struct channel *channel, const char *payload, uint32_t size)
{
	struct stat st;
	int error = open_channel(channel);

	if (error)
		return error;
	channel->path = take_path(payload, size);
	error = -EINVAL;
	if (!channel->path)
		goto failed;
	channel->from[OUT] = open(channel->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (channel->from[OUT] < 0 || fstat(channel->from[OUT], &st)) {
		error = -errno;
		goto failed;
	}
	if (S_ISDIR(st.st_mode)) {
		error = -EISDIR;
		goto failed;
	}
	if (!S_ISREG(st.st_mode))
		goto failed;
	return 0;
failed:
	channel_drop(channel);
	return error;
}

bool channel_data(struct channel *channel, const char *data, uint32_t size)
{
	uint32_t tail, first;

	if (size > WINDOW_INITIAL - channel->pending)
		return false;
	tail = (channel->head + channel->pending) % WINDOW_INITIAL;
	first = size < WINDOW_INITIAL - tail ? size : WINDOW_INITIAL - tail;
	memcpy(channel->ring + tail, data, first);
	memcpy(channel->ring, data + first, size - first);
	channel->pending += size;
	return true;
}

int channel_push(struct channel *channel)
{
	int done = 0;

	while (channel->pending) {
		uint32_t run = WINDOW_INITIAL - channel->head;
		ssize_t count;

		if (run > channel->pending)
			run = channel->pending;
		/* Nobody reads any more: the bytes are disposed of all the same, or the host would wait for ever. */
		count = channel->in < 0 ? (ssize_t)run : write(channel->in, channel->ring + channel->head, run);
		if (count < 0 && errno == EAGAIN)
			break;
		if (count < 0) {
			if (channel->path)
				return -errno;
			close_fd(&channel->in);
			continue;
		}
		channel->head = (channel->head + count) % WINDOW_INITIAL;
		channel->pending -= count;
		done += count;
	}
	if (channel->end_of_input && !channel->pending && !channel->path) {
		if (channel->terminal && channel->in >= 0) {
			static const char end_of_file = 4;

			/* A terminal's end of file is ^D; the descriptor itself must stay for what follows. */
			if (write(channel->in, &end_of_file, 1) < 0)
				channel_signal(channel, SIGHUP);
		}
		close_fd(&channel->in);
	}
	return done;
}

void channel_signal(struct channel *channel, int signal)
{
	if (channel->pid > 0 && !channel->ended && kill(-channel->pid, signal))
		kill(channel->pid, signal);	/* It has not got as far as setsid() yet. */
}

void channel_ended(struct channel *channel, int status)
{
	channel->ended = true;
	channel->status = status;
	if (channel->terminal)
		return;		/* Its hangup ends the stream. */
	for (int stream = OUT; stream < STREAMS; stream++) {
		int left = 0;

		if (channel->from[stream] < 0)
			continue;
		if (ioctl(channel->from[stream], FIONREAD, &left))
			left = 0;
		channel->drain[stream] = left;
		if (!left)
			channel_close_stream(channel, stream);
	}
}

int channel_finish_put(struct channel *channel)
{
	int error = 0;

	if (close(channel->in))
		error = -errno;
	channel->in = -1;
	if (!error && rename(channel->temporary, channel->path))
		error = -errno;
	return error;
}

void channel_close_stream(struct channel *channel, enum stream stream)
{
	close_fd(&channel->from[stream]);
}

void channel_drop(struct channel *channel)
{
	if (channel->pid > 0)
		channel_signal(channel, SIGKILL);
	close_fd(&channel->in);
	close_fd(&channel->from[OUT]);
	close_fd(&channel->from[ERR]);
	if (channel->temporary)
		unlink(channel->temporary);	/* ENOENT once it is in place */
	free(channel->temporary);
	free(channel->path);
	free(channel->ring);
	memset(channel, 0, sizeof(*channel));
}
