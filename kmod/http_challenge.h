/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a challenge takes out of a request, and what it says in a reply.
 *
 * No lock, no allocation, no sleep; any context.
 */
#ifndef WEIR_HTTP_CHALLENGE_H
#define WEIR_HTTP_CHALLENGE_H

#include "http_parser.h"
#include "http_token.h"

enum {
	/* Of a challenge's cookie, without the NUL. */
	HTTP_CHALLENGE_NAME_MAX	= 64,
	/* What http_session_cookie() and http_no_cookie() need at most beside the path. */
	HTTP_SET_COOKIE_MAX	= 256,
	/* Places in a page that a token is put into. */
	HTTP_PAGE_TOKENS	= 4,
};

/* A puzzle's answer comes in a cookie of the session's name and this. */
#define HTTP_ANSWER_SUFFIX "_pow"

/* To whom a browser sends a cookie along with requests that other sites cause. */
enum http_same_site {
	HTTP_SAME_SITE_LAX,	/* where the user is led here */
	HTTP_SAME_SITE_STRICT,	/* never */
	HTTP_SAME_SITE_NONE,	/* always */
	HTTP_SAME_SITE_UNSAID,
};

/**
 * struct http_cookie_style - how a session's cookie is set
 * @name: its name, a token
 * @path: its Path
 * @lifetime: seconds
 * @same_site: its SameSite
 * @secure: not over http
 * @http_only: not for scripts
 */
struct http_cookie_style {
	const char		*name;
	const char		*path;
	u64			lifetime;
	enum http_same_site	same_site;
	bool			secure;
	bool			http_only;
};

/**
 * http_cookie_find - the content of a request's cookie
 * @head: a request that is done
 * @buf: what it was parsed from
 * @name: of the cookie
 * @suffix: of its name; the first one of both counts
 * @content: set
 */
bool http_cookie_find(const struct http_head *head, const u8 *buf, const char *name,
		      const char *suffix, struct http_text *content);

/* Whether a cookie is one of a challenge, whose sessions have the cookie @name. */
bool http_cookie_is_ours(struct http_text cookie, const char *name);

/* Whether a request says that it would take HTML: by that name, not just anything. */
bool http_accepts_html(const struct http_head *head, const u8 *buf);

/*
 * Field lines for a reply, whole: at most @size bytes are written into @out; they
 * return how many there are (as snprintf() does, without a NUL).
 */
size_t http_session_cookie(u8 *out, size_t size, const struct http_cookie_style *style,
			   const char *session);
/* That removes an answer. */
size_t http_no_answer(u8 *out, size_t size, const char *name);

/**
 * struct http_page - a page with a puzzle
 * @text: all of it, HTTP_PUZZLE_TEXT bytes left for each token
 * @len: its length
 * @tokens: where tokens go
 * @token_count: how many
 */
struct http_page {
	u8	*text;
	size_t	len;
	size_t	tokens[HTTP_PAGE_TOKENS];
	u32	token_count;
};

/**
 * struct http_page_values - what goes into it
 * @cookie: name of the session's cookie, to which HTTP_ANSWER_SUFFIX is added
 * @difficulty: zero bits wanted
 * @min_time_ms: that it has to take
 */
struct http_page_values {
	const char	*cookie;
	u32		difficulty;
	u64		min_time_ms;
};

/**
 * http_page_fill - put values into a template
 * @page: its text is room for @size bytes; the rest is set
 * @size: 0 to learn what is needed
 * @template: with {{token}}, {{difficulty}}, {{cookie}} and {{min_time_ms}}
 * @values: for these
 *
 * Returns how many bytes there are, which is more than @size when it was cut
 * off; 0 for a template without a token, or with more than HTTP_PAGE_TOKENS.
 */
size_t http_page_fill(struct http_page *page, size_t size, struct http_text template,
		      const struct http_page_values *values);

#endif /* WEIR_HTTP_CHALLENGE_H */
