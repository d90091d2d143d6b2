"""Statistics over finished records: intervals, tests, frames, leaderboards."""
