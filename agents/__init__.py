"""The Faust shell: transport, agent, batches, failure. Holds no rule."""
