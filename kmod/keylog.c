// SPDX-License-Identifier: GPL-2.0-only
/* Secrets of TLS connections, for who looks into what was recorded of them. */

#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/kfifo.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

#include "keylog.h"

/* Of lines that nobody has read yet: those of some hundred connections. */
enum { WEIR_KEYLOG_BYTES = 1 << 16 };

/**
 * struct weir_keylog - the lines, of all network namespaces
 * @lock: who adds; bottom halves off
 * @reader: who reads
 * @lines: whole lines, the oldest first
 * @folder: in debugfs
 */
struct weir_keylog {
	spinlock_t	lock;
	struct mutex	reader;
	struct kfifo	lines;
	struct dentry	*folder;
};

static struct weir_keylog weir_keylog;

void weir_keylog_add(struct tls_server *server, const u8 *line, size_t len)
{
	spin_lock_bh(&weir_keylog.lock);
	if (kfifo_avail(&weir_keylog.lines) >= len)
		kfifo_in(&weir_keylog.lines, line, len);
	spin_unlock_bh(&weir_keylog.lock);
}

/* What has been read is gone. */
static ssize_t weir_keylog_read(struct file *file, char __user *to, size_t len, loff_t *at)
{
	unsigned int copied;
	int err;

	err = mutex_lock_interruptible(&weir_keylog.reader);
	if (err)
		return err;
	err = kfifo_to_user(&weir_keylog.lines, to, len, &copied);
	mutex_unlock(&weir_keylog.reader);
	return err ?: copied;
}

static const struct file_operations weir_keylog_file = {
	.owner	= THIS_MODULE,
	.read	= weir_keylog_read,
};

int weir_keylog_init(void)
{
	int err;

	spin_lock_init(&weir_keylog.lock);
	mutex_init(&weir_keylog.reader);
	err = kfifo_alloc(&weir_keylog.lines, WEIR_KEYLOG_BYTES, GFP_KERNEL);
	if (err)
		return err;
	weir_keylog.folder = debugfs_create_dir("weir", NULL);
	debugfs_create_file("keylog", 0400, weir_keylog.folder, NULL, &weir_keylog_file);
	return 0;
}

void weir_keylog_exit(void)
{
	debugfs_remove(weir_keylog.folder);
	kfifo_free(&weir_keylog.lines);
}
