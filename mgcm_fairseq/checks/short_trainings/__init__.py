"""Ten short trainings and a translation by each policy, whose every digit shows whether a change changed a result."""
