"""Who answers: one module per provider, one contract."""
