// SPDX-License-Identifier: Apache-2.0
/*
 * The agent: runs commands and moves files for the host, over one byte stream (protocol.h).
 *
 * One loop, no thread, nothing that blocks: it answers PING while commands run, however much they print or however
 * little they read. It runs SCHED_FIFO with its memory locked, so that neither a packet flood, whose softirq work ends
 * in ksoftirqd at normal priority, nor memory pressure keeps it from answering; what it starts is ordinary.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "channel.h"
#include "guest.h"
#include "protocol.h"

enum {
	OUTPUT_SIZE = 256 * 1024,
	CHUNK = 16 * 1024,
	/* Room kept for answers: a frame is only taken in when its answer surely fits, output only sent beyond that. */
	ANSWER_ROOM = 4 * 1024,
	OUTPUT_ROOM = 4 * ANSWER_ROOM,
	RECONNECT_MS = 10,
	PRIORITY = 50,
};

static struct {
	int fd;
	bool host_gone;
	bool deferred;	/* something waits for room in the output */
	char input[sizeof(struct frame) + MAX_PAYLOAD];
	size_t input_size;
	char output[OUTPUT_SIZE];
	size_t output_head, output_size;
	struct channel channels[MAX_CHANNELS];
} agent;

static size_t room(void)
{
	return OUTPUT_SIZE - agent.output_size;
}

static bool room_for_answer(void)
{
	if (room() >= ANSWER_ROOM)
		return true;
	agent.deferred = true;
	return false;
}

static void queue_bytes(const void *data, size_t size)
{
	size_t tail = (agent.output_head + agent.output_size) % OUTPUT_SIZE;
	size_t first = size < OUTPUT_SIZE - tail ? size : OUTPUT_SIZE - tail;

	memcpy(agent.output + tail, data, first);
	memcpy(agent.output, (const char *)data + first, size - first);
	agent.output_size += size;
}

/* The caller made sure of the room. */
static void queue_frame(enum from_agent type, uint32_t id, const void *data, uint32_t size)
{
	struct frame frame = { .length = size, .channel = id, .type = type };

	queue_bytes(&frame, sizeof(frame));
	queue_bytes(data, size);
}

static void queue_number(enum from_agent type, uint32_t id, uint32_t number)
{
	queue_frame(type, id, &number, sizeof(number));
}

static void queue_error(uint32_t id, int error)
{
	char payload[128];

	memcpy(payload, &error, sizeof(error));
	snprintf(payload + sizeof(error), sizeof(payload) - sizeof(error), "%s", strerror(error));
	queue_frame(ERROR, id, payload, sizeof(error) + strlen(payload + sizeof(error)));
}

static void queue_exit(struct channel *channel)
{
	int32_t payload[2] = { 0, 0 };

	if (WIFSIGNALED(channel->status))
		payload[1] = WTERMSIG(channel->status);
	else
		payload[0] = WEXITSTATUS(channel->status);
	queue_frame(EXIT, channel->id, payload, sizeof(payload));
	channel_drop(channel);
}

static struct channel *find(uint32_t id)
{
	for (int i = 0; i < MAX_CHANNELS; i++)
		if (agent.channels[i].used && agent.channels[i].id == id)
			return &agent.channels[i];
	return NULL;
}

static void open_channel(const struct frame *frame, const char *payload)
{
	struct channel *channel = NULL;
	int error;

	for (int i = 0; i < MAX_CHANNELS && !channel; i++)
		if (!agent.channels[i].used)
			channel = &agent.channels[i];
	if (!channel || find(frame->channel)) {
		queue_error(frame->channel, channel ? EEXIST : EMFILE);
		return;
	}
	channel->id = frame->channel;
	if (frame->type == EXEC)
		error = channel_exec(channel, payload, frame->length);
	else if (frame->type == PUT)
		error = channel_put(channel, payload, frame->length);
	else
		error = channel_get(channel, payload, frame->length);
	if (error)
		queue_error(frame->channel, -error);
	else
		queue_number(STARTED, frame->channel, channel->pid);
}

