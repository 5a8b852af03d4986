"""The paper's rows as trainings: what each starts from, what it will cost, and how it is started."""
