"""What finished records say: statistics, the identity of methods and attackers, leaderboards."""
