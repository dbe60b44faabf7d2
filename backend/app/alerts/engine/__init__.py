"""Pure decisions of alerts: conditions, lifecycle."""
