"""What is checked of the whole book: outputs, editions, planted faults, machines."""
