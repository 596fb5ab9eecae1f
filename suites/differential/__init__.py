"""The differential suite: one message through Weir, nginx and HAProxy, and every difference explained by a rule."""
