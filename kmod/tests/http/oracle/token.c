// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes and checks tokens of challenges.  A question on standard input: a letter,
 * two lengths of four bytes each, little-endian, and so many bytes; the answer: a
 * length of four bytes and so many bytes.  tests/test_http_token.py compares it
 * with a second writing.
 *
 *	s SETTING AGENT	a session
 *	p SETTING AGENT	a puzzle
 *	S SETTING AGENT	the fault that is found in a session
 *	A SETTING AGENT	that in an answer, then its nonce and its time
 *
 * A setting is a struct setting, the virtual host's name and the text to check.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../../../http_token.h"

enum { PART_MAX = 1 << 16 };

/**
 * struct setting - what is asked about, numbers big-endian
 * @newer: bytes of that secret
 * @older: bytes of the one before
 * @client: the client's key
 * @nonce: of a puzzle
 * @now: in the token's unit
 * @least: time that an answer has to take
 * @most: that it may take, or a session's lifetime
 * @key: what the newer secret is called, one more than the older one
 * @kind: of a session; a puzzle's difficulty
 * @vhost: length of the virtual host's name
 */
struct setting {
	u8 newer[HTTP_SECRET_SIZE];
	u8 older[HTTP_SECRET_SIZE];
	u8 client[HTTP_CLIENT_SIZE];
	u8 nonce[HTTP_NONCE_SIZE];
	u8 now[8];
	u8 least[8];
	u8 most[8];
	u8 key;
	u8 kind;
	u8 vhost;
};

static u64 get(const u8 bytes[8])
{
	u64 number = 0;

	for (size_t i = 0; i < 8; i++)
		number = number << 8 | bytes[i];
	return number;
}

static u32 length(void)
{
	u8 bytes[4];

	if (fread(bytes, 1, sizeof(bytes), stdin) != sizeof(bytes))
		exit(1);
	return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (u32)bytes[3] << 24;
}

/* Memory of its own, for the sanitizer. */
static u8 *copy(const u8 *from, size_t len)
{
	u8 *to = malloc(len ? len : 1);

	if (!to || len > PART_MAX || (!from && fread(to, 1, len, stdin) != len))
		exit(1);
	if (from)
		memcpy(to, from, len);
	return to;
}

static size_t ask(int letter, const struct setting *setting, struct http_text text,
		  const struct http_bearer *bearer, u8 *answer)
{
	struct http_secrets secrets;
	struct http_answer found;
	u8 *at = answer;
	u64 issued;

	http_secret_set(&secrets.newer, setting->key, setting->newer);
	http_secret_set(&secrets.older, setting->key - 1, setting->older);
	switch (letter) {
	case 's':
		http_session_write((char *)answer, &secrets.newer, setting->kind,
				   get(setting->now), bearer);
		return HTTP_SESSION_TEXT;
	case 'p':
		http_puzzle_write((char *)answer, &secrets.newer, setting->nonce,
				  get(setting->now), setting->kind, bearer);
		return HTTP_PUZZLE_TEXT;
	case 'S':
		*at++ = http_session_check(&secrets, text, setting->kind, get(setting->now),
					   get(setting->most), bearer, &issued);
		break;
	default:
		*at++ = http_answer_check(&secrets, text, get(setting->now), get(setting->least),
					  get(setting->most), bearer, &found);
		memcpy(at, found.nonce, sizeof(found.nonce));
		at += sizeof(found.nonce);
		for (int shift = 56; shift >= 0; shift -= 8)
			*at++ = found.issued >> shift;
	}
	return at - answer;
}

int main(void)
{
	u8 answer[256];
	int letter;

	while ((letter = getchar()) != EOF) {
		size_t first_len = length(), agent_len = length(), len, rest;
		u8 *first = copy(NULL, first_len), *agent = copy(NULL, agent_len), *text, *vhost;
		const struct setting *setting = (const struct setting *)first;
		struct http_bearer bearer = { .client = setting->client };

		if (first_len < sizeof(*setting) + setting->vhost)
			exit(1);
		rest = first_len - sizeof(*setting) - setting->vhost;
		vhost = copy(first + sizeof(*setting), setting->vhost);
		text = copy(first + sizeof(*setting) + setting->vhost, rest);
		bearer.vhost = (struct http_text){ vhost, setting->vhost };
		bearer.agent = (struct http_text){ agent, agent_len };
		len = ask(letter, setting, (struct http_text){ text, rest }, &bearer, answer);
		for (int shift = 0; shift < 32; shift += 8)
			putchar(len >> shift & 0xff);
		fwrite(answer, 1, len, stdout);
		fflush(stdout);
		free(first);
		free(agent);
		free(vhost);
		free(text);
	}
	return 0;
}
