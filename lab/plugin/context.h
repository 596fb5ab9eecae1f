/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LAB_PLUGIN_CONTEXT_H
#define LAB_PLUGIN_CONTEXT_H

#include "blocks.h"

/* Count one run of @block on @cpu. */
void context_run(unsigned int cpu, struct block *block);
/* How often interrupts were seen to end that had not begun, or the other way round: 0 unless the kernel is unknown. */
uint64_t context_anomalies(void);

#endif