static void fail(struct channel *channel, int error)
{
	queue_error(channel->id, error);
	channel_drop(channel);
}

static void push_input(struct channel *channel)
{
	int done = channel_push(channel);

	if (done < 0) {
		fail(channel, -done);
		return;
	}
	if (done)
		queue_number(WINDOW, channel->id, done);
	if (channel->temporary && channel->end_of_input && !channel->pending) {
		int error = channel_finish_put(channel);

		if (error)
			fail(channel, -error);
		else
			queue_exit(channel);
	}
}

static void handle_channel_frame(const struct frame *frame, const char *payload)
{
	struct channel *channel = find(frame->channel);
	uint16_t size[2];
	uint32_t number;

	if (!channel)
		return;		/* It ended while this frame was on its way. */
	memcpy(&number, payload, frame->length >= sizeof(number) ? sizeof(number) : 0);
	switch (frame->type) {
	case DATA:
		if (channel_data(channel, payload, frame->length))
			push_input(channel);
		else
			fail(channel, ENOBUFS);
		break;
	case END:
		channel->end_of_input = true;
		push_input(channel);
		break;
	case SIGNAL:
		if (frame->length != sizeof(number))
			break;
		if (channel->path)
			fail(channel, ECANCELED);
		else
			channel_signal(channel, number);
		break;
	case CREDIT:
		if (frame->length == sizeof(number) && number <= WINDOW_INITIAL - channel->credit)
			channel->credit += number;
		break;
	case RESIZE:
		memcpy(size, payload, frame->length >= sizeof(size) ? sizeof(size) : 0);
		if (frame->length == sizeof(size) && channel->terminal)
			ioctl(channel->from[OUT], TIOCSWINSZ, &(struct winsize){ .ws_row = size[0], .ws_col = size[1] });
		break;
	}
}

static int set_clock(const char *payload, uint32_t size)
{
	int64_t given[2];
	struct timespec now;

	if (size != sizeof(given))
		return EINVAL;
	memcpy(given, payload, sizeof(given));
	now.tv_sec = given[0];
	now.tv_nsec = given[1];
	return clock_settime(CLOCK_REALTIME, &now) ? errno : 0;
}

/* A restored guest would repeat the random numbers of every other guest restored from the same snapshot. */
static int add_entropy(const char *payload, uint32_t size)
{
	struct {
		struct rand_pool_info info;
		char bytes[256];
	} pool;
	int error = 0;
	int fd;

	if (!size || size > sizeof(pool.bytes))
		return EINVAL;
	fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno;
	pool.info.entropy_count = size * 8;
	pool.info.buf_size = size;
	memcpy(pool.info.buf, payload, size);
	if (ioctl(fd, RNDADDENTROPY, &pool) || ioctl(fd, RNDRESEEDCRNG))
		error = errno;
	close(fd);
	return error;
}

static void handle_frame(const struct frame *frame, const char *payload)
{
	switch (frame->type) {
	case SYNC:
		for (int i = 0; i < MAX_CHANNELS; i++)
			if (agent.channels[i].used)
				channel_drop(&agent.channels[i]);
		if (frame->length == SYNC_SIZE)
			queue_frame(SYNCED, 0, payload, frame->length);
		break;
	case PING:
		if (frame->length <= MAX_PING)
			queue_frame(PONG, frame->channel, payload, frame->length);
		break;
	case CLOCK:
		queue_number(DONE, frame->channel, set_clock(payload, frame->length));
		break;
	case ENTROPY:
		queue_number(DONE, frame->channel, add_entropy(payload, frame->length));
		break;
	case EXEC:
	case PUT:
	case GET:
		open_channel(frame, payload);
		break;
	default:
		handle_channel_frame(frame, payload);
	}
}

