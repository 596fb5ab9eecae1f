/* SPDX-License-Identifier: GPL-2.0-only */
/* The netfilter hook in which packets of blocked clients die. */
#ifndef _WEIR_HOOK_H
#define _WEIR_HOOK_H

struct weir_config;
struct weir_net;

/*
 * Hook in where @config wants it, if anything is blocked, or a limit of @config
 * may block; what is hooked in elsewhere stays.  0 or a negative errno, when
 * nothing has changed.  Process context, under the namespace's lock; sleeps.
 */
int weir_hook_in(struct weir_net *wn, const struct weir_config *config);
/*
 * Hook out wherever the applied configuration and the block table do not want
 * it.  Softirqs may still be in the hook afterwards, until synchronize_net().
 * Process context, under the namespace's lock.
 */
void weir_hook_out(struct weir_net *wn);
/* Hook out altogether: the namespace goes.  Process context. */
void weir_hook_end(struct weir_net *wn);

#endif /* _WEIR_HOOK_H */
