"""Load and proof: seeded documents with known answers, replay, capacity, and a verifier that trusts nobody."""