static void handle_input(void)
{
	size_t used = 0;

	while (agent.input_size - used >= sizeof(struct frame) && room_for_answer()) {
		struct frame frame;

		memcpy(&frame, agent.input + used, sizeof(frame));
		if (frame.length > MAX_PAYLOAD) {
			/* Out of step with the host, which will see no answer and say SYNC again: start afresh. */
			report(0, "agent: a frame of %u bytes", frame.length);
			agent.input_size = 0;
			return;
		}
		if (agent.input_size - used < sizeof(frame) + frame.length)
			break;
		handle_frame(&frame, agent.input + used + sizeof(frame));
		used += sizeof(frame) + frame.length;
	}
	agent.input_size -= used;
	memmove(agent.input, agent.input + used, agent.input_size);
}

static void read_host(void)
{
	ssize_t count = read(agent.fd, agent.input + agent.input_size, sizeof(agent.input) - agent.input_size);

	if (count > 0)
		agent.input_size += count;
	else if (!count || (errno != EAGAIN && errno != EINTR))
		agent.host_gone = true;
}

static void write_host(void)
{
	while (agent.output_size) {
		size_t run = OUTPUT_SIZE - agent.output_head;
		ssize_t count;

		if (run > agent.output_size)
			run = agent.output_size;
		count = write(agent.fd, agent.output + agent.output_head, run);
		if (count <= 0) {
			if (count < 0 && errno != EAGAIN && errno != EINTR)
				agent.host_gone = true;
			return;
		}
		agent.output_head = (agent.output_head + count) % OUTPUT_SIZE;
		agent.output_size -= count;
	}
}

/* How much of a stream may be taken now. */
static size_t allowance(const struct channel *channel, enum stream stream)
{
	size_t size = CHUNK;

	if (room() < OUTPUT_ROOM + CHUNK)
		return 0;
	if (size > channel->credit)
		size = channel->credit;
	if (channel->drain[stream] >= 0 && size > (size_t)channel->drain[stream])
		size = channel->drain[stream];
	return size;
}

static void pump(struct channel *channel, enum stream stream)
{
	static char data[CHUNK];
	size_t size = allowance(channel, stream);
	ssize_t count;

	if (!size)
		return;
	count = read(channel->from[stream], data, size);
	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count < 0 && channel->path) {
		fail(channel, errno);
		return;
	}
	if (count <= 0) {
		channel_close_stream(channel, stream);
		return;
	}
	queue_frame(stream == OUT ? STDOUT : STDERR, channel->id, data, count);
	channel->credit -= count;
	if (channel->drain[stream] >= 0) {
		channel->drain[stream] -= count;
		if (!channel->drain[stream])
			channel_close_stream(channel, stream);
	}
}

static void reap(int signals)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	while (read(signals, &info, sizeof(info)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < MAX_CHANNELS; i++)
			if (agent.channels[i].used && agent.channels[i].pid == pid)
				channel_ended(&agent.channels[i], status);
}

static void finish_ended(void)
{
	for (int i = 0; i < MAX_CHANNELS; i++) {
		struct channel *channel = &agent.channels[i];
		bool closed = channel->from[OUT] < 0 && channel->from[ERR] < 0;

		/* A download ends with its file, a command with its process. */
		if (channel->used && closed && (channel->ended || (channel->path && !channel->temporary)) &&
		    room_for_answer())
			queue_exit(channel);
	}
}

static size_t watch_channels(struct pollfd *polled)
{
	size_t count = 0;

	for (int i = 0; i < MAX_CHANNELS; i++) {
		struct channel *channel = &agent.channels[i];

		memset(channel->polled, 0, sizeof(channel->polled));
		if (!channel->used)
			continue;
		if (channel->in >= 0 && channel->pending) {
			channel->polled[0] = &polled[count];
			polled[count++] = (struct pollfd){ .fd = channel->in, .events = POLLOUT };
		}
		for (int stream = OUT; stream < STREAMS; stream++) {
			if (channel->from[stream] < 0 || !allowance(channel, stream))
				continue;
			channel->polled[1 + stream] = &polled[count];
			polled[count++] = (struct pollfd){ .fd = channel->from[stream], .events = POLLIN };
		}
	}
	return count;
}

