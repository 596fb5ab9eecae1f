/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Field names that are known. Private to http_*.c; the tables are here for
 * http_known_name() alone, which is worth to be part of its caller's loop.
 */
#ifndef WEIR_HTTP_NAMES_H
#define WEIR_HTTP_NAMES_H

#include "http_parser.h"
#include "http_words.h"

enum {
	/* The longest known field name. */
	HTTP_NAME_MAX = 22,
	/* Room for two words, zeros behind the name. */
	HTTP_NAME_SIZE = 24,
	/* Of a letter, upper or lower case, these bits say which. */
	HTTP_LETTER = 0x1f,
	/* Bytes that http_known_name() looks at. */
	HTTP_KNOWN_LOOKS = 16,
};

/*
 * Names that are met often but mean nothing here, HTTP_FIELD_OTHER to all others:
 * it is quicker to know them than to look at their bytes.
 */
enum {
	HTTP_NAME_ACCEPT = HTTP_FIELD_COUNT,
	HTTP_NAME_ACCEPT_ENCODING,
	HTTP_NAME_ACCEPT_LANGUAGE,
	HTTP_NAME_ACCEPT_RANGES,
	HTTP_NAME_AGE,
	HTTP_NAME_ETAG,
	HTTP_NAME_EXPIRES,
	HTTP_NAME_LAST_MODIFIED,
	HTTP_NAME_LOCATION,
	HTTP_NAME_ORIGIN,
	HTTP_NAME_PRAGMA,
	HTTP_NAME_REFERER,
	HTTP_NAME_SERVER,
	HTTP_NAME_VARY,
	HTTP_NAME_COUNT,
};

/* In lower case, by id. */
extern const char http_names[HTTP_NAME_COUNT][HTTP_NAME_SIZE];
/* By length and first letter: an id, or HTTP_FIELD_OTHER for none; then on from one to the next. */
extern const u8 http_names_of[HTTP_NAME_MAX + 1][HTTP_LETTER + 1];
extern const u8 http_next_name[HTTP_NAME_COUNT];

static inline enum http_field_id http_id_of(u8 known)
{
	return known < HTTP_FIELD_COUNT ? known : HTTP_FIELD_OTHER;
}

/*
 * Whether eight bytes are a name's, which is in lower case: its letters, and
 * no other byte, may have been sent in upper case.
 */
static inline bool http_is_word_of(u64 sent, const char *name)
{
	u64 text = http_load((const u8 *)name);

	return (sent | (text >> 1 & HTTP_FOLD)) == text;
}

/*
 * Length of a name of at most 15 bytes, with a colon behind it, that is known,
 * and which field it is; 0: not known, or no name. Looks at HTTP_KNOWN_LOOKS bytes.
 */
static __always_inline size_t http_known_name(const u8 *name, enum http_field_id *id)
{
	u64 first = http_load(name), second = 0;
	u64 colon = http_equals(first, ':');
	size_t len;
	u8 known;

	if (colon) {
		len = http_first(colon);
		/* The bytes before the colon: all bits below its lowest. */
		first &= (colon ^ (colon - 1)) >> 8;
	} else {
		second = http_load(name + HTTP_WORD);
		colon = http_equals(second, ':');
		if (!colon)
			return 0;
		len = HTTP_WORD + http_first(colon);
		second &= (colon ^ (colon - 1)) >> 8;
	}
	known = http_names_of[len][name[0] & HTTP_LETTER];
	for (; known; known = http_next_name[known]) {
		if (!http_is_word_of(first, http_names[known]) ||
		    !http_is_word_of(second, http_names[known] + HTTP_WORD))
			continue;
		*id = http_id_of(known);
		return len;
	}
	return 0;
}

#endif /* WEIR_HTTP_NAMES_H */
