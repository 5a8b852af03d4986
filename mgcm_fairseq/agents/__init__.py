"""SimulEval agents: arguments, states and one call into core.policy each."""
