"""What turns scored candidates into a slate: eligibility first, and nothing after it can undo it."""
