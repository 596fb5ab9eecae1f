// SPDX-License-Identifier: GPL-2.0-only
/* Weir: an HTTP reverse proxy and firewall in the kernel. */

#include <linux/module.h>
#include <linux/rcupdate.h>

#include "client.h"
#include "clients.h"
#include "control.h"
#include "exchange.h"
#include "keylog.h"
#include "leg.h"
#include "net.h"
#include "pipe.h"
#include "queue.h"
#include "signer.h"
#include "stock.h"
#include "tls_kernel.h"
#include "tls_server.h"

static int __init weir_init(void)
{
	int err;

	err = weir_keylog_init();
	if (err)
		return err;
	err = tls_engine_init();
	if (err)
		goto keylog;
	err = weir_queue_init();
	if (err)
		goto engine;
	err = weir_client_init();
	if (err)
		goto queue;
	err = weir_accounts_init();
	if (err)
		goto client;
	err = weir_leg_init();
	if (err)
		goto accounts;
	err = weir_net_init();
	if (err)
		goto leg;
	err = weir_control_init();
	if (err)
		goto net;
	return 0;
net:
	weir_net_exit();
leg:
	weir_leg_exit();
accounts:
	weir_accounts_exit();
client:
	weir_client_exit();
queue:
	weir_queue_exit();
engine:
	tls_engine_exit();
keylog:
	weir_keylog_exit();
	return err;
}

static void __exit weir_exit(void)
{
	weir_control_exit();
	weir_net_exit();
	weir_leg_exit();
	weir_signer_exit();
	weir_queue_exit();
	weir_exchange_exit();
	weir_pipe_exit();
	weir_stock_exit();
	/* Configurations, servers and groups are freed by functions of ours; groups by those. */
	rcu_barrier();
	rcu_barrier();
	weir_accounts_exit();
	weir_client_exit();
	weir_tls_kernel_exit();
	tls_engine_exit();
	weir_keylog_exit();
}

module_init(weir_init);
module_exit(weir_exit);

MODULE_DESCRIPTION("HTTP reverse proxy and firewall in softirq");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
MODULE_AUTHOR("The Weir contributors");
