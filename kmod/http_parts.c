// SPDX-License-Identifier: GPL-2.0-only
#include "http_chars.h"
#include "http_parts.h"

static struct http_text text_of(const u8 *buf, struct http_span span)
{
	return (struct http_text){ .at = buf + span.off, .len = span.len };
}

bool http_host_of(const struct http_head *head, const u8 *buf, struct http_text *host)
{
	struct http_text text = text_of(buf, head->host);
	size_t end = 0;

	if (text.len && text.at[0] == '[') {
		/* The parser has seen the bracket that ends it. */
		while (text.at[end] != ']')
			end++;
		end++;
	} else {
		while (end < text.len && text.at[end] != ':') {
			if (text.at[end] == '%')
				return false;
			end++;
		}
		if (end > 1 && text.at[end - 1] == '.')
			end--;
	}
	host->at = text.at;
	host->len = end;
	return end <= HTTP_HOST_MAX;
}

size_t http_path_len(const struct http_head *head, const u8 *buf)
{
	const u8 *path = buf + head->path.off;
	size_t end = 0;

	while (end < head->path.len && path[end] != '?')
		end++;
	return end;
}

/* Whether three bytes at @at are an escape, and of what. */
static bool unescape(struct http_text text, size_t at, u8 *byte)
{
	if (text.len - at < 3 || !http_is(text.at[at + 1], HTTP_CHAR_HEX) ||
	    !http_is(text.at[at + 2], HTTP_CHAR_HEX))
		return false;
	*byte = http_hex_value(text.at[at + 1]) << 4 | http_hex_value(text.at[at + 2]);
	return true;
}

/* Whether a path is its own normal form: the common case, which costs no copy. */
static bool is_plain(struct http_text path)
{
	size_t i;

	for (i = 0; i < path.len; i++) {
		u8 byte = path.at[i];

		if (byte == '%' || byte == '\\')
			return false;
		if ((byte == '/' || byte == '.') && i && path.at[i - 1] == '/')
			return false;
	}
	return true;
}

/**
 * struct normal - a path being brought into its normal form
 * @out: what there is of it, which begins and so far ends with a slash between segments
 * @len: how much
 * @doubtful: it had an escaped slash, a backslash or an empty segment
 * @dots: it had a `.` or a `..`
 */
struct normal {
	u8 *out;
	size_t len;
	bool doubtful;
	bool dots;
};

/* Whether a segment is @dots dots, perhaps with parameters. */
static bool is_dots(const u8 *segment, size_t len, size_t dots)
{
	size_t i;

	for (i = 0; i < dots; i++)
		if (i == len || segment[i] != '.')
			return false;
	return len == dots || segment[dots] == ';';
}

/* The bytes from @from on are a segment: `.` and `..` are resolved.  False: they cannot be. */
static bool end_segment(struct normal *n, size_t from)
{
	size_t len = n->len - from;
	bool up = is_dots(n->out + from, len, 2);

	if (!up && !is_dots(n->out + from, len, 1))
		return true;
	if (len > 1 + up)
		return false;
	n->dots = true;
	n->len = from;
	if (!up)
		return true;
	if (from == 1)
		return false;
	/* The slash behind the segment before, then that segment. */
	n->len--;
	while (n->out[n->len - 1] != '/')
		n->len--;
	return true;
}

/* Returns false for a path that has no normal form. */
static bool normalise(struct normal *n, struct http_text path, size_t size)
{
	size_t segment = 0;
	size_t i = 0;

	while (i < path.len) {
		u8 byte = path.at[i];
		bool slash = byte == '/';

		if (byte == '%') {
			if (!unescape(path, i, &byte) || !byte)
				return false;
			i += 2;
		}
		i++;
		if (!slash && (byte == '/' || byte == '\\')) {
			n->doubtful = true;
			slash = true;
		}
		if (n->len == size)
			return false;
		if (!slash) {
			n->out[n->len++] = byte;
			continue;
		}
		if (n->len && n->len == segment) {
			n->doubtful = true;
			continue;
		}
		if (n->len && !end_segment(n, segment))
			return false;
		if (!n->len || n->out[n->len - 1] != '/')
			n->out[n->len++] = '/';
		segment = n->len;
	}
	return end_segment(n, segment) && !(n->doubtful && n->dots);
}

bool http_path_of(const struct http_head *head, const u8 *buf, u8 *out, size_t size,
		  struct http_text *path)
{
	static const u8 root[] = "/", server[] = "*";
	struct normal n = { .out = out };

	if (head->target_form == HTTP_TARGET_ASTERISK) {
		*path = (struct http_text){ .at = server, .len = 1 };
		return true;
	}
	path->at = buf + head->path.off;
	path->len = http_path_len(head, buf);
	if (!path->len) {
		*path = (struct http_text){ .at = root, .len = 1 };
		return true;
	}
	if (is_plain(*path))
		return true;
	if (!normalise(&n, *path, size))
		return false;
	*path = (struct http_text){ .at = out, .len = n.len };
	return true;
}

void http_query_of(const struct http_head *head, const u8 *buf, u8 *out, size_t size,
		   struct http_text *query)
{
	size_t path = http_path_len(head, buf);
	size_t len = 0;
	size_t i;

	*query = text_of(buf, head->path);
	/* Without the mark. */
	path += path < query->len;
	query->at += path;
	query->len -= path;
	for (i = 0; i < query->len && query->at[i] != '%'; i++)
		;
	if (i == query->len)
		return;
	for (i = 0; i < query->len && len < size; i++) {
		out[len] = query->at[i];
		if (query->at[i] == '%' && unescape(*query, i, &out[len]))
			i += 2;
		len++;
	}
	*query = (struct http_text){ .at = out, .len = len };
}

static struct http_text trimmed(const u8 *at, size_t len)
{
	while (len && http_is_space(at[0])) {
		at++;
		len--;
	}
	while (len && http_is_space(at[len - 1]))
		len--;
	return (struct http_text){ .at = at, .len = len };
}

bool http_cookie_next(struct http_text value, size_t *at, struct http_text *name,
		      struct http_text *content)
{
	size_t from = *at, to, equals;

	if (from >= value.len)
		return false;
	for (equals = from; equals < value.len; equals++)
		if (value.at[equals] == '=' || value.at[equals] == ';')
			break;
	for (to = equals; to < value.len && value.at[to] != ';'; to++)
		;
	*at = to + 1;
	*name = trimmed(value.at + from, equals - from);
	if (equals < to)
		equals++;
	*content = trimmed(value.at + equals, to - equals);
	return true;
}