static void serve_channels(void)
{
	for (int i = 0; i < MAX_CHANNELS; i++) {
		struct channel *channel = &agent.channels[i];

		if (channel->used && channel->polled[0] && channel->polled[0]->revents && room_for_answer())
			push_input(channel);
		for (int stream = OUT; stream < STREAMS; stream++)
			if (channel->used && channel->polled[1 + stream] && channel->polled[1 + stream]->revents)
				pump(channel, stream);
	}
}

static void serve(int signals, bool port)
{
	static struct pollfd polled[2 + MAX_CHANNELS * (1 + STREAMS)];

	for (;;) {
		size_t count = 2 + watch_channels(polled + 2);
		int timeout = -1;

		polled[0] = (struct pollfd){ .fd = signals, .events = POLLIN };
		polled[1] = (struct pollfd){ .fd = agent.fd };
		if (agent.input_size < sizeof(agent.input) && room() >= ANSWER_ROOM)
			polled[1].events |= POLLIN;
		if (agent.output_size)
			polled[1].events |= POLLOUT;
		if (agent.host_gone) {
			/* A port whose host end is closed polls as hung up at once, again and again. */
			polled[1].fd = -1;
			timeout = RECONNECT_MS;
			agent.host_gone = false;
		}
		if (agent.deferred && room() >= ANSWER_ROOM)
			timeout = 0;
		agent.deferred = false;
		if (poll(polled, count, timeout) < 0 && errno != EINTR)
			return;
		if (polled[0].revents)
			reap(signals);
		if (polled[1].revents & POLLIN)
			read_host();
		else if (polled[1].revents & (POLLHUP | POLLERR))
			agent.host_gone = true;
		handle_input();
		serve_channels();
		finish_ended();
		write_host();
		if (agent.host_gone && !port)
			return;
	}
}

/* devtmpfs names ports by number; sysfs tells which one is ours. */
static int open_port(void)
{
	struct timespec pause = { .tv_nsec = RECONNECT_MS * 1000 * 1000 };

	for (int attempt = 0; attempt < 1000; attempt++) {
		DIR *ports = opendir("/sys/class/virtio-ports");
		struct dirent *entry;

		while (ports && (entry = readdir(ports))) {
			char path[320], name[64] = "";
			int fd;

			snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", entry->d_name);
			fd = open(path, O_RDONLY | O_CLOEXEC);
			if (fd < 0)
				continue;
			if (read(fd, name, sizeof(name) - 1) < 0)
				name[0] = '\0';
			close(fd);
			name[strcspn(name, "\n")] = '\0';
			if (strcmp(name, PORT_NAME))
				continue;
			snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
			fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
			if (fd >= 0) {
				closedir(ports);
				return fd;
			}
		}
		if (ports)
			closedir(ports);
		nanosleep(&pause, NULL);
	}
	return -1;
}

int agent_serve(int fd)
{
	struct sched_param priority = { .sched_priority = PRIORITY };
	bool port = fd < 0;
	sigset_t child;
	int signals;

	agent.fd = port ? open_port() : fd;
	if (agent.fd < 0) {
		report(0, "agent: no virtio port %s", PORT_NAME);
		return 1;
	}
	fcntl(agent.fd, F_SETFL, O_NONBLOCK);
	fcntl(agent.fd, F_SETFD, FD_CLOEXEC);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	signals = signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC);
	if (signals < 0)
		return 1;
	if (port) {
		write_text("/proc/self/oom_score_adj", "-1000");
		if (mlockall(MCL_CURRENT | MCL_FUTURE))
			report(errno, "agent: cannot lock memory");
		if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority))
			report(errno, "agent: cannot become SCHED_FIFO");
	}
	serve(signals, port);
	for (int i = 0; i < MAX_CHANNELS; i++)
		if (agent.channels[i].used)
			channel_drop(&agent.channels[i]);
	return 0;
}
