"""Whatever breaks, and wherever: nothing that was acknowledged is lost."""
