"""The loop of training: updates, schedules, targets, checkpoints."""
