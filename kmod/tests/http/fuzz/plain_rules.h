/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rules, judged a second time: docs/routing.md written down as plainly as it
 * goes, from the bytes of the request alone, for comparison with http_rules.c.
 */
#ifndef WEIR_TEST_PLAIN_RULES_H
#define WEIR_TEST_PLAIN_RULES_H

#include "message.h"
#include "written.h"

/**
 * struct plain_case - a request that is judged, and what came of it
 * @message: the request
 * @address: of the client
 * @mark: of its connection
 *
 * Set by plain_judge():
 * @unclear: a rule asked for what has no one meaning
 * @private: a rule asked for more than method and target
 * @marked: a rule has set a mark
 * @new_mark: which
 * @looked_at: rules
 */
struct plain_case {
	const struct message *message;
	const u8 *address;
	u32 mark;
	bool unclear;
	bool private;
	bool marked;
	u32 new_mark;
	u32 looked_at;
};

/* The rule that takes the request, NULL for none. */
const struct written_rule *plain_judge(const struct written_rules *rules, struct plain_case *c);

#endif /* WEIR_TEST_PLAIN_RULES_H */
