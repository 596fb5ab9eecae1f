// SPDX-License-Identifier: GPL-2.0-only
/* Checks of requests: the quick look agrees with the close one, and bytes with another reader. */
#include <ctype.h>

#include "../../../http_policy.h"
#include "../../../http_watch.h"
#include "check.h"

static int hex(int byte)
{
	return isdigit(byte) ? byte - '0' : tolower(byte) - 'a' + 10;
}

/* Whether a text with escapes has a byte. */
static bool has_byte(const u8 *text, size_t len, u8 byte)
{
	size_t at = 0;

	while (at < len) {
		if (text[at] == '%' && len - at > 2 && isxdigit(text[at + 1]) &&
		    isxdigit(text[at + 2])) {
			if (hex(text[at + 1]) * 16 + hex(text[at + 2]) == byte)
				return true;
			at += 3;
		} else if (text[at++] == byte) {
			return true;
		}
	}
	return false;
}

static enum http_check judge(struct http_policy *policy, const struct http_head *head,
			     const u8 *buf)
{
	enum http_check quick, close;

	http_policy_finish(policy, HTTP_HEAD_MAX, 0);
	quick = http_policy_check(policy, head, buf);
	close = http_policy_judge(policy, head, buf);
	ENSURE(quick == close, "check %d at first sight, then %d", quick, close);
	return close;
}

static void nothing_is_checked(struct http_policy *policy)
{
	http_policy_setup(policy);
	policy->methods[0] = '\0';
	policy->host_strict = false;
	policy->method_override = true;
	policy->trailer_split = true;
	policy->uri_length = HTTP_HEAD_MAX;
	policy->body_length = 0;
}

void fuzz_policy(const struct http_head *head, const u8 *buf, u8 byte)
{
	static struct http_policy policy;
	struct http_watch *watch;
	enum http_check check;
	size_t size;

	http_policy_setup(&policy);
	policy.uri_length = HTTP_HEAD_MAX;
	judge(&policy, head, buf);
	nothing_is_checked(&policy);
	check = judge(&policy, head, buf);
	ENSURE(check == HTTP_CHECK_NONE, "nothing is checked, check %d fails", check);
	ENSURE(!http_watch_size(&policy, head, buf), "watched for nothing");

	policy.uri_bytes.bits[byte / 64] &= ~(1ULL << byte % 64);
	check = judge(&policy, head, buf);
	ENSURE((check == HTTP_CHECK_URI_BYTES) ==
	       has_byte(buf + head->target.off, head->target.len, byte),
	       "0x%02x in the target: check %d", byte, check);

	policy.form_bytes = policy.uri_bytes;
	policy.trailer_split = false;
	size = http_watch_size(&policy, head, buf);
	if (!size)
		return;
	watch = fuzz_alloc(size);
	http_watch_init(watch, &policy, head, buf);
	ENSURE(watch->size == size && watch->count <= head->n_fields, "a watch of %u bytes",
	       watch->size);
	free(watch);
}
